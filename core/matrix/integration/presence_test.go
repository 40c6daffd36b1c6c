package integration_test

import (
	"os"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/integration/harness"
)

// TestPresence: people in a ghost's room see whether it is there, on homeservers that
// have presence switched on.
func TestPresence(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, synapse, harness.HomeserverOptions{Presence: true})
			room, ghost := w.room(t, "presence")
			w.seen(t, room, must(w.Send(t.Context(), message(room, ghost, "hello")))(t))
			shown := func(p event.Presence) func() bool {
				return func() bool {
					seen := must(w.anna.GetPresence(t.Context(), ghost))(t)
					own := must(w.PresenceOf(t.Context(), ghost))(t)
					return seen.Presence == p && own == p
				}
			}
			for _, p := range []event.Presence{event.PresenceOnline, event.PresenceUnavailable, event.PresenceOffline, event.PresenceOnline} {
				check(t, w.SetPresence(t.Context(), ghost, p))
				eventually(t, "the ghost is "+string(p), shown(p))
			}
			if synapse && os.Getenv("STEG_LONG") == "1" {
				eventually(t, "who is not told of again is offline", shown(event.PresenceOffline))
			}
		})
	}
}

// TestPresenceIsOff: a homeserver whose presence is off takes what it is told, and
// shows nothing.
func TestPresenceIsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	_, ghost := w.room(t, "presence")
	check(t, w.SetPresence(t.Context(), ghost, event.PresenceOnline))
	if got := must(w.PresenceOf(t.Context(), ghost))(t); got != event.PresenceOffline {
		t.Errorf("shown is %q", got)
	}
}
