package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/world"
)

func TestPins(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		post := k.post(w.Anna, "Regeln")
		rules := k.onMatrix("Regeln").ID
		said := k.say(w.Carla, "Frage")
		asked := k.onMattermost("Frage").ID

		check(t, w.Anna.Call(soon(t), "POST", "/posts/"+post+"/pin", nil, nil))
		k.pinnedHere(rules)
		check(t, w.Beat.Call(soon(t), "POST", "/posts/"+asked+"/pin", nil, nil))
		k.pinnedHere(rules, said)
		check(t, w.Anna.Call(soon(t), "POST", "/posts/"+post+"/unpin", nil, nil))
		k.pinnedHere(said)

		// Those who may on Matrix: the school's administrators.
		k.join(w.Admin)
		_, err := w.Admin.SendStateEvent(soon(t), k.room, event.StatePinnedEvents, "", &event.PinnedEventsEventContent{Pinned: []id.EventID{rules}})
		check(t, err)
		k.pinnedThere(post)
		k.settle()
	})
}

// pinnedHere waits until exactly these are pinned on Matrix.
func (k *talk) pinnedHere(want ...id.EventID) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "the room's pins", func(ctx context.Context) error {
		var content event.PinnedEventsEventContent
		err := k.w.Carla.StateEvent(ctx, k.room, event.StatePinnedEvents, "", &content)
		if err == nil && !slices.Equal(content.Pinned, want) {
			err = fmt.Errorf("%v, want %v", content.Pinned, want)
		}
		return err
	}))
}

// pinnedThere waits until exactly these are pinned on Mattermost.
func (k *talk) pinnedThere(want ...string) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "the channel's pins", func(ctx context.Context) error {
		var list struct {
			Order []string `json:"order"`
		}
		err := k.w.Anna.Call(ctx, "GET", "/channels/"+k.channel.ID+"/pinned", nil, &list)
		if err == nil && !slices.Equal(list.Order, want) {
			err = fmt.Errorf("%v, want %v", list.Order, want)
		}
		return err
	}))
}
