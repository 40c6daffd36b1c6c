package store_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func lane(portal int64) store.LaneKey {
	return store.LaneKey{School: "gym", Bridge: "mm", Portal: portal, Dir: store.DirOut}
}

func entries(l store.LaneKey, keys ...string) store.Intake {
	var in store.Intake
	for _, k := range keys {
		in.Entries = append(in.Entries, store.Entry{Lane: l, Key: bridge.Key(k), Kind: "text", Payload: []byte("payload of " + k)})
	}
	return in
}

func commit(t *testing.T, i *store.Instance, b store.Batch) *store.Result {
	t.Helper()
	return must[*store.Result](t)(i.Commit(t.Context(), &b))
}

func accept(t *testing.T, i *store.Instance, in store.Intake) int {
	t.Helper()
	return commit(t, i, store.Batch{Intakes: []store.Intake{in}}).Accepted[0]
}

// waiting reads what is pending in a lane, through a fresh claim or not.
func waiting(t *testing.T, s *store.Store, id int64) []store.Item {
	t.Helper()
	items, more, err := s.Fetch(t.Context(), id, 0, 1000, 1<<30)
	if err != nil || more {
		t.Fatalf("fetch: more %t, %v", more, err)
	}
	return items
}

func verified(t *testing.T, s *store.Store, want store.Account) {
	t.Helper()
	if diff := cmp.Diff(want, must[store.Account](t)(s.Account(t.Context()))); diff != "" {
		t.Error(diff)
	}
	for _, line := range must[[]string](t)(s.VerifyAccount(t.Context())) {
		t.Error(line)
	}
}

func end(it store.Item, v store.Verdict, reason string, links ...store.Link) store.Batch {
	return store.Batch{Ends: []store.Done{{Item: it, Verdict: v, Reason: reason, Links: links}}}
}

func link(it store.Item, remote bridge.MessageID) store.Link {
	return store.Link{
		School: it.School, Bridge: it.Bridge, Portal: it.Portal, Dir: it.Dir, Key: it.Key, Kind: store.LinkMessage,
		Room: "!r:x", Event: "$ev", Remote: remote, Sender: "@a:x", At: time.UnixMilli(1_700_000_000_000).UTC(),
	}
}

