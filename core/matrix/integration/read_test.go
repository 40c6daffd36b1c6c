package integration_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// TestRead: another person in the room sees how far the bot has marked it as read.
func TestRead(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, synapse)
			room, _ := w.room(t, "read")
			said := must(w.anna.Say(t.Context(), room, "hello"))(t)
			w.seen(t, room, said)
			check(t, w.Read(t.Context(), room, said))
			eventually(t, "the mark is seen", func() bool {
				answer := must(w.anna.FullSyncRequest(t.Context(), mautrix.ReqSync{
					FilterID: `{"room":{"rooms":["` + room.String() + `"],"timeline":{"limit":1}}}`,
				}))(t)
				joined := answer.Rooms.Join[room]
				return joined != nil && slices.ContainsFunc(joined.Ephemeral.Events, func(ev *event.Event) bool {
					if ev.Type.Type != event.EphemeralEventReceipt.Type || ev.Content.ParseRaw(event.EphemeralEventReceipt) != nil {
						return false
					}
					_, marked := (*ev.Content.AsReceipt())[said][event.ReceiptTypeRead][w.Bot()]
					return marked
				})
			})
		})
	}
}

// eventually asks again and again, at most for a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
