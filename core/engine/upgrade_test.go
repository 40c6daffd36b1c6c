package engine_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

const janitor = id.UserID("@janitor:school.example")

// linkedRoom makes a world with a chat that is linked to the janitor's room.
func linkedRoom(t *testing.T, private bool) (*world, bridge.ChatID, id.RoomID) {
	t.Helper()
	w := newWorld(t)
	chat := w.net.NewChat("gym/market", private)
	w.net.Admit(chat, "bot")
	w.hs.names[janitor] = "Jan Itor"
	room := w.hs.personsRoom(janitor, "", janitor, pupil, w.hs.Bot())
	spec := both("gym/market")
	spec.Room, spec.Members = string(room), []string{string(janitor), string(pupil)}
	w.school.Portals = []engine.PortalSpec{spec}
	w.start()
	w.room(chat)
	return w, chat, room
}

func (w *world) portal(chat bridge.ChatID) store.Portal {
	w.t.Helper()
	p, err := w.st.PortalByChat(w.t.Context(), "fk", chat)
	w.must(err)
	return p
}

// moved waits until a chat's portal is in a room.
func (w *world) moved(chat bridge.ChatID, room id.RoomID) {
	w.t.Helper()
	w.eventually("the portal has moved", func() bool { p := w.portal(chat); return p.Room == room && p.Paused == "" && p.Applied == p.Mode })
}

// pausedFor waits until a chat's portal says why it rests.
func (w *world) pausedFor(chat bridge.ChatID, why string) {
	w.t.Helper()
	w.eventually("paused: "+why, func() bool { return strings.Contains(w.portal(chat).Paused, why) })
}

func TestUpgradeIsFollowed(t *testing.T) {
	t.Parallel()
	w, chat, old := linkedRoom(t, false)
	root := w.net.Post(w.teacher, chat, "old root")
	gone := w.net.Post(w.teacher, chat, "old, to be removed")
	late := w.net.Post(w.teacher, chat, "removed too late")
	w.wantMatrix(old, "Tina Teacher: old root", "Tina Teacher: old, to be removed", "Tina Teacher: removed too late")
	w.net.Pin(chat, root, true)
	w.eventually("the pin", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return len(w.hs.rooms[old].pinned) == 1
	})

	next := w.hs.personsRoom(janitor, old, janitor, pupil)
	w.hs.sayUnseen(next, pupil, "first in the new room")
	w.hs.mu.Lock()
	w.hs.rooms[next].closed = true
	w.hs.mu.Unlock()
	w.hs.bury(old, janitor, next, true)
	w.pausedFor(chat, "invite")
	w.net.Reply(w.teacher, chat, root, "a reply to the old root")
	w.hs.inviteBot(next, janitor)
	w.moved(chat, next)
	w.net.Reply(w.teacher, chat, root, "another one")
	w.wantMatrix(next, "Pia Pupil: first in the new room", "Tina Teacher: a reply to the old root", "  Tina Teacher: another one")
	w.hs.say(next, pupil, "second", nil)
	w.wantRemote(chat, "Tina Teacher: old root", "Tina Teacher: old, to be removed", "Tina Teacher: removed too late", "  Tina Teacher: a reply to the old root",
		"Pia Pupil: first in the new room", "  Tina Teacher: another one", "Pia Pupil: second")

	// What is changed of old messages goes to the old room, or is dropped.
	w.net.Edit(w.teacher, chat, root, "old root, edited")
	w.net.Delete(w.teacher, chat, gone)
	w.eventually("the edit is dropped by its policy", func() bool { return w.drops()[policy.DropMoved] == 1 })
	w.wantMatrix(old, "Tina Teacher: old root", "Tina Teacher: removed too late")
	w.net.React(w.teacher, chat, root, "👍", true)
	w.eventually("so is the reaction", func() bool { return w.drops()[policy.DropMoved] == 2 })
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op == "redact" {
			return bridge.ErrForbidden
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.Delete(w.teacher, chat, late)
	w.eventually("so is a removal that the old room refuses", func() bool { return w.drops()[policy.DropMoved] == 3 })
	w.hs.mu.Lock()
	w.hs.fail = nil
	w.hs.mu.Unlock()
	w.wantMatrix(old, "Tina Teacher: old root", "Tina Teacher: removed too late")
	w.hs.say(old, janitor, "into the old room", nil)
	w.net.Post(w.teacher, chat, "the end")
	w.eventually("the end", func() bool { return w.hs.eventOf(next, "the end") != "" })
	for _, line := range w.remote(chat) {
		if strings.Contains(line, "into the old room") {
			t.Error("the old room is still bridged")
		}
	}
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	w.eventually("the pin of the old room stays on the network", func() bool { return len(w.net.Pinned(chat)) == 1 })

	// The configuration still names the old room, and another upgrade follows.
	w.stop()
	w.start()
	w.room(chat)
	w.moved(chat, next)
	third := w.hs.personsRoom(janitor, next, janitor, pupil)
	w.hs.bury(next, janitor, third, true)
	w.moved(chat, third)
	w.stop()
	w.start()
	w.net.Post(w.teacher, chat, "in the third")
	w.wantMatrix(third, "Tina Teacher: in the third")
}

