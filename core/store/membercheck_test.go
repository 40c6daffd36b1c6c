package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func TestMemberChecks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		now := time.UnixMilli(1_700_000_000_000)
		ctx, s := t.Context(), db.Open(t, func(o *store.Options) { o.Now = func() time.Time { return now } })
		one := &store.Portal{ID: 1, School: "gym", Bridge: "mm"}
		two := &store.Portal{ID: 2, School: "gym", Bridge: "mm"}
		due := func(want ...int64) {
			t.Helper()
			if got := must[[]int64](t)(s.MembersDue(ctx, "mm")); !slices.Equal(got, want) {
				t.Errorf("due %v, want %v", got, want)
			}
		}
		read := func(p *store.Portal, want store.MemberCheck, wantDue bool) store.MemberCheck {
			t.Helper()
			got := must[store.MemberCheck](t)(s.MemberCheck(ctx, p))
			if got != want || got.Due() != wantDue {
				t.Errorf("%+v, due %t; want %+v, due %t", got, got.Due(), want, wantDue)
			}
			return got
		}
		due()
		read(one, store.MemberCheck{}, true) // never compared
		ok(t, s.WantMembers(ctx, two))
		ok(t, s.WantMembers(ctx, one))
		due(1, 2)
		seen := read(one, store.MemberCheck{Wanted: 1}, true)
		ok(t, s.WantMembers(ctx, one)) // while the comparison goes on
		ok(t, s.MembersCompared(ctx, one, seen, "7"))
		seen = read(one, store.MemberCheck{Wanted: 2, Done: 1, Sign: "7", At: now.UnixMilli()}, true)
		ok(t, s.MembersCompared(ctx, one, seen, "8"))
		seen = read(one, store.MemberCheck{Wanted: 2, Done: 2, Sign: "8", At: now.UnixMilli()}, false)
		if got := seen.Since(now.Add(time.Hour)); got != time.Hour {
			t.Errorf("compared %v ago", got)
		}
		due(2)
		three := &store.Portal{ID: 3, School: "gym", Bridge: "other"}
		ok(t, s.MembersCompared(ctx, three, store.MemberCheck{}, ""))
		read(three, store.MemberCheck{At: now.UnixMilli()}, false)
		due(2)
	})
}
