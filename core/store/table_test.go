package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}

func TestPortals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		rev := func() int64 { return must[int64](t)(s.Revision(ctx)) }
		before := rev()
		p := store.Portal{
			School: "gym", Bridge: "mm", Chat: "c1", Ref: "gym/aushang", Slug: "aushang", Name: "Aushang\x00 \xff", Topic: "t", Private: true,
			Room: "!r:x", OwnRoom: true, Mode: store.ModeAnnounce, ModeFixed: true, Origin: "config", Paused: "why", Members: "@a:x *", Follows: true, Cursor: "5",
			Space: "team1", Placed: "invite !s:x",
		}
		ok(t, s.InsertPortal(ctx, &p))
		if p.ID == 0 || rev() == before {
			t.Errorf("portal %d, revision %d", p.ID, rev())
		}
		p.Name = "Aushang\uFFFD \uFFFD" // what a database can hold
		if diff := cmp.Diff(p, must[store.Portal](t)(s.Portal(ctx, p.ID))); diff != "" {
			t.Error(diff)
		}
		if got := must[store.Portal](t)(s.PortalByChat(ctx, "mm", "c1")); got.ID != p.ID {
			t.Errorf("by chat: %d", got.ID)
		}
		wantIs(t, s.InsertPortal(ctx, &store.Portal{School: "gym", Bridge: "mm", Chat: "c1"}), store.ErrExists)
		wantIs(t, s.InsertPortal(ctx, &store.Portal{School: "kanti", Bridge: "mm", Chat: "c2", Room: "!r:x"}), store.ErrOtherSchool)
		hub := store.Portal{School: "gym", Bridge: "rc", Chat: "c1", Room: "!r:x"}
		ok(t, s.InsertPortal(ctx, &hub))
		roomless := store.Portal{School: "kanti", Bridge: "mm", Chat: "c3"}
		ok(t, s.InsertPortal(ctx, &roomless))
		if got := must[[]store.Portal](t)(s.PortalsByRoom(ctx, "!r:x")); len(got) != 2 || got[0].ID != p.ID || got[1].ID != hub.ID {
			t.Errorf("by room: %v", got)
		}
		if got := must[[]store.Portal](t)(s.PortalsByRoom(ctx, "")); len(got) != 0 {
			t.Errorf("by no room: %v", got)
		}
		if got := must[[]store.Portal](t)(s.Portals(ctx)); len(got) != 3 {
			t.Errorf("all: %v", got)
		}
		off := store.Portal{School: "gym", Bridge: "mm", Chat: "c4", Follows: true, Mode: store.ModeOff}
		ok(t, s.InsertPortal(ctx, &off))
		if diff := cmp.Diff([]bridge.Followed{{Chat: "c1", Cursor: "5"}}, must[[]bridge.Followed](t)(s.Followed(ctx, "mm", ""))); diff != "" {
			t.Errorf("followed: %s", diff)
		}
		_, err := s.Portal(ctx, 999)
		wantIs(t, err, store.ErrNoRow)
		_, err = s.PortalByChat(ctx, "mm", "nope")
		wantIs(t, err, store.ErrNoRow)

		before = rev()
		wantIs(t, s.UpdatePortal(ctx, roomless.ID, func(p *store.Portal) error { p.Room = "!r:x"; return nil }), store.ErrOtherSchool)
		refused := errors.New("refused")
		wantIs(t, s.UpdatePortal(ctx, p.ID, func(p *store.Portal) error { p.Name = "no"; return refused }), refused)
		wantIs(t, s.UpdatePortal(ctx, 999, func(*store.Portal) error { return nil }), store.ErrNoRow)
		if got := must[store.Portal](t)(s.Portal(ctx, p.ID)); got.Name != p.Name || rev() != before {
			t.Errorf("a refused change left something: %+v, revision %d", got, rev())
		}
		var wg sync.WaitGroup // read, change and write are one
		for range 20 {
			wg.Go(func() {
				if err := s.UpdatePortal(ctx, p.ID, func(p *store.Portal) error { p.Topic += "x"; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := must[store.Portal](t)(s.Portal(ctx, p.ID)); len(got.Topic) != 21 || rev() != before+20 {
			t.Errorf("topic %q, revision moved by %d", got.Topic, rev()-before)
		}
	})
}

func TestTwoSchoolsCannotTakeOneRoomAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		for round := range 10 {
			room := id.RoomID(fmt.Sprintf("!%d:x", round))
			var wg sync.WaitGroup
			errs := make([]error, 2)
			for n, school := range []bridge.SchoolID{"gym", "kanti"} {
				wg.Go(func() {
					errs[n] = s.InsertPortal(t.Context(), &store.Portal{School: school, Bridge: "mm", Chat: bridge.ChatID(fmt.Sprint(round, school)), Room: room})
				})
			}
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Errorf("both or none got the room: %v", errs)
			}
		}
	})
}

