package engine_test

import (
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/store"
)

// directWorld is a puppetWorld whose school allows direct chats. The teacher has
// written in the chat, and the pupil's account is in it.
func directWorld(t *testing.T) (w *world, chat bridge.ChatID, room id.RoomID) {
	t.Helper()
	w = newWorldOn(t, bridgefake.Options{Puppets: true}, both("gym/market"))
	w.school.Direct = true
	chat = w.net.NewChat("gym/market", false)
	w.start()
	room = w.room(chat)
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	w.hs.setMember(room, pupil, "join")
	w.hasAccount(pupil, chat)
	return w, chat, room
}

// hasAccount waits until a person's account is in a chat.
func (w *world) hasAccount(user id.UserID, chat bridge.ChatID) {
	w.t.Helper()
	remote := bridgefake.NewRemote(w.net, "bot")
	w.eventually("an account in the chat", func() bool {
		row, err := w.st.Puppet(w.t.Context(), "fk", user)
		if err != nil || !remote.InChat(w.t, row.User, chat) {
			return false
		}
		in, err := w.st.PuppetsIn(w.t.Context(), "fk", chat)
		return err == nil && slices.Contains(in, row.User)
	})
}

// directRoom waits for the room of a direct chat.
func (w *world) directRoom(chat bridge.ChatID) (room id.RoomID) {
	w.t.Helper()
	w.eventually("the room of a direct chat", func() bool {
		p, err := w.st.PortalByChat(w.t.Context(), "fk", chat)
		room = p.Room
		return err == nil && room != "" && p.Direct()
	})
	return room
}

func TestDirectChatFromTheNetwork(t *testing.T) {
	t.Parallel()
	w, _, _ := directWorld(t)
	dm := w.net.Direct(w.teacher, w.puppet(pupil))
	w.net.Post(w.teacher, dm, "a word, please")
	room := w.directRoom(dm)
	w.wantMatrix(room, "Tina Teacher: a word, please")
	w.hs.mu.Lock()
	spec := w.hs.rooms[room].spec
	w.hs.mu.Unlock()
	if !spec.Direct || !spec.Private || spec.Name != "Tina Teacher" || !slices.Equal(spec.Invite, []id.UserID{pupil}) || len(spec.Levels.Moderators) > 0 {
		t.Errorf("the room is %+v", spec)
	}
	w.hs.setMember(room, pupil, "join")
	said := w.hs.say(room, pupil, "yes?", nil)
	w.wantRemote(dm, "Tina Teacher: a word, please", "Pia Pupil: yes?")
	if m := w.net.Messages(dm)[1]; m.User != w.puppet(pupil) {
		t.Errorf("the answer is by %s", m.User)
	}
	w.hs.say(room, pupil, "* yes!", edit(said, "yes!"))
	w.wantRemote(dm, "Tina Teacher: a word, please", "Pia Pupil: yes! (edited)")

	// While we are away; and to somebody who has left the room.
	w.stop()
	w.net.Post(w.teacher, dm, "tomorrow at nine")
	w.start()
	w.wantMatrix(room, "Tina Teacher: a word, please", "Pia Pupil: yes! (edited)", "Tina Teacher: tomorrow at nine")
	w.hs.setMember(room, pupil, "leave")
	w.net.Post(w.teacher, dm, "are you there?")
	w.eventually("the pupil is invited again", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return slices.Contains(w.hs.invited[room], pupil)
	})

	// Nobody else is entitled, not even an administrator.
	w.hs.setMember(room, admin, "join")
	w.net.Post(w.teacher, dm, "between us")
	w.eventually("the portal holds", func() bool {
		lanes, err := w.st.Lanes(t.Context())
		w.must(err)
		return slices.ContainsFunc(lanes, func(l store.LaneState) bool { return strings.Contains(l.LastError, "not entitled") })
	})
	w.hs.setMember(room, admin, "leave")
	w.eventually("it goes on", func() bool {
		return slices.Contains(w.hs.visible(room), "Tina Teacher: between us")
	})
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// Who has no conversation with a pupil is told that nothing crosses, once.
func TestDirectChatOfStrangers(t *testing.T) {
	t.Parallel()
	w, _, _ := directWorld(t)
	stranger := w.net.NewUser("Stefan Stranger")
	pia := w.puppet(pupil)
	dm := w.net.Direct(stranger, pia)
	w.net.Post(stranger, dm, "psst")
	refused := func() bool { return len(w.net.Messages(dm)) == 2 && w.net.Messages(dm)[1].User == pia }
	w.eventually("the stranger is told", refused)
	w.stop()
	w.net.ForgetKeys()
	w.start()
	w.net.Post(stranger, dm, "psst")
	known := w.net.Direct(w.teacher, pia) // comes after
	w.net.Post(w.teacher, known, "hello")
	w.wantMatrix(w.directRoom(known), "Tina Teacher: hello")
	if got := w.remote(dm); len(got) != 3 {
		t.Errorf("the stranger was told again: %v", got)
	}
	if _, err := w.st.PortalByChat(t.Context(), "fk", dm); err == nil {
		t.Error("a stranger's chat has a portal")
	}
}

