package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// Reactions change in the commit that ends their item, or not at all.
func TestReactions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := must[*store.Instance](t)(s.AcquireInstance(ctx))
		items := commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(1), "a", "b", "c")}}).Grown[0].Items
		react := func(sender id.UserID, emoji string, event id.EventID) store.Reaction {
			return store.Reaction{
				School: "gym", Bridge: "mm", Portal: 1, Target: "post", Dir: store.DirOut, Sender: sender, Emoji: emoji,
				Event: event, At: time.UnixMilli(1_700_000_000_000).UTC(),
			}
		}
		list := func() []store.Reaction { return must[[]store.Reaction](t)(s.Reactions(ctx, 1, "post", store.DirOut)) }
		anna, beat, carla := react("@anna:x", "👍", "$1"), react("@beat:x", "👍", "$2"), react("@carla:x", "❤️", "")
		foreign := anna
		foreign.Portal, foreign.Event = 2, "$other"

		done := store.Done{Item: items[0], Verdict: store.Delivered, Reacted: []store.Reaction{anna, beat, carla, foreign}}
		commit(t, i, store.Batch{Ends: []store.Done{done}})
		if diff := cmp.Diff([]store.Reaction{anna, beat, carla}, list()); diff != "" {
			t.Error(diff)
		}
		commit(t, i, store.Batch{Ends: []store.Done{done}}) // it has ended: nothing changes
		if diff := cmp.Diff(beat, must[store.Reaction](t)(s.ReactionByEvent(ctx, 1, "$2"))); diff != "" {
			t.Error(diff)
		}
		for _, unknown := range []id.EventID{"$other", ""} {
			_, err := s.ReactionByEvent(ctx, 1, unknown)
			wantIs(t, err, store.ErrNoRow)
		}
		again := anna
		again.Event = "$9"
		commit(t, i, store.Batch{Ends: []store.Done{{
			Item: items[1], Verdict: store.Delivered,
			Unreacted: []store.Reaction{anna, beat}, Reacted: []store.Reaction{again},
		}}})
		if diff := cmp.Diff([]store.Reaction{again, carla}, list()); diff != "" {
			t.Error(diff)
		}
		if got := must[[]store.Reaction](t)(s.Reactions(ctx, 1, "post", store.DirIn)); len(got) != 0 {
			t.Errorf("from the network: %v", got)
		}
	})
}
