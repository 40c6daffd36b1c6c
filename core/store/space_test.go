package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func TestSpaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		rev := func() int64 { return must[int64](t)(s.Revision(ctx)) }
		all := func() []store.Space { return must[[]store.Space](t)(s.Spaces(ctx)) }
		if got := all(); len(got) != 0 {
			t.Errorf("spaces at first: %+v", got)
		}
		before := rev()
		gym := store.Space{School: "gym", Bridge: "mm", Space: "t1", Slug: "team", Name: "Team\x00", Topic: "t", Open: true}
		ok(t, s.InsertSpace(ctx, &gym))
		gym.Name = "Team\uFFFD" // what a database can hold
		if rev() == before {
			t.Error("a new space does not move the revision")
		}
		wantIs(t, s.InsertSpace(ctx, &store.Space{School: "gym", Bridge: "mm", Space: "t1", Slug: "other"}), store.ErrExists)
		// A team that took the name of another, another school's, and another bridge's.
		second := store.Space{School: "gym", Bridge: "mm", Space: "t2", Slug: "team"}
		sek := store.Space{School: "sek", Bridge: "mm", Space: "t1", Slug: "team"}
		other := store.Space{School: "gym", Bridge: "m2", Space: "t1", Slug: "team"}
		for _, sp := range []*store.Space{&second, &sek, &other} {
			ok(t, s.InsertSpace(ctx, sp))
		}
		if second.Slug != "team-2" || sek.Slug != "team" || other.Slug != "team" {
			t.Errorf("slugs %q, %q, %q", second.Slug, sek.Slug, other.Slug)
		}
		before = rev()
		ok(t, s.UpdateSpace(ctx, gym.ID, func(*store.Space) {}))
		if rev() != before {
			t.Error("a space that stays as it is moves the revision")
		}
		gym.Name, gym.Topic, gym.Open, gym.Room, gym.Applied = "New", "", false, "!s:x", "sum"
		ok(t, s.UpdateSpace(ctx, gym.ID, func(sp *store.Space) { *sp = gym }))
		if rev() == before {
			t.Error("a changed space does not move the revision")
		}
		wantIs(t, s.UpdateSpace(ctx, 99, func(*store.Space) {}), store.ErrNoRow)
		if diff := cmp.Diff([]store.Space{gym, second, sek, other}, all()); diff != "" {
			t.Error(diff)
		}
	})
}
