package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func TestIdentities(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		now := time.Now()
		ctx, s := t.Context(), db.Open(t, func(o *store.Options) { o.Now = func() time.Time { return now } })
		ask := func(school bridge.SchoolID, user bridge.UserID, mxid id.UserID) store.Identity {
			t.Helper()
			i := store.Identity{
				School: school, Bridge: "mm", User: user, MXID: mxid, Ref: "ref " + string(user), State: store.IdentityAsked,
				Code: "hash", By: string(mxid),
			}
			ok(t, s.AddIdentity(ctx, &i))
			return i
		}
		set := func(i store.Identity, state store.IdentityState) error {
			return s.ChangeIdentity(ctx, i.ID, func(i *store.Identity) error { i.State, i.By = state, "admin"; return nil })
		}
		first := ask("gym", "u1", "@anna:x")
		second := ask("gym", "u2", "@anna:x")
		got := must[store.Identity](t)(s.Identity(ctx, second.ID))
		if diff := cmp.Diff(second, got, cmpopts.EquateApproxTime(time.Second)); diff != "" || got.Made.IsZero() {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
		if got := must[store.Identity](t)(s.Identity(ctx, first.ID)); got.State != store.IdentityEnded || got.Code != "" {
			t.Errorf("the earlier request: %+v", got)
		}
		_, err := s.Identity(ctx, 999)
		wantIs(t, err, store.ErrNoRow)

		// A refused change stores nothing; a stored one moves the revision.
		before := must[int64](t)(s.IdentityRevision(ctx))
		refused := errors.New("no")
		wantIs(t, s.ChangeIdentity(ctx, second.ID, func(i *store.Identity) error { i.Tries = 7; return refused }), refused)
		if got := must[store.Identity](t)(s.Identity(ctx, second.ID)); got.Tries != 0 {
			t.Errorf("a refused change is stored: %+v", got)
		}
		ok(t, set(second, store.IdentityApproved))
		if after := must[int64](t)(s.IdentityRevision(ctx)); after == before {
			t.Error("the revision did not move")
		}

		// One approved link per account and per person, in each school.
		other, twice := ask("gym", "u2", "@beat:x"), ask("gym", "u3", "@anna:x")
		wantIs(t, set(other, store.IdentityApproved), store.ErrExists)
		wantIs(t, set(twice, store.IdentityApproved), store.ErrExists)
		ok(t, set(ask("prim", "u2", "@anna:x"), store.IdentityApproved))
		ok(t, set(second, store.IdentityEnded))
		ok(t, set(other, store.IdentityApproved))

		if got := must[[]store.Identity](t)(s.Identities(ctx, store.IdentityApproved, store.IdentityProven)); len(got) != 2 {
			t.Errorf("approved and proven: %+v", got)
		}
		if got := must[[]store.Identity](t)(s.IdentitiesOf(ctx, "@anna:x")); len(got) != 4 {
			t.Errorf("of anna: %+v", got)
		}
		if got := must[[]store.Identity](t)(s.IdentitiesAbout(ctx, "mm", "u2")); len(got) != 3 {
			t.Errorf("about u2: %+v", got)
		}
		if got := must[[]store.Identity](t)(s.ActedAs(ctx)); len(got) != 3 || !got[0].Acted {
			t.Errorf("acted: %+v", got)
		}
		ended := must[[]store.Identity](t)(s.EndIdentities(ctx, "mm", "u2", "closed"))
		if len(ended) != 2 {
			t.Errorf("ended: %+v", ended)
		}
		if got := must[[]store.Identity](t)(s.Identities(ctx, store.IdentityApproved)); len(got) != 0 {
			t.Errorf("still approved: %+v", got)
		}

		// What led to nothing is forgotten, what held is not.
		now = now.Add(48 * time.Hour)
		ask("gym", "u9", "@carla:x")
		if got := must[[]store.Identity](t)(s.IdentitiesOf(ctx, "@anna:x")); len(got) != 2 {
			t.Errorf("of anna, two days later: %+v", got)
		}
	})
}

// TestFate asks about events that name an inbound item, in each state of the item.
func TestFate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := must[*store.Instance](t)(s.AcquireInstance(ctx))
		in := lane(1)
		in.Dir = store.DirIn
		items := commit(t, i, store.Batch{Intakes: []store.Intake{entries(in, "waits", "made", "reacted", "dropped", "dead", "half")}}).Grown[0].Items
		link := func(it store.Item, suffix string, kind store.LinkKind, ev id.EventID) store.Link {
			return store.Link{School: it.School, Bridge: it.Bridge, Portal: it.Portal, Dir: it.Dir, Key: it.Key + bridge.Key(suffix), Kind: kind, Event: ev}
		}
		made, half := items[1], items[5]
		reacted := store.Reaction{School: in.School, Bridge: in.Bridge, Portal: 1, Target: "post", Dir: store.DirIn, Sender: "@a:x", Emoji: "👍", Event: "$r", User: "u1"}
		commit(t, i, store.Batch{Ends: []store.Done{
			{Item: made, Verdict: store.Delivered, Links: []store.Link{link(made, "", store.LinkMessage, "$1"), link(made, " file 0", store.LinkMessage, "$2")}},
			{Item: items[2], Verdict: store.Delivered, Reacted: []store.Reaction{reacted}},
			{Item: items[3], Verdict: store.Dropped, Reason: "off"},
			{Item: items[4], Verdict: store.Dead, Reason: "no"},
			{Item: half, Verdict: store.Dead, Reason: "no", Links: []store.Link{link(half, " file 0", store.LinkOther, "$3")}},
		}})
		if got := must[[]store.Reaction](t)(s.Reactions(ctx, 1, "post", store.DirIn)); len(got) != 1 || got[0].User != "u1" {
			t.Errorf("reactions: %+v", got)
		}
		elsewhere := in
		elsewhere.Portal = 2
		for _, test := range []struct {
			lane  store.LaneKey
			key   bridge.Key
			event id.EventID
			want  store.Fate
		}{
			{in, "waits", "$x", store.FatePending},
			{in, "made", "$1", store.FateMade},
			{in, "made", "$2", store.FateMade},
			{in, "made", "$x", store.FateOther},
			{in, "made", "", store.FateOther},
			{in, "reacted", "$r", store.FateMade},
			{in, "reacted", "$x", store.FateOther},
			{in, "dropped", "$x", store.FateLost},
			{in, "dead", "$x", store.FateLost},
			{in, "half", "$3", store.FateMade},
			{in, "half", "$x", store.FateOther},
			{in, "hal", "$x", store.FateUnknown},
			{in, "unheard of", "$x", store.FateUnknown},
			{elsewhere, "waits", "$x", store.FateUnknown},
			{elsewhere, "made", "$1", store.FateUnknown},
		} {
			if got := must[store.Fate](t)(s.Fate(ctx, test.lane, test.key, test.event)); got != test.want {
				t.Errorf("%q in portal %d, %s: %q, want %q", test.key, test.lane.Portal, test.event, got, test.want)
			}
		}
	})
}
