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

// TestKills: the homeserver is killed again and again while ghosts send. Looking
// before sending again leaves exactly one event per marker, in order.
func TestKills(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		kills, ghosts, each := 3, 4, 25
		if w.synapse {
			kills = 1 // its start takes ten seconds
		}
		if os.Getenv("STEG_LONG") != "" {
			kills, each = kills*5, each*5
		}
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
			pause := time.NewTimer(time.Duration(200+rand.IntN(1500)) * time.Millisecond)
			<-pause.C
			check(t, w.hs.Kill())
			check(t, w.hs.Start(t.Context()))
		}
		wg.Wait()
		t.Logf("uncertain %v, of which landed %v", uncertain, found)

		count := map[string]int{}
		last := map[id.UserID]int{}
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
			if n+1 <= last[ev.Sender] {
				t.Errorf("%s came after %d", mark.ID, last[ev.Sender])
			}
			last[ev.Sender] = n + 1
		}
		if len(count) != ghosts*each {
			t.Errorf("%d of %d arrived", len(count), ghosts*each)
		}
		for marker, n := range count {
			if n != 1 {
				t.Errorf("%s came %d times", marker, n)
			}
		}
	})
}

// sendCarefully does what the engine does. It counts the uncertain attempts, and
// those of them that had landed.
func (w *world) sendCarefully(t *testing.T, m intent.Send, since time.Time) (uncertain, landed int) {
	t.Helper()
	for t.Context().Err() == nil {
		if uncertain > 0 {
			_, ok, err := w.Find(t.Context(), m.Room, m.As, m.Marker.ID, since)
			if err != nil {
				wait(t)
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
		wait(t)
	}
	return uncertain, 0
}

func wait(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(20 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
