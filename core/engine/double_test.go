package engine_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
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

// contentOf is what an event says.
func (w *world) contentOf(room id.RoomID, ev id.EventID) map[string]any {
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

	// What a program writes with her account is not hers.
	alarm := w.net.PostProgram(w.teacher, chat, "an alarm")
	w.wantMatrix(room, "Tina Teacher: as a ghost", "Tina Herself: changed (edited)", "  Tina Herself: a reply",
		"Tina Herself: with a file", "Tina Herself: a.txt", "Tina Herself: b.txt", "Tina Teacher: an alarm")
	w.net.Delete(w.teacher, chat, alarm)

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

// TestLinkMovesToAnotherAccount: what the account was linked to before may not change
// what it has sent then.
func TestLinkMovesToAnotherAccount(t *testing.T) {
	t.Parallel()
	w, chat, room := pairRoom(t)
	number := w.pair("gym")
	post := w.net.Post(w.teacher, chat, "hers")
	w.wantMatrix(room, "Tina Herself: hers")
	w.decide(number, store.IdentityEnded)
	first := w.teacher
	w.teacher = w.net.NewUser("Otto Other")
	w.pair("gym")
	w.net.Post(w.teacher, chat, "the other's")
	w.wantMatrix(room, "Tina Herself: hers", "Tina Herself: the other's")
	w.net.Edit(first, chat, post, "changed")
	w.eventually("the change is dropped", func() bool { return w.drops()[policy.DropForeign] == 1 })
	w.net.Delete(first, chat, post)
	w.wantMatrix(room, "Tina Herself: the other's")
	w.wantSettled()
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
		mentions, _ := w.contentOf(room, ev)["m.mentions"].(map[string]any)
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
