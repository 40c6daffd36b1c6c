package engine_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// tina is the teacher's own Matrix account.
const tina = id.UserID("@tina:school.example")

var errAway = &bridge.TemporaryError{Err: errors.New("away")}

// newPairWorld lets Steg act as people.
func newPairWorld(t *testing.T, portals ...engine.PortalSpec) *world {
	t.Helper()
	w := newWorld(t, portals...)
	w.hs.puppets = true
	w.hs.names[tina] = "Tina Herself"
	return w
}

// pair links the teacher's accounts in a school and waits until that holds.
func (w *world) pair(school bridge.SchoolID) int64 {
	w.t.Helper()
	i := store.Identity{School: school, Bridge: "fk", User: w.teacher, MXID: tina, State: store.IdentityProven, By: string(tina)}
	w.must(w.st.AddIdentity(w.t.Context(), &i))
	w.decide(i.ID, store.IdentityApproved)
	return i.ID
}

// decide changes a link and waits until the engine knows.
func (w *world) decide(number int64, state store.IdentityState) {
	w.t.Helper()
	w.must(w.st.ChangeIdentity(w.t.Context(), number, func(i *store.Identity) error {
		i.State, i.By = state, string(admin)
		return nil
	}))
	w.ask(admin, "are you there?")
}

// enter changes a membership, and the engine knows.
func (w *world) enter(room id.RoomID, who id.UserID, membership string) {
	w.t.Helper()
	w.hs.setMember(room, who, membership)
	w.must(w.hs.flush(w.t.Context()))
}

// direct makes a room with one person and the bot.
func (w *world) direct(who id.UserID) id.RoomID {
	w.hs.mu.Lock()
	room := w.hs.newRoom("direct")
	w.hs.mu.Unlock()
	w.enter(room, who, "join")
	return room
}

// ask lets somebody write to the bot alone and waits for the answer.
func (w *world) ask(who id.UserID, text string) id.RoomID {
	w.t.Helper()
	room := w.direct(who)
	w.hs.say(room, who, text, nil)
	w.eventually("an answer of the bot", func() bool {
		return slices.ContainsFunc(w.hs.visible(room), func(line string) bool { return strings.HasSuffix(line, " said "+text) })
	})
	return room
}

// content is what an event says.
func (w *world) content(room id.RoomID, ev id.EventID) map[string]any {
	w.t.Helper()
	w.hs.mu.Lock()
	defer w.hs.mu.Unlock()
	for _, e := range w.hs.rooms[room].events {
		if e.ID == ev {
			raw, err := json.Marshal(e.Content)
			w.must(err)
			var out map[string]any
			w.must(json.Unmarshal(raw, &out))
			return out
		}
	}
	w.t.Fatalf("no event %s", ev)
	return nil
}

// pairRoom starts a world with the teacher's own account in its only room.
func pairRoom(t *testing.T) (w *world, chat bridge.ChatID, room id.RoomID) {
	t.Helper()
	w = newPairWorld(t, both("gym/market"))
	chat = w.net.NewChat("gym/market", false)
	w.start()
	room = w.room(chat)
	w.enter(room, tina, "join")
	return w, chat, room
}

