package matrix_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

const redaction = "m.room.redaction"

// synced waits until the sync has its first position.
func synced(tb testing.TB, w *world) {
	tb.Helper()
	w.inbox.until(tb, "a position", func() bool {
		token, _ := w.inbox.SyncToken(tb.Context())
		return token != ""
	})
}

// Item 6: redactions come through the bot's sync, also those of a time away that
// are more than one answer holds.
func TestRedactionsThroughSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, _ := w.portal(t, "sync")
	anna := w.hs.AddUser("anna", "")
	w.hs.Member(room, anna, anna, "join")
	var said, want []id.EventID
	for n := range 301 {
		said = append(said, w.hs.Say(room, anna, strconv.Itoa(n)))
	}
	stop := w.sync(t)
	synced(t, w)
	want = append(want, w.hs.Redact(room, anna, said[0]))
	w.inbox.until(t, "one redaction", func() bool { return len(w.inbox.ids(redaction)) == 1 })
	stop()
	for _, target := range said[1:] {
		w.hs.Say(room, anna, "between")
		want = append(want, w.hs.Redact(room, anna, target))
	}
	w.sync(t)
	w.inbox.until(t, "all redactions", func() bool { return len(w.inbox.ids(redaction)) == len(want) })
	if diff := cmp.Diff(want, w.inbox.ids(redaction)); diff != "" {
		t.Error(diff)
	}
	if w.inbox.repeats != 0 {
		t.Errorf("%d read twice", w.inbox.repeats)
	}
	for _, ev := range w.inbox.of(redaction) {
		if ev.Room != room || ev.Source != intent.SourceSync || !strings.Contains(string(ev.Raw), string(room)) {
			t.Fatalf("%+v %s", ev, ev.Raw)
		}
	}
}

func TestSyncPositionMovesOnlyWithTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, _ := w.portal(t, "commit")
	anna := w.hs.AddUser("anna", "")
	target := w.hs.Say(room, anna, "x")
	w.sync(t)
	synced(t, w)
	w.inbox.failNext(1)
	w.hs.Break(1, "/sync", matrixtest.Fault{Status: 502})
	w.hs.Redact(room, anna, target)
	w.inbox.until(t, "the redaction", func() bool { return len(w.inbox.ids(redaction)) == 1 })
	if log := w.log.String(); !strings.Contains(log, "sync failed") {
		t.Errorf("log: %s", log)
	}
}

func TestForgottenSyncPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	anna := w.hs.AddUser("anna", "")
	var want []id.EventID
	stop := w.sync(t)
	synced(t, w)
	stop()
	for n := range 3 {
		room, _ := w.portal(t, fmt.Sprint("room", n))
		for range 60 {
			want = append(want, w.hs.Redact(room, anna, w.hs.Say(room, anna, "x")))
		}
	}
	w.hs.ForgetPositions()
	w.sync(t)
	w.inbox.until(t, "what was missed", func() bool { return len(w.inbox.ids(redaction)) >= len(want) })
	got := map[id.EventID]bool{}
	for _, ev := range w.inbox.ids(redaction) {
		got[ev] = true
	}
	for _, ev := range want {
		if !got[ev] {
			t.Errorf("%s is missing", ev)
		}
	}
}

func TestInvitesThroughSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	anna := w.hs.AddUser("anna", "")
	w.sync(t)
	synced(t, w)
	room := w.hs.AddRoom(anna, false)
	w.hs.Member(room, anna, w.Bot(), "invite")
	w.inbox.until(t, "the invite", func() bool { return len(w.inbox.ids("m.room.member")) == 1 })
	ev := w.inbox.of("m.room.member")[0]
	if ev.Room != room || ev.Sender != anna || ev.StateKey == nil || *ev.StateKey != string(w.Bot()) || !strings.Contains(string(ev.Raw), `"invite"`) {
		t.Errorf("%+v %s", ev, ev.Raw)
	}
}
