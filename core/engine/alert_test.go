package engine_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
)

// content waits for the event in a room whose body holds a word.
func (w *world) content(room id.RoomID, word string) *event.MessageEventContent {
	w.t.Helper()
	var c event.MessageEventContent
	w.eventually("a message with "+word, func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		for _, ev := range w.hs.rooms[room].events {
			if body, _ := ev.Content["body"].(string); strings.Contains(body, word) {
				raw, err := json.Marshal(ev.Content)
				w.must(err)
				w.must(json.Unmarshal(raw, &c))
				return true
			}
		}
		return false
	})
	return &c
}

// alert makes somebody write to a room that everybody is meant.
func (w *world) alert(room id.RoomID, who id.UserID, text string) {
	w.hs.say(room, who, text, map[string]any{"m.mentions": map[string]any{"room": true}})
}

// Who may alert everybody on the network does so in a room of ours, and nobody else.
func TestAlertsRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	other := w.net.NewUser("Otto Other")
	w.net.Entitle(chat, w.teacher)
	w.start()
	room := w.room(chat)
	for who, want := range map[bridge.UserID]bool{w.teacher: true, other: false} {
		w.net.Post(who, chat, "<!all> from "+string(who))
		if got := w.content(room, "from "+string(who)).Mentions; got == nil || got.Room != want {
			t.Errorf("mentions of %s: %+v, want everybody: %v", who, got, want)
		}
	}
	w.hs.mu.Lock()
	raised := w.hs.rooms[room].alerting
	w.hs.mu.Unlock()
	if len(raised) != 1 || raised[0] != w.hs.GhostID("fk", w.teacher) {
		t.Errorf("ghosts that may alert everybody: %v", raised)
	}
	// An edit alerts nobody anew.
	w.net.Edit(w.teacher, chat, w.net.Messages(chat)[0].ID, "<!all> corrected")
	if got := w.content(room, "corrected").Mentions; got != nil && got.Room {
		t.Error("an edit alerts everybody")
	}
}

// In a linked room nobody's level is raised.
func TestAlertsLinkedRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chat := w.net.NewChat("gym/market", false)
	w.net.Entitle(chat, w.teacher)
	w.hs.mu.Lock()
	room := w.hs.newRoom("linked")
	w.hs.mu.Unlock()
	spec := both("gym/market")
	spec.Room = string(room)
	w.school.Portals = []engine.PortalSpec{spec}
	w.start()
	w.room(chat)
	w.net.Post(w.teacher, chat, "<!all> first")
	if w.content(room, "first").Mentions.Room {
		t.Error("everybody is alerted by a ghost that may not")
	}
	w.hs.mu.Lock()
	w.hs.rooms[room].alerting = append(w.hs.rooms[room].alerting, w.hs.GhostID("fk", w.teacher))
	w.hs.mu.Unlock()
	w.net.Post(w.teacher, chat, "<!all> second")
	if !w.content(room, "second").Mentions.Room {
		t.Error("nobody is alerted by a ghost that others let")
	}
}

// The homeserver takes m.mentions.room from anybody: Steg looks at the level.
func TestAlertsChat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, admin, "join")
	w.hs.setMember(room, pupil, "join")
	w.alert(room, admin, "@room one")
	w.alert(room, pupil, "@room two")
	w.hs.say(room, admin, "@room three", nil)
	said := w.hs.say(room, admin, "four", nil)
	change := edit(said, "@room four")
	change["m.mentions"] = map[string]any{"room": true}
	w.hs.say(room, admin, "* @room four", change)
	w.wantRemote(chat, "Adam Admin: <!all> one", "Pia Pupil: @room two", "Adam Admin: @room three", "Adam Admin: @room four (edited)")
	w.wantSettled()
}

// A homeserver that does not answer delays the message, one that refuses does not.
func TestAlertUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, admin, "join")
	asked := 0
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op != "alert" {
			return nil
		}
		if asked++; asked < 3 {
			return &bridge.TemporaryError{Err: errors.New("away")}
		}
		return bridge.ErrForbidden
	}
	w.hs.mu.Unlock()
	w.alert(room, admin, "@room hello")
	w.wantRemote(chat, "Adam Admin: @room hello")
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}