func TestGhosts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		g := store.Ghost{School: "gym", Bridge: "mm", User: "u1", MXID: "@_steg_mm_u1:x", Name: "Eva", AvatarKey: "7", Bot: true}
		_, err := s.Ghost(ctx, "gym", "mm", "u1")
		wantIs(t, err, store.ErrNoRow)
		ok(t, s.SaveGhost(ctx, g))
		g.Name = "Eva Muster"
		ok(t, s.SaveGhost(ctx, g))
		if diff := cmp.Diff(g, must[store.Ghost](t)(s.Ghost(ctx, "gym", "mm", "u1"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(g, must[store.Ghost](t)(s.GhostByMXID(ctx, g.MXID))); diff != "" {
			t.Error(diff)
		}
		_, err = s.Ghost(ctx, "kanti", "mm", "u1")
		wantIs(t, err, store.ErrNoRow)
		_, err = s.GhostByMXID(ctx, "@nobody:x")
		wantIs(t, err, store.ErrNoRow)
		var people []store.Ghost
		for _, user := range []bridge.UserID{"u2", "u3", "u4"} {
			one := store.Ghost{School: "gym", Bridge: "mm", User: user, MXID: id.UserID("@_steg_mm_" + user + ":x"), Name: "Udo"}
			ok(t, s.SaveGhost(ctx, one))
			people = append(people, one)
		}
		if diff := cmp.Diff(people[:2], must[[]store.Ghost](t)(s.Ghosts(ctx, "gym", "mm", 2))); diff != "" {
			t.Error(diff)
		}
		if all := must[[]store.Ghost](t)(s.Ghosts(ctx, "gym", "rc", 9)); len(all) > 0 {
			t.Errorf("ghosts of another network: %v", all)
		}
	})
}

func TestSmallTables(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		_, err := s.Value(ctx, "gym", "mm", "secret")
		wantIs(t, err, store.ErrNoRow)
		ok(t, s.SetValue(ctx, "gym", "mm", "secret", "a"))
		ok(t, s.SetValue(ctx, "gym", "mm", "secret", "b"))
		ok(t, s.SetValue(ctx, "kanti", "mm", "secret", "c"))
		if got := must[string](t)(s.Value(ctx, "gym", "mm", "secret")); got != "b" {
			t.Errorf("value %q", got)
		}
		if got := must[string](t)(s.SyncToken(ctx)); got != "" {
			t.Errorf("sync token %q", got)
		}
		l := store.LoginState{Bridge: "mm", Login: "bot", State: bridge.StateBroken, Cause: "away", Since: time.UnixMilli(1_700_000_000_123).UTC()}
		ok(t, s.SaveLogin(ctx, l))
		l.State, l.Cause = bridge.StateConnected, ""
		ok(t, s.SaveLogin(ctx, l))
		if diff := cmp.Diff([]store.LoginState{l}, must[[]store.LoginState](t)(s.Logins(ctx))); diff != "" {
			t.Error(diff)
		}
		ok(t, s.Audit(ctx, "gym", "@admin:x", "mode both"))
		ok(t, s.Audit(ctx, "gym", "@admin:x", "mode off"))
		got := must[[]store.AuditEntry](t)(s.Audits(ctx, 10))
		if len(got) != 2 || got[0].What != "mode off" || got[0].Who != "@admin:x" || got[0].At.IsZero() {
			t.Errorf("audit %v", got)
		}
	})
}

func TestLoginHasOneHolder(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	ctx := t.Context()
	var insts []*store.Instance
	var stores []*store.Store
	for range 3 {
		s := db.Open(t)
		stores, insts = append(stores, s), append(insts, storetest.Instance(t, s))
	}
	var wg sync.WaitGroup
	holders := make([]bool, len(insts))
	for n, i := range insts {
		wg.Go(func() { holders[n] = must[bool](t)(i.OwnLogin(ctx, "mm")) })
	}
	wg.Wait()
	first := slices.Index(holders, true)
	if first < 0 || slices.Contains(holders[first+1:], true) {
		t.Fatalf("holders: %v", holders)
	}
	other := insts[(first+1)%3]
	if !must[bool](t)(insts[first].OwnLogin(ctx, "mm")) || must[bool](t)(other.OwnLogin(ctx, "mm")) {
		t.Error("the holder changed without need")
	}
	ok(t, insts[first].ReleaseLogin(ctx, "mm"))
	if !must[bool](t)(other.OwnLogin(ctx, "mm")) || must[bool](t)(insts[first].OwnLogin(ctx, "mm")) {
		t.Error("a released login was not taken over, or taken back")
	}
	ok(t, stores[0].Exec(ctx, "UPDATE instance SET beat_at = beat_at - 6000 WHERE id = ?", other.ID()))
	if !must[bool](t)(insts[first].OwnLogin(ctx, "mm")) {
		t.Error("the login of a silent process was not taken over")
	}
	ok(t, other.Beat(ctx))
	if must[bool](t)(other.OwnLogin(ctx, "mm")) {
		t.Error("a process that woke up took the login back")
	}
	ok(t, insts[first].Release(ctx))
	if !must[bool](t)(other.OwnLogin(ctx, "mm")) {
		t.Error("the login of a stopped process was not taken over")
	}
}
