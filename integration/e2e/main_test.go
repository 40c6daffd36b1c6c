package e2e_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/worldtest"
)

// worlds are shared by all tests of the package.
var worlds = worldtest.Worlds{Shape: func(o *world.Options) {
	o.Channels = 1
	// Networks fetch the pictures of Matrix people from here.
	o.PublicURL = true
	o.Beside = true
	o.Portals = []world.Portal{{Chat: o.Team + "/channel-*", Mode: "both"}}
}}

func TestMain(m *testing.M) { os.Exit(worlds.Run(m)) }

// patience bounds every wait of a test. What takes longer has failed.
const patience = 150 * time.Second

// core tests run on every homeserver, always.
func core(t *testing.T, test func(t *testing.T, kind world.Kind)) {
	t.Helper()
	for _, kind := range world.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// full tests run on Dendrite, and with STEG_LONG=1 on every homeserver.
func full(t *testing.T, test func(t *testing.T, kind world.Kind)) {
	t.Helper()
	for _, kind := range world.Kinds() {
		if kind != world.Dendrite && !worldtest.Long() {
			continue
		}
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// shared is core or full for tests on the shared world.
func shared(
	t *testing.T, run func(*testing.T, func(*testing.T, world.Kind)), test func(t *testing.T, w *world.World),
) {
	t.Helper()
	run(t, func(t *testing.T, kind world.Kind) {
		t.Helper()
		test(t, worlds.Shared(t, kind))
	})
}

// soon is a context for one wait.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