func TestKnownKeysAreIgnored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.Instance(t, s)
		all := entries(lane(1), "pending", "delivered", "dropped", "dead", "discarded", "replayed", "pending")
		res := commit(t, i, store.Batch{Intakes: []store.Intake{all, entries(lane(1), "pending"), entries(lane(2), "pending")}})
		if !slices.Equal(res.Accepted, []int{6, 0, 1}) {
			t.Fatalf("accepted %v", res.Accepted)
		}
		items := res.Grown[0].Items
		commit(t, i, end(items[1], store.Delivered, "", link(items[1], "m1")))
		commit(t, i, end(items[2], store.Dropped, "mode"))
		for _, n := range []int{3, 4, 5} {
			commit(t, i, end(items[n], store.Dead, "too large"))
		}
		letters := must[[]store.DeadLetter](t)(s.DeadLetters(t.Context(), 10))
		if len(letters) != 3 || letters[0].Key != "dead" || letters[0].Reason != "too large" || string(letters[0].Payload) != "payload of dead" ||
			letters[0].DeadAt.IsZero() || letters[0].Accepted.IsZero() {
			t.Fatalf("dead letters %+v", letters)
		}
		ok(t, s.Discard(t.Context(), letters[1].Number, "@admin:x"))
		ok(t, s.Replay(t.Context(), letters[2].Number))
		wantIs(t, s.Replay(t.Context(), letters[2].Number), store.ErrNoRow)
		wantIs(t, s.Discard(t.Context(), letters[1].Number, "@admin:x"), store.ErrNoRow)
		_, err := s.DeadLetter(t.Context(), letters[1].Number)
		wantIs(t, err, store.ErrNoRow)
		if got := must[store.DeadLetter](t)(s.DeadLetter(t.Context(), letters[0].Number)); got.Key != "dead" {
			t.Errorf("letter %+v", got)
		}

		if n := accept(t, i, all); n != 0 {
			t.Errorf("accepted %d known keys", n)
		}
		left := waiting(t, s, res.Grown[0].ID)
		if len(left) != 2 || left[0].Key != "pending" || left[0].Uncertain || left[1].Key != "replayed" || !left[1].Uncertain ||
			string(left[1].Payload) != "payload of replayed" {
			t.Errorf("waiting %+v", left)
		}
		verified(t, s, store.Account{Received: 7, Delivered: 1, Dropped: 2, Dead: 1, Pending: 3})
		drops := must[map[string]int64](t)(s.Drops(t.Context()))
		if diff := cmp.Diff(map[string]int64{"mode": 1, store.DropDiscarded: 1}, drops); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAcceptIsAllOrNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.Instance(t, s)
		p := store.Portal{School: "gym", Bridge: "mm", Chat: "c1"}
		ok(t, s.InsertPortal(ctx, &p))
		rev := must[int64](t)(s.Revision(ctx))
		token := "s1"
		in := entries(lane(p.ID), "a")
		in.Cursors = []store.CursorMove{{School: "gym", Bridge: "mm", Chat: "c1", Cursor: "1"}, {School: "gym", Bridge: "mm", Chat: "c1", Cursor: "2"}}
		in.SyncToken = &token
		accept(t, i, in)
		check := func(cursor bridge.Cursor, token string) {
			t.Helper()
			if got := must[store.Portal](t)(s.Portal(ctx, p.ID)).Cursor; got != cursor {
				t.Errorf("cursor %q, want %q", got, cursor)
			}
			if got := must[string](t)(s.SyncToken(ctx)); got != token {
				t.Errorf("token %q, want %q", got, token)
			}
		}
		check("2", "s1")
		if got := must[int64](t)(s.Revision(ctx)); got != rev {
			t.Error("a cursor moved the revision")
		}
		ok(t, s.Exec(ctx, "ALTER TABLE kv RENAME TO kv_away")) // the last statement of a commit fails
		in.Entries, in.Cursors[1].Cursor, token = entries(lane(p.ID), "b").Entries, "3", "s2"
		if _, err := i.Commit(ctx, &store.Batch{Intakes: []store.Intake{in}}); err == nil {
			t.Error("no error")
		}
		ok(t, s.Exec(ctx, "ALTER TABLE kv_away RENAME TO kv"))
		check("2", "s1")
		verified(t, s, store.Account{Received: 1, Pending: 1})
		if n := accept(t, i, in); n != 1 {
			t.Errorf("accepted %d after the trouble", n)
		}
		check("3", "s2")
	})
}

func TestEndsCountOnceAndOnlyForTheOwner(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	a, b := db.Open(t), db.Open(t)
	ia, ib := storetest.Instance(t, a), storetest.Instance(t, b)
	g := commit(t, ia, store.Batch{Intakes: []store.Intake{entries(lane(1), "1", "2")}}).Grown[0]
	if !g.Mine || !g.Fresh {
		t.Fatalf("growth %+v", g)
	}
	other := commit(t, ib, store.Batch{Intakes: []store.Intake{entries(lane(1), "3")}}).Grown[0]
	if other.Mine || other.Fresh {
		t.Errorf("growth at another process %+v", other)
	}
	touched := must[[]store.Claimed](t)(ia.Touched(t.Context()))
	if len(touched) != 1 || touched[0].Last != other.Last {
		t.Errorf("touched %+v", touched)
	}
	if again := must[[]store.Claimed](t)(ia.Touched(t.Context())); len(again) != 0 {
		t.Errorf("touched again %+v", again)
	}
	if got := commit(t, ib, end(g.Items[0], store.Delivered, "")); got.Ends[0] {
		t.Error("a process ended an item of another's lane")
	}
	done := end(g.Items[0], store.Delivered, "")
	done.Ends = append(done.Ends, done.Ends[0])
	if got := commit(t, ia, done); !slices.Equal(got.Ends, []bool{true, false}) {
		t.Errorf("ends %v", got.Ends)
	}
	if got := commit(t, ia, end(g.Items[0], store.Delivered, "")); got.Ends[0] {
		t.Error("an item ended twice")
	}
	if got := must[[]store.Claimed](t)(ib.Claim(t.Context(), 10, nil)); len(got) != 0 {
		t.Errorf("took lanes of a living process: %+v", got)
	}
	ok(t, b.Exec(t.Context(), "UPDATE instance SET beat_at = beat_at - 6000 WHERE id = ?", ia.ID()))
	got := must[[]store.Claimed](t)(ib.Claim(t.Context(), 10, nil))
	if len(got) != 1 || !got[0].Tried || got[0].Last != other.Last {
		t.Errorf("claimed %+v", got)
	}
	if res := commit(t, ia, end(g.Items[1], store.Delivered, "")); res.Ends[0] {
		t.Error("a process that lost its lane ended an item")
	}
	if res := commit(t, ib, end(g.Items[1], store.Delivered, "")); !res.Ends[0] {
		t.Error("the new owner cannot end an item")
	}
	verified(t, a, store.Account{Received: 3, Delivered: 2, Pending: 1})
}