// Who closes a room must not lead its portal anywhere.
func TestUpgradeWithoutProof(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		private bool
		next    func(w *world, old id.RoomID) id.RoomID
		why     string
		stays   bool // the bot stays in the new room, to look again
	}{
		"names no room": {next: func(*world, id.RoomID) id.RoomID { return "" }, why: "names no room"},
		"names itself":  {next: func(_ *world, old id.RoomID) id.RoomID { return old }, why: "names no room"},
		"follows none": {next: func(w *world, _ id.RoomID) id.RoomID {
			return w.hs.personsRoom(janitor, "", janitor)
		}, why: "does not say that it follows"},
		"follows another": {next: func(w *world, _ id.RoomID) id.RoomID {
			return w.hs.personsRoom(janitor, "!other:school.example", janitor)
		}, why: "does not say that it follows"},
		"made by somebody else": {next: func(w *world, old id.RoomID) id.RoomID {
			return w.hs.personsRoom(pupil, old, pupil)
		}, why: "could not have closed this one"},
		"encrypted": {next: func(w *world, old id.RoomID) id.RoomID {
			room := w.hs.personsRoom(janitor, old, janitor)
			w.hs.mu.Lock()
			defer w.hs.mu.Unlock()
			w.hs.rooms[room].encrypted = true
			return room
		}, why: "encrypted"},
		"of another school": {next: func(w *world, old id.RoomID) id.RoomID {
			room := w.hs.personsRoom(janitor, old, janitor, w.hs.Bot())
			w.must(w.st.InsertPortal(w.t.Context(), &store.Portal{School: "sek", Bridge: "fk", Chat: "theirs", Slug: "theirs", Room: room, Mode: store.ModeBoth}))
			return room
		}, why: "linked to another chat", stays: true},
		"of another chat": {next: func(w *world, old id.RoomID) id.RoomID {
			room := w.hs.personsRoom(janitor, old, janitor, w.hs.Bot())
			w.must(w.st.InsertPortal(w.t.Context(), &store.Portal{School: "gym", Bridge: "fk", Chat: "other", Slug: "other", Room: room, Mode: store.ModeBoth, Origin: "command"}))
			return room
		}, why: "linked to another chat", stays: true},
		"strangers in a private chat's": {private: true, next: func(w *world, old id.RoomID) id.RoomID {
			return w.hs.personsRoom(janitor, old, janitor, "@stranger:school.example")
		}, why: "1 in the room of this private chat are not entitled", stays: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, chat, old := linkedRoom(t, tt.private)
			next := tt.next(w, old)
			if tt.stays && !tt.private {
				w.eventually("the other portal is known", func() bool {
					w.must(w.engine.Load(t.Context()))
					ps, err := w.st.PortalsByRoom(t.Context(), next)
					return err == nil && len(ps) == 1
				})
			}
			w.hs.bury(old, janitor, next, true)
			w.pausedFor(chat, tt.why)
			w.net.Post(w.teacher, chat, "not for the other room")
			w.eventually("the lane is held and says why", func() bool {
				lanes, err := w.st.Lanes(t.Context())
				w.must(err)
				for _, l := range lanes {
					if strings.Contains(l.LastError, tt.why) {
						return true
					}
				}
				return false
			})
			if p := w.portal(chat); p.Room != old {
				t.Errorf("the portal has moved to %s", p.Room)
			}
			if next == "" || next == old {
				return
			}
			w.hs.mu.Lock()
			defer w.hs.mu.Unlock()
			if _, in := w.hs.rooms[next].members[w.hs.Bot()]; in != tt.stays {
				t.Errorf("the bot is in the new room: %v", in)
			}
			if n := len(w.hs.rooms[next].events); n > 0 {
				t.Errorf("%d events were sent into the new room", n)
			}
		})
	}
}

