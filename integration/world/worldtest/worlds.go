// Package worldtest lends worlds to tests: shared ones for tests that break
// nothing, own ones for the others. It skips or fails when a server is missing,
// ends everything, and keeps the logs of failed tests.
package worldtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
	"github.com/steg-bridge/steg/integration/world"
)

// Worlds are those of one package. A package declares one and ends it in
// TestMain:
//
//	var worlds worldtest.Worlds
//
//	func TestMain(m *testing.M) { os.Exit(worlds.Run(m)) }
type Worlds struct {
	// Shape completes the options of shared worlds, whose team is named already.
	Shape func(o *world.Options)

	servers harnesstest.Servers
	build   struct {
		once sync.Once
		dir  string
		path string
		err  error
	}
	mu     sync.Mutex
	shared map[world.Kind]*entry
}

// entry is a shared world, made at most once. A failure is not repeated.
type entry struct {
	once sync.Once
	w    *world.World
	err  error
}

// Long reports whether everything shall be tested, however long it takes.
func Long() bool { return os.Getenv("STEG_LONG") == "1" }

// Run runs the tests and ends the shared worlds and servers. Its result is the
// exit code for os.Exit.
func (ws *Worlds) Run(m *testing.M) int {
	ws.servers.PostgresNoSync = true
	// The servers outlive the worlds.
	return ws.servers.Run(ending{m, ws})
}

// ending is a test run after which the shared worlds end.
type ending struct {
	m  *testing.M
	ws *Worlds
}

// Run runs the tests.
func (e ending) Run() int {
	code := e.m.Run()
	for kind, shared := range e.ws.shared {
		if shared.w == nil {
			continue
		}
		for _, err := range []error{shared.w.Gateway.Trouble(), shared.w.Close(context.Background())} {
			if err != nil {
				fmt.Fprintf(os.Stderr, "shared world on %s: %v\n", kind, err)
				code = max(code, 1)
			}
		}
	}
	if e.ws.build.dir != "" {
		if err := os.RemoveAll(e.ws.build.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Shared returns the running world of a kind that tests share. They must not
// break it, and each uses its own channels.
func (ws *Worlds) Shared(tb testing.TB, kind world.Kind) *world.World {
	tb.Helper()
	// These may skip the test, which must not happen inside of Do.
	options := world.Options{Homeserver: kind, Postgres: ws.Postgres(tb), Mattermost: ws.Mattermost(tb)}
	ws.mu.Lock()
	if ws.shared == nil {
		ws.shared = make(map[world.Kind]*entry)
	}
	shared := ws.shared[kind]
	if shared == nil {
		shared = &entry{}
		ws.shared[kind] = shared
	}
	ws.mu.Unlock()
	shared.once.Do(func() {
		// The world outlives the test that came first, and so does its context.
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		options.Team = ws.newTeam()
		if ws.Shape != nil {
			ws.Shape(&options)
		}
		if shared.w, shared.err = ws.make(ctx, options); shared.err == nil {
			shared.err = shared.w.Gateway.Start(ctx)
		}
		if shared.err == nil {
			shared.err = shared.w.Gateway.Connected(ctx)
		}
	})
	harnesstest.Require(tb, shared.err)
	keepLogs(tb, shared.w)
	return shared.w
}

// Own returns a world for this test only, on the shared PostgreSQL, and with a
// Mattermost of its own unless options name one. Steg is configured and not
// started.
func (ws *Worlds) Own(tb testing.TB, options world.Options) *world.World {
	tb.Helper()
	options.Postgres = ws.Postgres(tb)
	w, err := ws.make(tb.Context(), options)
	harnesstest.Require(tb, err)
	tb.Cleanup(func() {
		for _, err := range []error{w.Gateway.Trouble(), w.Close(context.Background())} {
			if err != nil {
				tb.Error(err)
			}
		}
	})
	keepLogs(tb, w)
	return w
}

// Postgres is the cluster of all worlds.
func (ws *Worlds) Postgres(tb testing.TB) *harness.Postgres {
	tb.Helper()
	return ws.servers.Postgres(tb)
}

// Mattermost is the server of the shared worlds.
func (ws *Worlds) Mattermost(tb testing.TB) *harness.Mattermost {
	tb.Helper()
	return ws.servers.Mattermost(tb)
}

// make makes a world, and installs its homeserver where nothing may be skipped.
func (ws *Worlds) make(ctx context.Context, options world.Options) (*world.World, error) {
	if options.Binary == "" {
		path, err := ws.binary(ctx)
		if err != nil {
			return nil, err
		}
		options.Binary = path
	}
	if options.Team == "" {
		options.Team = ws.newTeam()
	}
	if harnesstest.MustRun() {
		server := harness.DendriteServer
		if options.Homeserver == world.Synapse {
			server = harness.SynapseServer
		}
		if _, err := harness.Install(ctx, server, nil); err != nil {
			return nil, err
		}
	}
	return world.New(ctx, options)
}

// newTeam names a team that no other world of this package has.
func (ws *Worlds) newTeam() string { return ws.servers.Unique("gym") }

// binary builds the program once.
func (ws *Worlds) binary(ctx context.Context) (string, error) {
	b := &ws.build
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "steg-build-"); b.err == nil {
			b.path, b.err = world.Build(ctx, b.dir)
		}
	})
	return b.path, b.err
}

// keepLogs saves a world's logs when the test fails.
func keepLogs(tb testing.TB, w *world.World) {
	tb.Helper()
	tb.Cleanup(func() {
		if !tb.Failed() {
			return
		}
		if err := w.SaveLogs(tb.ArtifactDir()); err != nil {
			tb.Log(err)
		}
		tb.Logf("end of steg's log (all logs with go test -artifacts):\n%s", w.Gateway.LogTail())
	})
}