func TestClaims(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, err := s.AcquireInstance(ctx)
		ok(t, err)
		in := store.LaneKey{School: "gym", Bridge: "mm", Portal: 1, Dir: store.DirIn}
		// What this process may not send waits without an owner.
		no := func(store.LaneKey) bool { return false }
		commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(1), "a"), entries(in, "a")}, Owns: no})
		commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(2), "a"), entries(lane(3), "a")}})
		nobody := func(bridge.ID) bool { return false }
		got := must[[]store.Claimed](t)(i.Claim(ctx, 10, nobody))
		if len(got) != 1 || got[0].Lane != in || got[0].Tried {
			t.Errorf("claimed %+v", got)
		}
		got = must[[]store.Claimed](t)(i.Claim(ctx, 10, nil))
		if len(got) != 1 || got[0].Lane != lane(1) || got[0].Tried {
			t.Errorf("claimed %+v", got)
		}
		ok(t, i.ReleaseLanes(ctx, []store.LaneKey{lane(2)}))
		got = must[[]store.Claimed](t)(i.Claim(ctx, 10, nil))
		for _, c := range got {
			if c.Tried != (c.Lane == lane(2)) {
				t.Errorf("claimed after a release: %+v", c)
			}
		}
		if len(got) != 4 {
			t.Errorf("claimed %d", len(got))
		}
		// A process that dies leaves everything in doubt.
		ok(t, i.Release(ctx))
		next := storetest.Instance(t, s)
		got = must[[]store.Claimed](t)(next.Claim(ctx, 3, nil))
		got = append(got, must[[]store.Claimed](t)(next.Claim(ctx, 3, nil))...)
		for _, c := range got {
			if !c.Tried {
				t.Errorf("claimed after a crash: %+v", c)
			}
		}
		if owned := must[[]store.Claimed](t)(next.Owned(ctx)); len(got) != 4 || len(owned) != 4 {
			t.Errorf("claimed %d, own %d", len(got), len(owned))
		}
		ok(t, next.Unclaim(ctx, got[0].ID, false))
		if owned := must[[]store.Claimed](t)(next.Owned(ctx)); len(owned) != 3 {
			t.Errorf("own %d after giving one back", len(owned))
		}
	})
}

func TestDeferMovesBehindWhatWaits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.Instance(t, s)
		g := commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(1), "a", "b")}}).Grown[0]
		first := g.Items[0]
		first.Uncertain = true
		when := time.UnixMilli(1_800_000_000_000).UTC()
		res := commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(1), "c")}, Defers: []store.Deferral{{Item: first, NotBefore: when}, {Item: first, NotBefore: when}}})
		if !slices.Equal(res.Defers, []bool{true, false}) || len(res.Grown) != 2 || res.Grown[1].Before != res.Grown[0].Last {
			t.Errorf("result %+v", res)
		}
		var keys []bridge.Key
		items := waiting(t, s, g.ID)
		for _, it := range items {
			keys = append(keys, it.Key)
		}
		if !slices.Equal(keys, []bridge.Key{"b", "c", "a"}) || !items[2].NotBefore.Equal(when) || !items[2].Uncertain || items[2].Seq != res.Grown[1].Last {
			t.Errorf("waiting %v: %+v", keys, items[2])
		}
		if n := accept(t, i, entries(lane(1), "a")); n != 0 {
			t.Error("a deferred key was accepted again")
		}
		verified(t, s, store.Account{Received: 3, Pending: 3})
	})
}