func TestDoublePuppet(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.net.Post(w.teacher, chat, "as a ghost")
	w.wantMatrix(room, "Tina Teacher: as a ghost")
	w.pair("gym")

	post := w.net.Post(w.teacher, chat, "as herself")
	w.wantMatrix(room, "Tina Teacher: as a ghost", "Tina Herself: as herself")
	w.net.Reply(w.teacher, chat, post, "a reply")
	w.net.Edit(w.teacher, chat, post, "changed")
	w.net.PostFiles(w.teacher, chat, "with a file", textFile("a.txt", "one"), textFile("b.txt", "two"))
	w.wantMatrix(room, "Tina Teacher: as a ghost", "Tina Herself: changed (edited)", "  Tina Herself: a reply",
		"Tina Herself: with a file", "Tina Herself: a.txt", "Tina Herself: b.txt")
	w.net.React(w.teacher, chat, post, "👍", true)
	mine := w.hs.eventOf(room, "as herself")
	w.wantLines("reactions", func() []string { return w.hs.reactions(room, mine) }, []string{"👍\ufe0f Tina Herself"})
	w.net.React(w.teacher, chat, post, "👍", false)
	w.wantLines("reactions", func() []string { return w.hs.reactions(room, mine) }, []string{})

	// What the ghost has said stays the ghost's, also when it changes.
	w.net.Edit(w.teacher, chat, w.net.Messages(chat)[0].ID, "still a ghost")
	w.net.Delete(w.teacher, chat, post) // and with it the reply
	w.wantMatrix(room, "Tina Teacher: still a ghost (edited)", "Tina Herself: with a file", "Tina Herself: a.txt", "Tina Herself: b.txt")

	// Nothing of it has come back.
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	w.wantRemote(chat, "Tina Teacher: still a ghost (edited)", "Tina Teacher: with a file")
	if n := w.drops()[policy.DropForeign]; n != 0 {
		t.Errorf("%d of our own changes were taken for somebody else's", n)
	}
	// What she writes on Matrix crosses as before, with the network's name for her in it.
	w.hs.say(room, pupil, "hello Tina Herself", map[string]any{
		"format": "org.matrix.custom.html", "formatted_body": `hello <a href="https://matrix.to/#/` + string(tina) + `">Tina Herself</a>`,
	})
	w.wantRemote(chat, "Tina Teacher: still a ghost (edited)", "Tina Teacher: with a file", "Pia Pupil: hello <@"+string(w.teacher)+">")
	w.hs.say(room, tina, "from Matrix", nil)
	w.wantRemote(chat, "Tina Teacher: still a ghost (edited)", "Tina Teacher: with a file",
		"Pia Pupil: hello <@"+string(w.teacher)+">", "Tina Herself: from Matrix")
}

