package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/integration/harness"
)

// TestKills: the homeserver is killed while ghosts send, each into a room of its
// own. Looking before sending again leaves exactly one event per marker, in
// order. The long run also waits for what Dendrite's queue holds for 5 minutes.
func TestKills(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kills, each := 1, 25
			if os.Getenv("STEG_LONG") != "" {
				kills, each = 5, 200
			}
			newWorld(t, synapse).killWhileSending(t, kills, each)
		})
	}
}

func (w *world) killWhileSending(t *testing.T, kills, each int) {
	t.Helper()
	const ghosts = 8
	start := time.Now()
	rooms := make([]id.RoomID, ghosts)
	var wg sync.WaitGroup
	uncertain, found := make([]int, ghosts), make([]int, ghosts)
	for g := range ghosts {
		rooms[g], _ = w.room(t, fmt.Sprint("kills_", g))
		ghost := w.GhostID("mm", bridge.UserID(fmt.Sprint("kill", g)))
		check(t, w.EnsureJoined(t.Context(), rooms[g], ghost))
		// Known to be there, so that the room counts as quiet.
		must(w.Send(t.Context(), message(rooms[g], ghost, fmt.Sprintf("%d.0", g))))(t)
		wg.Go(func() {
			for n := 1; n < each; n++ {
				u, f := w.sendCarefully(t, message(rooms[g], ghost, fmt.Sprintf("%d.%d", g, n)), start)
				uncertain[g], found[g] = uncertain[g]+u, found[g]+f
			}
		})
	}
	for n := range kills {
		if n > 0 && !w.synapse {
			pause(t, 36*time.Second) // until the ghosts go on, see trust.go
		}
		pause(t, time.Duration(200+rand.IntN(1500))*time.Millisecond)
		check(t, w.hs.Kill())
		check(t, w.hs.Start(t.Context()))
	}
	wg.Wait()
	t.Logf("uncertain %v, of which landed %v", uncertain, found)
	if os.Getenv("STEG_LONG") != "" && !w.synapse {
		pause(t, 6*time.Minute)
	}

	for _, room := range rooms { // what was acknowledged may stay hidden for half a minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := w.anna.WaitForAll(ctx, room, func(all []harness.MatrixMessage) bool { return len(all) >= each })
		cancel()
		check(t, err)
	}
	count := map[string]int{}
	next := map[id.UserID]int{}
	for _, ev := range w.everything(t, rooms) {
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

// everything lists the events of rooms, each room's in its order.
func (w *world) everything(t *testing.T, rooms []id.RoomID) []*event.Event {
	t.Helper()
	var all []*event.Event
	for _, room := range rooms {
		all = append(all, must(w.anna.Events(t.Context(), room))(t)...)
	}
	return all
}

// sendCarefully does what the engine does. It counts the uncertain attempts, and
// those of them that had landed.
func (w *world) sendCarefully(t *testing.T, m intent.Send, since time.Time) (uncertain, landed int) {
	t.Helper()
	m.Time = time.Now() // fixed: a repeat is then the same event
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
