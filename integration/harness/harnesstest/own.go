package harnesstest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
)

// Postgres starts a cluster for this test only.
func Postgres(tb testing.TB, options harness.PostgresOptions) *harness.Postgres {
	tb.Helper()
	if options.Dir == "" {
		options.Dir = openDir(tb)
	}
	cluster, err := start(tb.Context(), func(ctx context.Context) (*harness.Postgres, error) {
		return harness.StartPostgres(ctx, options)
	})
	Require(tb, err)
	endWithTest(tb, cluster)
	return cluster
}

// Dendrite starts a Dendrite for this test only. An empty Dir means a folder of
// the test, an empty ServerName means hs.test.
func Dendrite(tb testing.TB, options harness.HomeserverOptions) *harness.Homeserver {
	tb.Helper()
	return homeserver(tb, options, harness.StartDendrite)
}

// Synapse starts a Synapse for this test only, as [Dendrite] does.
func Synapse(tb testing.TB, options harness.HomeserverOptions) *harness.Homeserver {
	tb.Helper()
	return homeserver(tb, options, harness.StartSynapse)
}

// Mattermost starts a Mattermost for this test only. An empty Dir means a
// folder of the test; Postgres is required.
func Mattermost(tb testing.TB, options harness.MattermostOptions) *harness.Mattermost {
	tb.Helper()
	if options.Dir == "" {
		options.Dir = tb.TempDir()
	}
	server, err := start(tb.Context(), func(ctx context.Context) (*harness.Mattermost, error) {
		return harness.StartMattermost(ctx, options)
	})
	Require(tb, err)
	endWithTest(tb, server)
	return server
}

// Proxy starts a proxy to target and closes it after the test.
func Proxy(tb testing.TB, target string) *harness.Proxy {
	tb.Helper()
	proxy, err := harness.StartProxy(tb.Context(), target)
	Require(tb, err)
	tb.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			tb.Errorf("close proxy: %v", err)
		}
	})
	return proxy
}

func homeserver(
	tb testing.TB, options harness.HomeserverOptions,
	begin func(context.Context, harness.HomeserverOptions) (*harness.Homeserver, error),
) *harness.Homeserver {
	tb.Helper()
	if options.Dir == "" {
		options.Dir = tb.TempDir()
	}
	if options.ServerName == "" {
		options.ServerName = "hs.test"
	}
	server, err := start(tb.Context(), func(ctx context.Context) (*harness.Homeserver, error) {
		return begin(ctx, options)
	})
	Require(tb, err)
	endWithTest(tb, server)
	return server
}

// running is what every server can do.
type running interface {
	Stop(ctx context.Context) error
	LogPath() string
	LogTail() string
}

// endWithTest stops a server after the test and keeps the log of a failed one.
// The context of the test is over by then.
func endWithTest(tb testing.TB, server running) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			tb.Error(err)
		}
		if !tb.Failed() {
			return
		}
		text, err := os.ReadFile(server.LogPath())
		if err != nil {
			tb.Log(err)
			return
		}
		kept := filepath.Join(tb.ArtifactDir(), filepath.Base(server.LogPath()))
		if err := os.WriteFile(kept, text, 0o600); err != nil {
			tb.Log(err)
		}
		tb.Logf("end of %s (whole file with go test -artifacts):\n%s", filepath.Base(kept), server.LogTail())
	})
}

// openDir is like TempDir, but its parents are open to the account that runs
// PostgreSQL for root.
func openDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "steg-test-") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}
