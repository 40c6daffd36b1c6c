package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// testSlot is a slot whose installation is counted and may fail.
func testSlot(t *testing.T, build func(dir string) error) (slot, *atomic.Int64) {
	t.Helper()
	var builds atomic.Int64
	return slot{
		dir: filepath.Join(t.TempDir(), "cache", "server-0123"),
		recipe: recipe{build: func(_ context.Context, _, dir string, _ func(string)) error {
			builds.Add(1)
			return build(dir)
		}},
	}, &builds
}

func writeServer(dir string) error {
	return os.WriteFile(filepath.Join(dir, "server"), []byte("x"), 0o600)
}

func TestCacheInstallsOnceForManyAtOnce(t *testing.T) {
	t.Parallel()
	place, builds := testSlot(t, writeServer)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := place.fill(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if !exists(filepath.Join(place.dir, "server")) {
				t.Error("filled without the server")
			}
		})
	}
	all.Wait()
	if got := builds.Load(); got != 1 {
		t.Errorf("built %d times, want once", got)
	}
}

func TestCacheKeepsNothingOfAFailedInstallation(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full")
	place, builds := testSlot(t, func(dir string) error { return errors.Join(writeServer(dir), broken) })
	for range 2 {
		if err := place.fill(t.Context(), nil); !errors.Is(err, broken) {
			t.Fatalf("fill: %v, want %v", err, broken)
		}
		if place.filled(t.Context()) {
			t.Fatal("filled after a failure")
		}
	}
	if got := builds.Load(); got != 2 {
		t.Errorf("tried %d times, want twice", got)
	}
	left, err := os.ReadDir(filepath.Dir(place.dir))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].Name() != "server-0123.lock" {
		t.Errorf("left behind: %v", left)
	}
}

func TestCacheInstallsAgainWhatHasBecomeUnusable(t *testing.T) {
	t.Parallel()
	place, builds := testSlot(t, writeServer)
	outside := filepath.Join(t.TempDir(), "python")
	place.recipe.usable = func(context.Context, string) error {
		_, err := os.Stat(outside)
		return err
	}
	if err := place.fill(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if place.filled(t.Context()) {
		t.Error("usable without what it needs")
	}
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := place.fill(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := builds.Load(); got != 1 {
		t.Errorf("built %d times, want once", got)
	}
}

func TestCacheStopsWaitingForTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("second lock: %v, want a deadline", err)
	}
	unlock()
	again, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestSlotsChangeWithThePins(t *testing.T) { // not parallel: it sets the environment
	root := t.TempDir()
	t.Setenv("STEG_ROOT", root)
	t.Setenv("STEG_TEST_CACHE", filepath.Join(root, "cache"))
	pins := filepath.Join(root, "integration", "servers", "synapse")
	if err := os.MkdirAll(pins, 0o750); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, text := range []string{"matrix-synapse==1\n", "matrix-synapse==2\n", "matrix-synapse==1\n"} {
		if err := os.WriteFile(filepath.Join(pins, "requirements.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		place, err := slotOf(SynapseServer)
		if err != nil {
			t.Fatal(err)
		}
		seen[place.dir] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d slots for 2 different pins: %v", len(seen), seen)
	}
	_, err := Installed(t.Context(), SynapseServer)
	missing, ok := errors.AsType[*MissingError](err)
	if !ok || missing.Program != "synapse" || !strings.Contains(missing.Remedy, "make servers") {
		t.Errorf("Installed: %v, want a MissingError that names the remedy", err)
	}
}
