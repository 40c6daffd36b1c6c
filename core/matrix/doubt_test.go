package matrix_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// What a homeserver forgot to push when it died comes through the bot's sync, in
// order, before anything that is pushed later; and at a start likewise.
func TestLostPushesComeThroughSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	room, _ := w.portal(t, "doubt")
	anna := w.hs.AddUser("anna", "")
	w.hs.Member(room, anna, anna, "join")
	stop := w.sync(t)
	synced(t, w)
	messages := func() []id.EventID { return w.inbox.ids("m.room.message") }
	var want []id.EventID
	say := func(n int) {
		for i := range n {
			want = append(want, w.hs.Say(room, anna, fmt.Sprint(len(want), i)))
		}
	}
	arrive := func(what string) {
		t.Helper()
		w.inbox.until(t, what, func() bool { return len(messages()) >= len(want) })
		if diff := cmp.Diff(want, messages()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}

	// Nothing is pushed: the homeserver dies with all of it.
	w.hs.Break(1, "/sync", matrixtest.Fault{Status: 502})
	w.hs.Redact(room, anna, w.hs.Say(room, "@steg:"+id.UserID(w.hs.ServerName), "wake")) // ends the long poll
	want = append(want, w.hs.Events(room, "m.room.message")[0].ID)
	say(250)
	arrive("after a broken connection")

	stop()
	say(120)
	w.sync(t)
	arrive("after a start")
}
