package matrix_test

import (
	"errors"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func TestPresence(t *testing.T) {
	t.Parallel()
	for _, dialect := range []matrixtest.Dialect{matrixtest.Dendrite, matrixtest.Synapse} {
		for name, off := range map[string]bool{"on": false, "off": true} {
			t.Run(string(dialect)+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, dialect)
				_, ghost := w.portal(t, "presence")
				if off {
					w.hs.HidePresence()
				}
				for _, told := range []event.Presence{"", event.PresenceOnline, event.PresenceUnavailable, event.PresenceOffline} {
					want := told
					if told != "" {
						if err := w.SetPresence(t.Context(), ghost, told); err != nil {
							t.Fatal(err)
						}
					}
					if off || told == "" {
						want = event.PresenceOffline
					}
					if got, err := w.PresenceOf(t.Context(), ghost); err != nil || got != want {
						t.Errorf("told %q, shown is %q (%v), want %q", told, got, err, want)
					}
				}
				if _, err := w.PresenceOf(t.Context(), w.GhostID("mm", "nobody")); !errors.Is(err, bridge.ErrForbidden) {
					t.Errorf("presence of nobody: %v", err)
				}
			})
		}
	}
}
