package engine_test

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// TestCopyOfOwnPostCrosses: a program that forwards a message copies its content, with
// our marker in it.
func TestCopyOfOwnPostCrosses(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Herself: hello")
	w.wantSettled()
	content := w.contentOf(room, w.hs.eventOf(room, "hello"))
	if mark, _ := content[intent.MarkerKey].(map[string]any); mark["item"] == nil {
		t.Fatalf("the marker names no item: %v", content)
	}
	w.hs.say(room, tina, "hello", content)
	w.wantRemote(chat, "Tina Teacher: hello", "Tina Herself: hello")
	// Somebody else's copy, and a forgery.
	w.hs.say(room, pupil, "hello", content)
	mark, _ := content[intent.MarkerKey].(map[string]any)
	mark["item"] = "never heard of"
	w.hs.say(room, tina, "forged", map[string]any{intent.MarkerKey: mark})
	w.wantRemote(chat, "Tina Teacher: hello", "Tina Herself: hello", "Pia Pupil: hello", "Tina Herself: forged")
	w.wantSettled()
}

// TestEchoBeforeTheMap: what we sent as a person comes back while the answer to the
// send is lost, again and again, and a copy of it at once.
func TestEchoBeforeTheMap(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	var lost atomic.Int64
	w.hs.mu.Lock()
	w.hs.lose = func(op string) error {
		if op == "send" && lost.Add(1) <= 3 {
			return errAway
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.Post(w.teacher, chat, "unclear")
	w.eventually("the event is there", func() bool { return w.hs.eventOf(room, "unclear") != "" })
	w.hs.say(room, tina, "unclear", w.contentOf(room, w.hs.eventOf(room, "unclear")))
	w.wantRemote(chat, "Tina Teacher: unclear", "Tina Herself: unclear")
	w.wantMatrix(room, "Tina Herself: unclear", "Tina Herself: unclear") // hers, and her copy of it
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	if got := w.drops()[policy.DropOrigin]; got != 1 {
		t.Errorf("%d events were known as our own, want 1", got)
	}
}

// TestCrashAfterSendingAsPerson stops the gateway between send and commit, for longer
// than it waits for anything.
func TestCrashAfterSendingAsPerson(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.limits.TargetWait = 0 // what waits goes behind the lane
	w.pair("gym")
	w.hs.mu.Lock()
	w.hs.lose = func(op string) error {
		if op == "send" {
			return errAway
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.Post(w.teacher, chat, "once")
	w.eventually("the event is there", func() bool { return w.hs.eventOf(room, "once") != "" })
	w.stop()
	w.hs.mu.Lock()
	w.hs.lose = nil
	w.hs.mu.Unlock()
	w.hs.say(room, pupil, "meanwhile", nil)
	w.start()
	w.wantMatrix(room, "Tina Herself: once", "Pia Pupil: meanwhile")
	w.wantRemote(chat, "Tina Teacher: once", "Pia Pupil: meanwhile")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	w.wantRemote(chat, "Tina Teacher: once", "Pia Pupil: meanwhile")
}

// TestRefusedPersonFallsBack: what the homeserver does not let the person say, the
// ghost says, and never both.
func TestRefusedPersonFallsBack(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	deny := func(err error) {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		w.hs.denied = map[id.UserID]error{tina: err}
	}
	deny(bridge.ErrForbidden)
	post := w.net.Post(w.teacher, chat, "refused")
	w.wantMatrix(room, "Tina Teacher: refused")
	w.net.React(w.teacher, chat, post, "👍", true)
	ev := w.hs.eventOf(room, "refused")
	w.wantLines("reactions", func() []string { return w.hs.reactions(room, ev) }, []string{"👍\ufe0f Tina Teacher"})
	deny(nil)
	w.net.Post(w.teacher, chat, "still the ghost for a while")
	w.wantMatrix(room, "Tina Teacher: refused", "Tina Teacher: still the ghost for a while")
	w.enter(room, tina, "join") // something has changed: she is tried again
	w.net.Edit(w.teacher, chat, post, "refused, changed")
	w.wantMatrix(room, "Tina Teacher: refused, changed (edited)", "Tina Teacher: still the ghost for a while")

	// An unclear attempt as herself that had its effect, and then a refusal.
	var once atomic.Bool
	w.hs.mu.Lock()
	w.hs.lose = func(op string) error {
		if op == "send" && once.CompareAndSwap(false, true) {
			w.hs.denied = map[id.UserID]error{tina: bridge.ErrForbidden}
			return errAway
		}
		return nil
	}
	w.hs.mu.Unlock()
	landed := w.net.Post(w.teacher, chat, "landed")
	w.net.Post(w.teacher, chat, "after it")
	w.wantMatrix(room, "Tina Teacher: refused, changed (edited)", "Tina Teacher: still the ghost for a while",
		"Tina Herself: landed", "Tina Teacher: after it")

	// And one that had none.
	w.hs.mu.Lock()
	w.hs.lose, w.hs.denied = nil, map[id.UserID]error{tina: errAway}
	w.hs.mu.Unlock()
	w.enter(room, tina, "join")
	w.net.Post(w.teacher, chat, "nothing came of it")
	w.eventually("attempts as herself", func() bool {
		lanes, err := w.st.Lanes(t.Context())
		w.must(err)
		return slices.ContainsFunc(lanes, func(l store.LaneState) bool { return l.Dir == store.DirIn && l.Attempts > 1 })
	})
	w.enter(room, tina, "leave")
	w.wantMatrix(room, "Tina Teacher: refused, changed (edited)", "Tina Teacher: still the ghost for a while",
		"Tina Herself: landed", "Tina Teacher: after it", "Tina Teacher: nothing came of it")

	// She is gone: what she has sent is taken back by the bot, and not changed.
	w.net.Edit(w.teacher, chat, landed, "landed, changed")
	w.eventually("the change is dropped", func() bool { return w.drops()[policy.DropForeign] == 1 })
	w.net.Delete(w.teacher, chat, landed)
	w.wantMatrix(room, "Tina Teacher: refused, changed (edited)", "Tina Teacher: still the ghost for a while",
		"Tina Teacher: after it", "Tina Teacher: nothing came of it")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// TestPersonLeavesAfterUnclearAttempt: as the person is gone, the ghost would speak
// next; what the attempt has left must be found all the same.
func TestPersonLeavesAfterUnclearAttempt(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	var looks atomic.Bool
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op == "find" && !looks.Load() {
			return errAway
		}
		return nil
	}
	w.hs.lose = func(op string) error {
		if op == "send" && !looks.Load() {
			return errAway
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.Post(w.teacher, chat, "once")
	w.eventually("the event is there", func() bool { return w.hs.eventOf(room, "once") != "" })
	w.enter(room, tina, "leave")
	looks.Store(true)
	w.wantSettled()
	w.wantMatrix(room, "Tina Herself: once")
	w.net.Post(w.teacher, chat, "gone")
	w.wantMatrix(room, "Tina Herself: once", "Tina Teacher: gone")
	w.wantSettled()
	w.wantRemote(chat, "Tina Teacher: once", "Tina Teacher: gone")
}

// TestLinkThatAnotherProcessKnewFirst: an event that it sent as a person comes back
// through this one, which has not heard of the link yet.
func TestLinkThatAnotherProcessKnewFirst(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.net.Post(w.teacher, chat, "probe")
	w.wantMatrix(room, "Tina Teacher: probe")
	w.wantSettled()
	p, err := w.st.PortalByChat(t.Context(), "fk", chat)
	w.must(err)
	probe, err := w.st.LinkByRemote(t.Context(), p.ID, w.net.Messages(chat)[0].ID)
	w.must(err)
	last := strings.LastIndex(string(probe.Key), "-") + 1
	n, err := strconv.Atoi(string(probe.Key[last:]))
	w.must(err)

	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op == "send" {
			return errAway
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.Post(w.teacher, chat, "under way")
	w.eventually("the post waits", func() bool {
		a, err := w.st.Account(t.Context())
		return err == nil && a.Pending == 1
	})
	i := store.Identity{School: "gym", Bridge: "fk", User: w.teacher, MXID: tina, State: store.IdentityProven}
	w.must(w.st.AddIdentity(t.Context(), &i))
	w.must(w.st.ChangeIdentity(t.Context(), i.ID, func(i *store.Identity) error { i.State = store.IdentityApproved; return nil }))
	mark := map[string]any{"id": "x", "portal": p.ID, "item": string(probe.Key[:last]) + strconv.Itoa(n+1)}
	w.hs.say(room, tina, "from there", map[string]any{intent.MarkerKey: mark})
	w.eventually("it waits for the post", func() bool {
		lanes, err := w.st.Lanes(t.Context())
		w.must(err)
		return slices.ContainsFunc(lanes, func(l store.LaneState) bool {
			return l.Dir == store.DirOut && strings.Contains(l.LastError, "may have made this one")
		})
	})
	w.wantRemote(chat, "Tina Teacher: probe", "Tina Teacher: under way")
	w.hs.mu.Lock()
	w.hs.fail = nil
	w.hs.mu.Unlock()
	// The post made another event: this one was a forgery, and crosses.
	w.wantRemote(chat, "Tina Teacher: probe", "Tina Teacher: under way", "Tina Herself: from there")
	w.wantSettled()
}

// TestHalfOfOwnPostIsDead: of a message in parts one is there as the person's own
// account, the rest can never cross. The part that is there stays known.
func TestHalfOfOwnPostIsDead(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	inbox := w.hold()
	var sends atomic.Int64
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op == "send" && sends.Add(1) > 1 {
			return bridge.ErrRejected
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.PostFiles(w.teacher, chat, "half", textFile("a.txt", "one"), textFile("b.txt", "two"))
	w.eventually("a dead letter", func() bool {
		a, err := w.st.Account(t.Context())
		return err == nil && a.Dead == 1
	})
	w.release(inbox)
	w.eventually("the part is known", func() bool { return w.drops()[policy.DropOrigin] == 1 })
	w.hs.mu.Lock()
	w.hs.fail = nil
	w.hs.mu.Unlock()
	letters, err := w.st.DeadLetters(t.Context(), 10)
	w.must(err)
	w.must(w.st.Replay(t.Context(), letters[0].Number))
	w.wantMatrix(room, "Tina Herself: half", "Tina Herself: a.txt", "Tina Herself: b.txt")
	w.wantSettled()
	for _, line := range w.remote(chat) {
		if strings.HasPrefix(line, "Tina Herself") {
			t.Errorf("%q came back", line)
		}
	}
}