// A message of several parts lives on in those that are not removed.
func TestPartsOfAMessage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.Instance(t, s)
		items := commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(1), "post", "edit", "removal")}}).Grown[0].Items
		text := link(items[0], "m1")
		text.Event = "$text"
		picture := text
		picture.Event, picture.File, picture.Key = "$picture", "f1", text.Key+" file 0"
		commit(t, i, end(items[0], store.Delivered, "", text, picture))
		if diff := cmp.Diff([]store.Link{text, picture}, must[[]store.Link](t)(s.LinksByRemote(ctx, 1, "m1"))); diff != "" {
			t.Error(diff)
		}
		if got := must[[]bridge.MessageID](t)(s.Mapped(ctx, 1, text.At)); !slices.Equal(got, []bridge.MessageID{"m1"}) {
			t.Errorf("mapped %v, want the message once", got)
		}
		b := end(items[1], store.Delivered, "")
		b.Ends[0].Removed = []store.Link{text}
		commit(t, i, b)
		if diff := cmp.Diff(picture, must[store.Link](t)(s.LinkByRemote(ctx, 1, "m1"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]store.Link{picture}, must[[]store.Link](t)(s.LinksByRemote(ctx, 1, "m1"))); diff != "" {
			t.Error(diff)
		}
		b = end(items[2], store.Delivered, "")
		b.Ends[0].Removed = []store.Link{picture}
		commit(t, i, b)
		if got := must[store.Link](t)(s.LinkByRemote(ctx, 1, "m1")); got.Event != "$text" || !got.Removed {
			t.Errorf("of a removed message: %+v", got)
		}
		if got := must[[]store.Link](t)(s.LinksByRemote(ctx, 1, "m1")); len(got) != 0 {
			t.Errorf("parts of a removed message: %v", got)
		}
	})
}

func TestMessageMap(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.Instance(t, s)
		items := commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(1), "root", "reply", "edit", "removal", "old")}}).Grown[0].Items
		root, reply := link(items[0], "m1"), link(items[1], "m2")
		root.Event, reply.Event = "$root", "$reply"
		reply.RootEvent, reply.RootRemote = "$root", "m1"
		other := root // the same event in the hub's other portal
		other.Portal, other.Bridge, other.Remote = 9, "rc", "x1"
		commit(t, i, end(items[0], store.Delivered, "", root, other, root)) // twice the same row: the last one counts
		commit(t, i, end(items[1], store.Delivered, "", reply))
		edit := link(items[2], "m1")
		edit.Kind, edit.Event = store.LinkOther, "$edit"
		commit(t, i, end(items[2], store.Delivered, "", edit))

		if diff := cmp.Diff(root, must[store.Link](t)(s.LinkByRemote(ctx, 1, "m1"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(reply, must[store.Link](t)(s.LinkByEvent(ctx, 1, "$reply"))); diff != "" {
			t.Error(diff)
		}
		for _, err := range []error{
			second(s.LinkByRemote(ctx, 2, "m1")), second(s.LinkByRemote(ctx, 1, "")), second(s.LinkByEvent(ctx, 9, "$reply")), second(s.LinkByEvent(ctx, 1, "$edit")),
		} {
			wantIs(t, err, store.ErrNoRow)
		}
		if diff := cmp.Diff([]store.Link{reply}, must[[]store.Link](t)(s.LinksInThread(ctx, 1, "m1"))); diff != "" {
			t.Error(diff)
		}
		if got := must[[]store.Link](t)(s.LinksInThread(ctx, 1, "")); len(got) != 0 {
			t.Errorf("in no thread: %v", got)
		}
		if got := must[[]bridge.MessageID](t)(s.Mapped(ctx, 1, root.At)); !slices.Equal(got, []bridge.MessageID{"m1", "m2"}) {
			t.Errorf("mapped %v", got)
		}
		if got := must[[]bridge.MessageID](t)(s.Mapped(ctx, 1, root.At.Add(time.Millisecond))); len(got) != 0 {
			t.Errorf("mapped later %v", got)
		}

		b := end(items[3], store.Delivered, "")
		b.Ends[0].Removed = []store.Link{reply}
		commit(t, i, b)
		if got := must[store.Link](t)(s.LinkByRemote(ctx, 1, "m2")); !got.Removed {
			t.Error("not removed")
		}
		if got := must[[]store.Link](t)(s.LinksInThread(ctx, 1, "m1")); len(got) != 0 {
			t.Errorf("thread after removal: %v", got)
		}
		if got := must[[]bridge.MessageID](t)(s.Mapped(ctx, 1, time.Time{})); !slices.Equal(got, []bridge.MessageID{"m1"}) {
			t.Errorf("mapped after removal %v", got)
		}

		commit(t, i, end(items[4], store.Dropped, "mode"))
		if n := must[int64](t)(s.DeleteOldLinks(ctx, time.UnixMilli(1_600_000_000_000))); n != 0 {
			t.Errorf("pruned %d young rows", n)
		}
		if n := must[int64](t)(s.DeleteOldLinks(ctx, time.Now().Add(time.Hour))); n != 3 {
			t.Errorf("pruned %d rows, want edit, removal and drop", n)
		}
		if n := accept(t, i, entries(lane(1), "root", "reply", "edit")); n != 1 {
			t.Errorf("accepted %d after pruning, want the edit only", n)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestHostileTextHoldsUpNobody(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.Instance(t, s)
		nasty := "nul \x00, cut \xf0\x9f, quote '\" \\ \u2028 end"
		in := entries(lane(1), nasty)
		in.Entries[0].Payload, in.Entries[0].Kind = []byte(nasty), nasty
		g := commit(t, i, store.Batch{Intakes: []store.Intake{in, entries(lane(2), "good")}}).Grown
		if string(g[0].Items[0].Payload) != nasty {
			t.Error("the payload is bytes and stays as it is")
		}
		l := link(g[0].Items[0], bridge.MessageID(nasty))
		l.Sender, l.RootRemote = "@\x00:x", "\xff"
		commit(t, i, end(g[0].Items[0], store.Delivered, "", l))
		if n := accept(t, i, in); n != 0 {
			t.Error("accepted twice")
		}
		verified(t, s, store.Account{Received: 2, Delivered: 1, Pending: 1})
	})
}

func TestLaneStates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx := t.Context()
		now := time.UnixMilli(1_700_000_000_000).UTC()
		s := db.Open(t, func(o *store.Options) { o.Now = func() time.Time { return now } })
		i := storetest.Instance(t, s)
		items := commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(1), "a", "b"), entries(lane(2), "c")}}).Grown[0].Items
		first := now
		now = now.Add(time.Hour)
		accept(t, i, entries(lane(1), "d"))
		next := now.Add(time.Minute)
		commit(t, i, store.Batch{Notes: []store.LaneNote{{Lane: lane(1), Attempts: 3, LastError: "server down", NextAt: next}, {Lane: lane(77)}}})
		want := store.LaneState{LaneKey: lane(1), Received: 3, Attempts: 3, LastError: "server down", Oldest: first, NextAt: next}
		if diff := cmp.Diff([]store.LaneState{want}, must[[]store.LaneState](t)(s.LanesOf(ctx, 1))); diff != "" {
			t.Error(diff)
		}
		if got := must[time.Time](t)(s.OldestPending(ctx)); !got.Equal(first) {
			t.Errorf("oldest %v", got)
		}
		commit(t, i, end(items[0], store.Delivered, ""))
		commit(t, i, end(items[1], store.Dropped, "mode"))
		want = store.LaneState{LaneKey: lane(1), Received: 3, Delivered: 1, Dropped: 1, Oldest: now}
		if got := must[[]store.LaneState](t)(s.Lanes(ctx)); len(got) != 2 || got[0] != want || got[0].Pending() != 1 {
			t.Errorf("lanes %+v", got)
		}
	})
}

