package kill_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/worldtest"
)

var worlds worldtest.Worlds

func TestMain(m *testing.M) { os.Exit(worlds.Run(m)) }

// seed returns the seed that the environment sets, or a new one.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("STEG_SEED")
	if text == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("STEG_SEED: %v", err)
	}
	return n
}

// database gives each homeserver another database under Steg, so that both are
// tested.
func database(kind world.Kind) world.Database {
	if kind == world.Synapse {
		return world.PostgreSQL
	}
	return world.SQLite
}

// within is a context for one wait.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
