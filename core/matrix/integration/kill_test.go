package integration_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// TestKills: the homeserver is killed while ghosts send. Looking before sending
// again leaves exactly one event per marker, in order.
func TestKills(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kills, each := 1, 25
			if os.Getenv("STEG_LONG") != "" {
				kills, each = 5, 100
			}
			newWorld(t, synapse).killWhileSending(t, kills, each)
		})
	}
}

func (w *world) killWhileSending(t *testing.T, kills, each int) {
	t.Helper()
	const ghosts = 4
	room, _ := w.room(t, "kills")
	start := time.Now()
	var wg sync.WaitGroup
	uncertain, found := make([]int, ghosts), make([]int, ghosts)
	for g := range ghosts {
		ghost := w.GhostID("mm", bridge.UserID(fmt.Sprint("kill", g)))
		check(t, w.EnsureJoined(t.Context(), room, ghost))
		wg.Go(func() {
			for n := range each {
				u, f := w.sendCarefully(t, message(room, ghost, fmt.Sprintf("%d.%d", g, n)), start)
				uncertain[g], found[g] = uncertain[g]+u, found[g]+f
			}
		})
	}
	for range kills {
		pause(t, time.Duration(200+rand.IntN(1500))*time.Millisecond)
		check(t, w.hs.Kill())
		check(t, w.hs.Start(t.Context()))
	}
	wg.Wait()
	t.Logf("uncertain %v, of which landed %v", uncertain, found)

	count := map[string]int{}
	next := map[id.UserID]int{}
	for _, ev := range must(w.anna.Events(t.Context(), room))(t) {
		raw, err := json.Marshal(ev.Content.Raw[intent.MarkerKey])
		var mark intent.Marker
		if err != nil || json.Unmarshal(raw, &mark) != nil || mark.ID == "" {
			continue
		}
		count[mark.ID]++
		var g, n int
		if _, err := fmt.Sscanf(mark.ID, "%d.%d", &g, &n); err != nil {
			t.Fatal(err)
		}
		if n < next[ev.Sender] {
			t.Errorf("%s came after %d", mark.ID, next[ev.Sender]-1)
		}
		next[ev.Sender] = n + 1
	}
	if len(count) != ghosts*each {
		t.Errorf("%d of %d arrived", len(count), ghosts*each)
	}
	for marker, n := range count {
		if n != 1 {
			t.Errorf("%s came %d times", marker, n)
		}
	}
}

// sendCarefully does what the engine does. It counts the uncertain attempts, and
// those of them that had landed.
func (w *world) sendCarefully(t *testing.T, m intent.Send, since time.Time) (uncertain, landed int) {
	t.Helper()
	for t.Context().Err() == nil {
		if uncertain > 0 {
			_, ok, err := w.Find(t.Context(), m.Room, m.As, m.Marker.ID, since)
			if err != nil {
				pause(t, 50*time.Millisecond)
				continue
			}
			if ok {
				return uncertain, 1
			}
		}
		_, err := w.Send(t.Context(), m)
		if err == nil {
			return uncertain, 0
		}
		if bridge.Classify(err) != bridge.ClassTemporary {
			t.Errorf("%s: %v", m.TxnID, err)
			return uncertain, 0
		}
		uncertain++
		pause(t, 50*time.Millisecond)
	}
	return uncertain, 0
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