// Delivered content must not be found in any file of the database. The canary
// fills part of a page, whole pages, and goes through a dead letter.
func TestContentLeavesTheFile(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	s := db.Open(t)
	i := storetest.Instance(t, s)
	canary := "kanarienvogel-geheim"
	var ins []store.Intake
	for n := range 200 {
		in := entries(lane(int64(n%7)), fmt.Sprint("k", n))
		in.Entries[0].Payload = []byte(strings.Repeat(canary+" ", 1+n*n/20))
		ins = append(ins, in)
	}
	grown := commit(t, i, store.Batch{Intakes: ins}).Grown
	path := strings.TrimPrefix(db.DSN, "sqlite:")
	found := func() (where []string) {
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + suffix)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte(canary)) {
				where = append(where, path+suffix)
			}
		}
		return where
	}
	ok(t, s.Tidy(t.Context()))
	if len(found()) == 0 {
		t.Fatal("the canary is not even there while it waits")
	}
	for n, g := range grown {
		verdict := store.Delivered
		if n == 3 {
			verdict = store.Dead
		}
		for _, it := range g.Items {
			commit(t, i, end(it, verdict, "x"))
		}
	}
	for _, l := range must[[]store.DeadLetter](t)(s.DeadLetters(t.Context(), 1000)) {
		ok(t, s.Discard(t.Context(), l.Number, "@admin:x"))
	}
	ok(t, s.Tidy(t.Context()))
	if where := found(); len(where) != 0 {
		t.Errorf("content stays in %v", where)
	}
	verified(t, s, store.Account{Received: 200, Delivered: 200 - 29, Dropped: 29})
}
