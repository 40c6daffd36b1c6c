package e2e_test

import (
	"fmt"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestBrokenWires breaks each connection of Steg in each way while people write.
// What was sent and not confirmed is the hard case: it must not come twice.
func TestBrokenWires(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), Proxied: true, Database: database(kind)})
		// One side writes in each, so that there is one right order.
		a, b := openAs(t, w, "teachers-write", "both"), openAs(t, w, "pupils-write", "both")
		arrivesOnMatrix := func(text string) { a.onMatrix(text) }
		arrivesOnMattermost := func(text string) { b.onMattermost(text) }
		for name, test := range map[string]struct {
			wire    *harness.Proxy
			arrives func(text string) // what the answer is about, although it is lost
		}{
			"Steg to homeserver": {w.Wires.ToHomeserver, arrivesOnMatrix},
			"homeserver to Steg": {w.Wires.ToGateway, arrivesOnMattermost},
			"Steg to Mattermost": {w.Wires.ToMattermost, arrivesOnMattermost},
		} {
			wire := test.wire
			both := func(text string) {
				// First on Matrix: what the post becomes there is pushed to Steg, too, and
				// after a push without an answer a homeserver makes no other.
				b.say(w.Carla, name+": "+text)
				a.post(w.Anna, name+": "+text)
			}
			both("before")
			a.onMatrix(name + ": before")
			b.onMattermost(name + ": before")

			wire.LoseAnswers(true)
			for i := range 3 {
				both(fmt.Sprintf("answers lost %d", i))
			}
			test.arrives(name + ": answers lost 0")
			wire.LoseAnswers(false)
			wire.Hang(true)
			both("hanging")
			wire.Hang(false)
			both("cut")
			wire.CutAll()
			check(t, wire.Refuse(soon(t), true))
			both("refused")
			check(t, wire.Refuse(soon(t), false))
			a.agree()
			b.agree()
		}
		check(t, w.Gateway.Settled(soon(t)))
	})
}
