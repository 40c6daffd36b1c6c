package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/integration/world"
)

// TestPresence shows a pupil whether a teacher is online. Dendrite has no presence
// unless it is switched on.
func TestPresence(t *testing.T) {
	t.Parallel()
	w := worlds.Shared(t, world.Synapse)
	k := open(t, w, "both")
	teacher, err := w.Hire(soon(t), channelName(t), "Paula", "Punkt")
	check(t, err)
	check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, teacher.ID))
	k.post(teacher, "hello") // makes her ghost
	k.onMatrix("hello")
	for _, p := range []struct {
		there string
		here  event.Presence
	}{{"online", event.PresenceOnline}, {"dnd", event.PresenceUnavailable}} {
		status := map[string]string{"user_id": teacher.ID, "status": p.there}
		check(t, teacher.Call(soon(t), http.MethodPut, "/users/"+teacher.ID+"/status", status, nil))
		check(t, world.Until(soon(t), "the ghost to be "+string(p.here), func(ctx context.Context) error {
			seen, err := w.Carla.GetPresence(ctx, w.Ghost(teacher))
			if err == nil && seen.Presence != p.here {
				err = fmt.Errorf("it is %s", seen.Presence)
			}
			return err
		}))
	}
}
