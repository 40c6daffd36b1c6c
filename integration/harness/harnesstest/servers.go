package harnesstest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
)

// Servers are the servers that the tests of one package share. Each starts
// when the first test asks for it. A package declares one and ends it in
// TestMain:
//
//	var servers harnesstest.Servers
//
//	func TestMain(m *testing.M) { os.Exit(servers.Run(m)) }
//
// Tests that stop, break or reconfigure a server start their own.
type Servers struct {
	// PostgresNoSync makes the shared cluster skip fsync.
	PostgresNoSync bool

	postgres   shared[*harness.Postgres]
	dendrite   shared[*harness.Homeserver]
	synapse    shared[*harness.Homeserver]
	mattermost shared[*harness.Mattermost]

	mu     sync.Mutex
	dir    string
	stops  []func(context.Context) error
	serial atomic.Int64
}

// shared is a server that is started at most once. A failed start is not
// repeated, so that every test reports the same reason at once.
type shared[T any] struct {
	once sync.Once
	made T
	err  error
}

// Run runs the tests (m is a *testing.M, or a wrapper that ends what uses the
// servers) and stops the servers afterwards. Its result is the exit code for
// os.Exit.
func (s *Servers) Run(m interface{ Run() int }) int {
	code := m.Run()
	if err := s.stop(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "stop shared servers:", err)
		return max(code, 1)
	}
	return code
}

// Unique returns base with a number that no other call has got. Tests that
// share a server, or are run several times by -count, name people, teams and
// rooms with it.
func (s *Servers) Unique(base string) string {
	return fmt.Sprintf("%s-%d", base, s.serial.Add(1))
}

// Postgres returns the shared cluster.
func (s *Servers) Postgres(tb testing.TB) *harness.Postgres {
	tb.Helper()
	cluster, err := s.cluster()
	Require(tb, err)
	return cluster
}

// Database creates an empty database for this test and returns its URL.
func (s *Servers) Database(tb testing.TB) string {
	tb.Helper()
	cluster := s.Postgres(tb)
	name := s.Unique("test")
	dsn, err := cluster.CreateDatabase(tb.Context(), name)
	Require(tb, err)
	tb.Cleanup(func() {
		if err := cluster.DropDatabase(context.Background(), name); err != nil {
			tb.Error(err)
		}
	})
	return dsn
}

// Dendrite returns the shared Dendrite, which has no application service.
func (s *Servers) Dendrite(tb testing.TB) *harness.Homeserver {
	tb.Helper()
	return s.homeserver(tb, &s.dendrite, "dendrite", harness.StartDendrite)
}

// Synapse returns the shared Synapse, which has no application service.
func (s *Servers) Synapse(tb testing.TB) *harness.Homeserver {
	tb.Helper()
	return s.homeserver(tb, &s.synapse, "synapse", harness.StartSynapse)
}

// Mattermost returns the shared Mattermost, which runs on the shared cluster.
func (s *Servers) Mattermost(tb testing.TB) *harness.Mattermost {
	tb.Helper()
	cluster := s.Postgres(tb)
	s.mattermost.once.Do(func() {
		s.mattermost.made, s.mattermost.err = launch(s, "mattermost", func(ctx context.Context, dir string) (*harness.Mattermost, error) {
			return harness.StartMattermost(ctx, harness.MattermostOptions{Dir: dir, Postgres: cluster})
		})
	})
	Require(tb, s.mattermost.err)
	return s.mattermost.made
}

func (s *Servers) cluster() (*harness.Postgres, error) {
	s.postgres.once.Do(func() {
		s.postgres.made, s.postgres.err = launch(s, "postgres", func(ctx context.Context, dir string) (*harness.Postgres, error) {
			return harness.StartPostgres(ctx, harness.PostgresOptions{Dir: dir, NoSync: s.PostgresNoSync})
		})
	})
	return s.postgres.made, s.postgres.err
}

func (s *Servers) homeserver(
	tb testing.TB, place *shared[*harness.Homeserver], name string,
	begin func(context.Context, harness.HomeserverOptions) (*harness.Homeserver, error),
) *harness.Homeserver {
	tb.Helper()
	place.once.Do(func() {
		place.made, place.err = launch(s, name, func(ctx context.Context, dir string) (*harness.Homeserver, error) {
			return begin(ctx, harness.HomeserverOptions{Dir: dir, ServerName: "hs.test"})
		})
	})
	Require(tb, place.err)
	return place.made
}

// launch starts a server in a folder of the shared ones and remembers to stop
// it. It does not use the context of the test that came first, because the
// server outlives that test.
func launch[T interface {
	Stop(ctx context.Context) error
}](
	s *Servers, name string, begin func(ctx context.Context, dir string) (T, error),
) (T, error) {
	var none T
	dir, err := s.folder()
	if err != nil {
		return none, err
	}
	made, err := start(context.Background(), func(ctx context.Context) (T, error) {
		return begin(ctx, filepath.Join(dir, name))
	})
	if err != nil {
		return none, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops = append(s.stops, made.Stop)
	return made, nil
}

// folder returns the folder of all shared servers, open to the account that
// runs PostgreSQL for root.
func (s *Servers) folder() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != "" {
		return s.dir, nil
	}
	dir, err := os.MkdirTemp("", "steg-test-")
	if err != nil {
		return "", err
	}
	s.dir = dir
	return dir, os.Chmod(dir, 0o755)
}

// stop ends the servers in reverse order and removes their folder.
func (s *Servers) stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first error
	for _, stop := range slices.Backward(s.stops) {
		if err := stop(ctx); err != nil && first == nil {
			first = err
		}
	}
	if s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil && first == nil {
			first = err
		}
	}
	return first
}