// Groups have one room for all their Matrix people.
func TestGroupChat(t *testing.T) {
	t.Parallel()
	w, chat, room := directWorld(t)
	w.hs.setMember(room, admin, "join")
	w.hasAccount(admin, chat)
	group := w.net.Direct(w.teacher, w.puppet(pupil), w.puppet(admin))
	w.net.Post(w.teacher, group, "you two")
	direct := w.directRoom(group)
	w.wantMatrix(direct, "Tina Teacher: you two")
	w.hs.setMember(direct, pupil, "join")
	w.hs.setMember(direct, admin, "join")
	w.hs.say(direct, admin, "yes", nil)
	w.hs.say(direct, pupil, "yes too", nil)
	w.wantRemote(group, "Tina Teacher: you two", "Adam Admin: yes", "Pia Pupil: yes too")
	w.wantMatrix(direct, "Tina Teacher: you two", "Adam Admin: yes", "Pia Pupil: yes too")
	w.wantSettled()
}

// A Matrix person begins by inviting a ghost, and gets a room for it.
func TestDirectChatFromMatrix(t *testing.T) {
	t.Parallel()
	w, _, _ := directWorld(t)
	ghost := w.hs.GhostID("fk", w.teacher)
	w.hs.inviteDirect(pupil, ghost)
	var dm bridge.ChatID
	w.eventually("a portal", func() bool {
		ps, err := w.st.Portals(t.Context())
		w.must(err)
		for _, p := range ps {
			if p.Direct() && p.Room != "" {
				dm = p.Chat
			}
		}
		return dm != ""
	})
	if want := w.net.Direct(w.teacher, w.puppet(pupil)); dm != want {
		t.Fatalf("the chat is %s, want %s", dm, want)
	}
	room := w.directRoom(dm)
	w.eventually("the ghost is in the room", func() bool { return w.hs.isIn(room, ghost) })
	w.hs.setMember(room, pupil, "join")
	w.hs.say(room, pupil, "may I ask something?", nil)
	w.wantRemote(dm, "Pia Pupil: may I ask something?")
	w.net.Post(w.teacher, dm, "sure")
	w.wantMatrix(room, "Pia Pupil: may I ask something?", "Tina Teacher: sure")

	// An outsider gets none.
	outsider := id.UserID("@outsider:school.example")
	declined := w.hs.inviteDirect(outsider, ghost)
	w.eventually("the ghost declines", func() bool { return !w.hs.isInvited(declined, ghost) })
	ps, err := w.st.Portals(t.Context())
	w.must(err)
	if len(ps) != 2 {
		t.Errorf("%d portals", len(ps))
	}
	w.wantSettled()
}

// Where the school does not allow it any more nothing crosses, until it does.
func TestDirectChatsSwitchedOff(t *testing.T) {
	t.Parallel()
	w, _, _ := directWorld(t)
	dm := w.net.Direct(w.teacher, w.puppet(pupil))
	w.net.Post(w.teacher, dm, "one")
	room := w.directRoom(dm)
	w.wantMatrix(room, "Tina Teacher: one")
	w.wantSettled()
	w.stop()
	w.school.Direct = false
	w.start()
	w.eventually("the portal is off", func() bool {
		p, err := w.st.PortalByChat(t.Context(), "fk", dm)
		return err == nil && p.Mode == store.ModeOff
	})
	w.net.Post(w.teacher, dm, "two")
	w.stop()
	w.school.Direct = true
	w.start()
	w.eventually("the portal is on", func() bool {
		p, err := w.st.PortalByChat(t.Context(), "fk", dm)
		return err == nil && p.Mode == store.ModeBoth && p.Follows
	})
	w.net.Post(w.teacher, dm, "three")
	w.wantMatrix(room, "Tina Teacher: one", "Tina Teacher: three")
}
