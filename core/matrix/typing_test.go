package matrix_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func typing(o *matrix.Options) { o.Typing = true }

func TestTypingOfGhosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, ghost := w.portal(t, "typing")
	for _, how := range []time.Duration{5 * time.Second, 0} {
		if err := w.Typing(t.Context(), room, ghost, how); err != nil {
			t.Fatal(err)
		}
		if got := w.hs.Typing(room); slices.Contains(got, ghost) != (how > 0) {
			t.Errorf("after %v: %v", how, got)
		}
	}
	stranger := w.GhostID("mm", "elsewhere")
	if err := w.EnsureGhost(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	if err := w.Typing(t.Context(), room, stranger, time.Second); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("typing from outside: %v", err)
	}
}

// Without pushes the sync reads it; from the first transaction that has a place
// for it on, the sync no longer asks.
func TestTypingComesOneWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite, typing)
	room, _ := w.portal(t, "typing")
	anna := w.hs.AddUser("anna", "")
	w.hs.Member(room, anna, anna, "join")
	w.sync(t)
	synced(t, w)
	w.hs.Type(room, anna, true)
	told := func(who ...id.UserID) func() bool {
		want := string(room) + ` {"user_ids":[]}`
		if len(who) > 0 {
			want = string(room) + ` {"user_ids":["` + string(who[0]) + `"]}`
		}
		return func() bool {
			w.inbox.mu.Lock()
			defer w.inbox.mu.Unlock()
			return slices.Contains(w.inbox.typists, want)
		}
	}
	w.inbox.until(t, "anna types", told(anna))
	w.hs.Type(room, anna, false)
	w.inbox.until(t, "anna no longer types", told())

	url := appservice(t, w)
	if status, body := do(t, http.MethodPut, url+txnPath+"1", "hs-token", `{"events":[],"ephemeral":[]}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	heard := func() int {
		w.inbox.mu.Lock()
		defer w.inbox.mu.Unlock()
		return w.inbox.typing
	}
	barrier := func(n int) { // what came before it has been read
		w.hs.Redact(room, anna, w.hs.Say(room, anna, "wakes the sync"))
		w.inbox.until(t, "the redaction", func() bool { return len(w.inbox.ids(redaction)) == n })
	}
	barrier(1) // ends the request that was under way
	before := heard()
	w.hs.Type(room, anna, true)
	barrier(2)
	barrier(3)
	if got := heard(); got != before {
		t.Error("the sync reads typing although the homeserver pushes it")
	}
}