// TestOnlyWhereItHolds: outside of the school, of the rooms that the person is in, and
// of the time that the link holds, there is the ghost.
func TestOnlyWhereItHolds(t *testing.T) {
	t.Parallel()
	w := newPairWorld(t, both("gym/market"), both("gym/other"), engine.PortalSpec{Bridge: "fk", Chat: "gym/news"})
	market, other, news := w.net.NewChat("gym/market", false), w.net.NewChat("gym/other", false), w.net.NewChat("gym/news", false)
	w.start()
	room, elsewhere, locked := w.room(market), w.room(other), w.room(news)
	w.enter(room, tina, "join")
	w.enter(locked, tina, "join")

	w.pair("prim") // another school's link is of no use here
	w.net.Post(w.teacher, market, "1")
	w.wantMatrix(room, "Tina Teacher: 1")
	number := w.pair("gym")
	w.net.Post(w.teacher, market, "2")
	w.wantMatrix(room, "Tina Teacher: 1", "Tina Herself: 2")
	w.net.Post(w.teacher, other, "not there")
	w.wantMatrix(elsewhere, "Tina Teacher: not there")
	if w.hs.rooms[elsewhere].members[tina].Membership != "" {
		t.Error("a person was brought into a room")
	}
	w.net.Post(w.teacher, news, "locked")
	w.wantMatrix(locked, "Tina Teacher: locked")

	w.enter(room, tina, "leave")
	w.net.Post(w.teacher, market, "3")
	w.wantMatrix(room, "Tina Teacher: 1", "Tina Herself: 2", "Tina Teacher: 3")
	w.enter(room, tina, "join")
	post := w.net.Post(w.teacher, market, "4")
	w.wantMatrix(room, "Tina Teacher: 1", "Tina Herself: 2", "Tina Teacher: 3", "Tina Herself: 4")

	// Once it holds no longer, nothing is done in her name: what she sent can be taken
	// back, not changed.
	w.decide(number, store.IdentityEnded)
	w.net.Post(w.teacher, market, "5")
	w.wantMatrix(room, "Tina Teacher: 1", "Tina Herself: 2", "Tina Teacher: 3", "Tina Herself: 4", "Tina Teacher: 5")
	w.net.Edit(w.teacher, market, post, "four")
	w.eventually("the change is dropped", func() bool { return w.drops()[policy.DropForeign] == 1 })
	w.net.Delete(w.teacher, market, post)
	w.wantMatrix(room, "Tina Teacher: 1", "Tina Herself: 2", "Tina Teacher: 3", "Tina Teacher: 5")

	// Without the right to act as people a link is of no use either.
	w.decide(number, store.IdentityApproved)
	w.hs.mu.Lock()
	w.hs.puppets = false
	w.hs.mu.Unlock()
	w.net.Post(w.teacher, market, "6")
	w.wantMatrix(room, "Tina Teacher: 1", "Tina Herself: 2", "Tina Teacher: 3", "Tina Teacher: 5", "Tina Teacher: 6")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// TestAdministratorsOwnAnnouncement: in a locked room only those of them may write who
// may do so anyway.
func TestAdministratorsOwnAnnouncement(t *testing.T) {
	t.Parallel()
	w := newPairWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/news"})
	w.school.Admins = append(w.school.Admins, tina)
	news := w.net.NewChat("gym/news", false)
	w.start()
	room := w.room(news)
	w.enter(room, tina, "join")
	w.pair("gym")
	w.net.Post(w.teacher, news, "holiday")
	w.wantMatrix(room, "Tina Herself: holiday")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// TestCopyOfOwnPostCrosses: a program that forwards a message copies its content, with
// our marker in it.
func TestCopyOfOwnPostCrosses(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Herself: hello")
	w.wantSettled()
	content := w.content(room, w.hs.eventOf(room, "hello"))
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
	w.hs.say(room, tina, "unclear", w.content(room, w.hs.eventOf(room, "unclear")))
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

// TestOwnReactionOnBothSides: who shows an emoji on Matrix already reacts as the ghost.
func TestOwnReactionOnBothSides(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	other := w.net.NewUser("Otto Other")
	post := w.net.Post(other, chat, "hello")
	w.wantMatrix(room, "Otto Other: hello")
	ev := w.hs.eventOf(room, "hello")
	w.hs.react(room, tina, ev, "👍")
	w.eventually("her reaction on the network", func() bool { return len(w.net.Reactions(chat, post)["👍"]) == 1 })
	w.net.React(w.teacher, chat, post, "👍", true)
	w.net.React(w.teacher, chat, post, "🎉", true)
	w.wantLines("reactions", func() []string { return w.hs.reactions(room, ev) },
		[]string{"🎉 Tina Herself", "👍 Tina Herself", "👍\ufe0f Tina Teacher"})
	w.net.React(w.teacher, chat, post, "👍", false)
	w.net.React(w.teacher, chat, post, "🎉", false)
	w.wantLines("reactions", func() []string { return w.hs.reactions(room, ev) }, []string{"👍 Tina Herself"})
	w.wantSettled()
	if got := w.net.Reactions(chat, post); len(got) != 1 || len(got["👍"]) != 1 {
		t.Errorf("on the network: %v", got)
	}
}

// TestOwnPostInHub: it goes on to the room's other chats, once, and not back.
func TestOwnPostInHub(t *testing.T) {
	t.Parallel()
	w := newPairWorld(t)
	a, b := w.net.NewChat("gym/a", false), w.net.NewChat("gym/b", false)
	w.hs.mu.Lock()
	hub := w.hs.newRoom("hub")
	w.hs.mu.Unlock()
	sa, sb := both("gym/a"), both("gym/b")
	sa.Room, sb.Room = string(hub), string(hub)
	w.school.Portals = []engine.PortalSpec{sa, sb}
	w.start()
	w.room(a)
	w.room(b)
	w.enter(hub, tina, "join")
	w.pair("gym")
	post := w.net.Post(w.teacher, a, "from a")
	w.wantMatrix(hub, "Tina Herself: from a")
	w.wantRemote(b, "Tina Herself: from a")
	w.net.React(w.teacher, a, post, "👍", true)
	w.eventually("the reaction in the other chat", func() bool {
		all := w.net.Messages(b)
		return len(all) == 1 && len(w.net.Reactions(b, all[0].ID)["👍"]) == 1
	})
	w.net.Delete(w.teacher, a, post)
	w.wantRemote(b)
	w.wantRemote(a)
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	// A text that has crossed Stegs often enough goes no further.
	w.net.Post(w.teacher, a, "again")
	w.wantRemote(b, "Tina Herself: again")
	if got := w.net.Messages(b)[0].Hop; got != 1 {
		t.Errorf("hop %d, want 1", got)
	}
}

// TestOwnAccountReplacesGhost: whose account is in a room needs no ghost there.
func TestOwnAccountReplacesGhost(t *testing.T) {
	t.Parallel()
	w := newPairWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	anna := w.net.NewUser("Anna Arnold")
	w.net.Enter(chat, anna, w.teacher)
	w.start()
	room := w.room(chat)
	w.wantGhosts(room, anna, w.teacher)
	w.net.Post(w.teacher, chat, "by the ghost")
	w.wantMatrix(room, "Tina Teacher: by the ghost")
	w.enter(room, tina, "join")
	number := w.pair("gym")
	w.wantGhosts(room, anna)
	w.net.Post(w.teacher, chat, "by herself")
	w.wantMatrix(room, "Tina Teacher: by the ghost", "Tina Herself: by herself")
	w.wantGhosts(room, anna)
	w.enter(room, tina, "leave")
	w.wantGhosts(room, anna, w.teacher)
	w.enter(room, tina, "join")
	w.wantGhosts(room, anna)
	w.decide(number, store.IdentityEnded)
	w.wantGhosts(room, anna, w.teacher)

	// A closed account ends it, for good.
	w.decide(number, store.IdentityApproved)
	w.wantGhosts(room, anna)
	w.net.CloseAccount(w.teacher, true)
	w.eventually("the link has ended", func() bool {
		i, err := w.st.Identity(t.Context(), number)
		return err == nil && i.State == store.IdentityEnded && i.By == "network"
	})
	w.wantSettled()
}

func TestOwnAccountIsMentioned(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.pair("gym")
	other := w.net.NewUser("Otto Other")
	mentioned := func(text string) []any {
		t.Helper()
		w.net.Post(other, chat, text)
		var ev id.EventID
		w.eventually("the message", func() bool {
			for _, line := range w.hs.visible(room) {
				if strings.Contains(line, strings.Fields(text)[0]) {
					body := strings.SplitN(line, ": ", 2)[1]
					ev = w.hs.eventOf(room, body)
				}
			}
			return ev != ""
		})
		mentions, _ := w.content(room, ev)["m.mentions"].(map[string]any)
		users, _ := mentions["user_ids"].([]any)
		return users
	}
	if got := mentioned("first <@" + string(w.teacher) + ">"); len(got) != 1 || got[0] != string(tina) {
		t.Errorf("mentioned: %v, want her own account", got)
	}
	w.enter(room, tina, "leave")
	w.net.Post(w.teacher, chat, "makes the ghost")
	w.eventually("the ghost", func() bool { return w.hs.ghostsIn(room)[w.teacher] })
	if got := mentioned("second <@" + string(w.teacher) + ">"); len(got) != 1 || got[0] != string(w.hs.GhostID("fk", w.teacher)) {
		t.Errorf("mentioned: %v, want the ghost", got)
	}
}

// TestOwnAccountDoesNotType: it would come back as if somebody wrote on Matrix.
func TestOwnAccountDoesNotType(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	w.net.Post(w.teacher, chat, "makes the ghost")
	w.wantMatrix(room, "Tina Teacher: makes the ghost")
	w.pair("gym")
	other := w.net.NewUser("Otto Other")
	w.net.Post(other, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: makes the ghost", "Otto Other: hello")
	w.net.Type(w.teacher, chat)
	w.net.Type(other, chat)
	w.eventually("the other types", func() bool { return w.hs.types(room, w.hs.GhostID("fk", other)) })
	if w.hs.types(room, tina) || w.hs.types(room, w.hs.GhostID("fk", w.teacher)) {
		t.Error("the linked person is shown as typing")
	}
}

// invite lets somebody invite the bot.
func (f *fakeMatrix) invite(who id.UserID, direct bool) id.RoomID {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := f.newRoom("invited")
	f.rooms[room].members = map[id.UserID]intent.Member{who: memberOf(who), f.Bot(): {User: f.Bot(), Membership: "invite"}}
	f.lastID++
	content := map[string]any{"membership": "invite", "is_direct": direct}
	f.push(room, who, event.StateMember.Type, "", content, id.EventID("$invite"+string(room)))
	last := &f.pushback[len(f.pushback)-1]
	bot := string(f.Bot())
	last.StateKey = &bot
	var raw map[string]any
	_ = json.Unmarshal(last.Raw, &raw)
	raw["state_key"] = bot
	last.Raw, _ = json.Marshal(raw) //nolint:errchkjson // test data
	return room
}

func TestWhoMayInviteTheBot(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		who             id.UserID
		direct, puppets bool
		want            string
	}{
		"a pupil, to link":          {pupil, true, true, "join"},
		"a pupil, into any room":    {pupil, false, true, ""},
		"from another server":       {"@a:elsewhere.example", true, true, ""},
		"a pupil, nothing to link":  {pupil, true, false, ""},
		"an admin, nothing to link": {admin, false, false, "join"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.hs.puppets = test.puppets
			w.start()
			room := w.hs.invite(test.who, test.direct)
			w.eventually("an answer to the invitation", func() bool {
				w.hs.mu.Lock()
				defer w.hs.mu.Unlock()
				return w.hs.rooms[room].members[w.hs.Bot()].Membership == test.want
			})
		})
	}
}

// TestWhoIsTold: administrators hear of what waits for them, people of what was
// decided, each once, also across a restart.
func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	w := newPairWorld(t)
	w.start()
	office, home := w.ask(admin, "hello"), w.ask(tina, "hello")
	i := store.Identity{School: "gym", Bridge: "fk", User: w.teacher, MXID: tina, State: store.IdentityAsked, By: string(tina)}
	w.must(w.st.AddIdentity(t.Context(), &i))
	said := func(room id.RoomID) int { return len(w.hs.visible(room)) }
	set := func(state store.IdentityState) {
		w.must(w.st.ChangeIdentity(t.Context(), i.ID, func(i *store.Identity) error { i.State, i.By = state, string(admin); return nil }))
	}
	before, atHome := said(office), said(home)
	set(store.IdentityProven)
	w.eventually("the administrator is told", func() bool { return said(office) == before+1 })
	set(store.IdentityApproved)
	w.eventually("the person is told", func() bool { return said(home) == atHome+1 })
	set(store.IdentityEnded)
	w.eventually("the person is told of the end", func() bool { return said(home) == atHome+2 })
	w.wantSettled()
	w.stop()
	w.start()
	w.ask(pupil, "hello")
	w.wantSettled()
	if said(office) != before+1 || said(home) != atHome+2 {
		t.Errorf("told again:\n%v\n%v", w.hs.visible(office), w.hs.visible(home))
	}
	for _, line := range slices.Concat(w.hs.visible(office), w.hs.visible(home)) {
		if strings.Contains(line, "%!") || strings.Contains(line, "Tina Teacher") {
			t.Errorf("said: %s", line)
		}
	}
}