// The creator need not be who closed the room, if they could have done so.
func TestUpgradeByTwoAdmins(t *testing.T) {
	t.Parallel()
	w, chat, old := linkedRoom(t, false)
	w.hs.mu.Lock()
	w.hs.rooms[old].powerful = pupil
	w.hs.mu.Unlock()
	next := w.hs.personsRoom(pupil, old, pupil)
	w.hs.bury(old, janitor, next, true)
	w.moved(chat, next)
}

// A private chat moves into a room of those who are entitled, and is guarded there.
func TestUpgradeOfAPrivateChat(t *testing.T) {
	t.Parallel()
	w, chat, old := linkedRoom(t, true)
	next := w.hs.personsRoom(janitor, old, janitor, pupil)
	w.hs.bury(old, janitor, next, true)
	w.moved(chat, next)
	w.net.Post(w.teacher, chat, "among ourselves")
	w.wantMatrix(next, "Tina Teacher: among ourselves")
	w.hs.setMember(next, "@stranger:school.example", "join")
	w.eventually("the stranger is seen", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return len(w.hs.pushback) == 0
	})
	w.net.Post(w.teacher, chat, "not for the stranger")
	w.eventually("held", func() bool {
		lanes, err := w.st.Lanes(t.Context())
		w.must(err)
		for _, l := range lanes {
			if strings.Contains(l.LastError, "not entitled") {
				return true
			}
		}
		return false
	})
	w.wantMatrix(next, "Tina Teacher: among ourselves")
}

// Where the bot must be invited, the portal waits for it, and nothing is lost.
func TestUpgradeWaitsForAnInvitation(t *testing.T) {
	t.Parallel()
	for _, by := range []id.UserID{janitor, admin} { // one of the room's, and one of the school's
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			waitForInvitation(t, by)
		})
	}
}

func waitForInvitation(t *testing.T, by id.UserID) {
	t.Helper()
	w, chat, old := linkedRoom(t, false)
	next := w.hs.personsRoom(janitor, old, janitor, pupil)
	w.hs.mu.Lock()
	w.hs.rooms[next].closed = true
	w.hs.mu.Unlock()
	w.hs.bury(old, janitor, next, true)
	w.pausedFor(chat, "invite @steg:school.example")
	w.net.Post(w.teacher, chat, "meanwhile")
	w.stop()
	w.start() // the waiting survives a restart
	w.pausedFor(chat, "invite @steg:school.example")
	other := w.hs.personsRoom(janitor, old, janitor)
	w.hs.inviteBot(other, janitor)
	w.hs.inviteBot(next, by)
	w.moved(chat, next)
	w.wantMatrix(next, "Tina Teacher: meanwhile")
	w.eventually("an invitation elsewhere is refused", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return w.hs.rooms[other].members[w.hs.Bot()].Membership == ""
	})
}

// Nobody told that the room was closed: it shows when it refuses a message. Another
// message, whose fate was unknown then, is looked for where it was sent.
func TestUpgradeThatNobodyTold(t *testing.T) {
	t.Parallel()
	w, chat, old := linkedRoom(t, false)
	next := w.hs.personsRoom(janitor, old, janitor, pupil)
	var lost atomic.Bool
	w.hs.mu.Lock()
	w.hs.lose = func(op string) error {
		if op != "send" || !lost.CompareAndSwap(false, true) {
			return nil
		}
		w.hs.rooms[old].tomb = intent.Tombstone{Sender: janitor, Replacement: next}
		return &bridge.TemporaryError{Err: errors.New("the answer is lost")}
	}
	w.hs.mu.Unlock()
	landed := w.net.Post(w.teacher, chat, "landed before the upgrade")
	w.net.Post(w.teacher, chat, "after it")
	w.moved(chat, next)
	w.wantMatrix(next, "Tina Teacher: after it")
	w.wantMatrix(old, "Tina Teacher: landed before the upgrade")
	w.net.Delete(w.teacher, chat, landed)
	w.wantMatrix(old)
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}
