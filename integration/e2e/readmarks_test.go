package e2e_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/world"
)

// TestReadMarks shows a pupil that a message has reached Mattermost.
func TestReadMarks(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		for _, text := range []string{"one", "two"} {
			said := k.say(w.Carla, text)
			k.onMattermost(text)
			check(t, world.Until(soon(t), "the message to be marked", func(ctx context.Context) error {
				return k.marked(ctx, said)
			}))
		}
	})
}

// marked looks whether the bot has marked an event as read.
func (k *talk) marked(ctx context.Context, said id.EventID) error {
	answer, err := k.w.Dario.FullSyncRequest(ctx, mautrix.ReqSync{
		FilterID: `{"room":{"rooms":["` + k.room.String() + `"],"timeline":{"limit":1}}}`,
	})
	if err != nil {
		return err
	}
	joined := answer.Rooms.Join[k.room]
	if joined == nil {
		return errors.New("the room is not told")
	}
	bot := k.w.BotID()
	if !slices.ContainsFunc(joined.Ephemeral.Events, func(ev *event.Event) bool {
		if ev.Type.Type != event.EphemeralEventReceipt.Type || ev.Content.ParseRaw(event.EphemeralEventReceipt) != nil {
			return false
		}
		_, marked := (*ev.Content.AsReceipt())[said][event.ReceiptTypeRead][bot]
		return marked
	}) {
		return errors.New("not yet")
	}
	return nil
}
