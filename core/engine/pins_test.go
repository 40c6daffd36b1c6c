package engine_test

import (
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
)

// wantPins wants these texts to be pinned on both sides, in the room's order.
func (w *world) wantPins(room id.RoomID, chat bridge.ChatID, want ...string) {
	w.t.Helper()
	w.wantPinnedHere(room, want...)
	slices.Sort(want)
	w.wantPinnedThere(chat, want...)
}

func (w *world) wantPinnedHere(room id.RoomID, want ...string) {
	w.t.Helper()
	w.eventually("the pins of the room", func() bool { return slices.Equal(w.hs.pinnedTexts(room), want) })
}

func (w *world) wantPinnedThere(chat bridge.ChatID, want ...string) {
	w.t.Helper()
	w.eventually("the pins of the chat", func() bool {
		pinned := w.net.Pinned(chat)
		got := []string{}
		for _, m := range w.net.Messages(chat) {
			if slices.Contains(pinned, m.ID) {
				got = append(got, m.Text)
			}
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}

func TestPinsAreShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, admin, "join")
	a := w.net.Post(w.teacher, chat, "a")
	w.net.Pin(chat, a, true) // before it has crossed
	w.wantPins(room, chat, "a")
	b := w.net.Post(w.teacher, chat, "b")
	w.wantMatrix(room, "Tina Teacher: a", "Tina Teacher: b")
	said := w.hs.say(room, admin, "c", nil)
	w.wantRemote(chat, "Tina Teacher: a", "Tina Teacher: b", "Adam Admin: c")
	mine := func(text string) id.EventID { return w.hs.eventOf(room, text) }

	w.hs.pinBy(room, admin, mine("a"), said)
	w.wantPins(room, chat, "a", "c")
	w.hs.pinBy(room, admin, said)
	w.wantPins(room, chat, "c")

	// While the gateway is away both sides change: both changes hold.
	w.stop()
	w.net.Pin(chat, b, true)
	w.hs.pinBy(room, admin)
	w.start()
	w.wantPins(room, chat, "b")
	w.net.Pin(chat, b, false)
	w.wantPins(room, chat)

	// What is not from there stays pinned in the room and is nothing to the chat.
	own := w.hs.say(room, w.hs.Bot(), "a notice", nil)
	w.hs.pinBy(room, admin, own, mine("b"))
	w.wantPinnedThere(chat, "b")
	w.net.Pin(chat, a, true)
	w.wantPinnedHere(room, "a notice", "b", "a")
	w.net.Delete(w.teacher, chat, a)
	w.wantMatrix(room, "Tina Teacher: b", "Adam Admin: c", "steg: a notice")
	w.net.Pin(chat, b, false)
	w.wantPinnedHere(room, "a notice")
	w.wantSettled()
}

// In an announce room a pin does not cross outward, and is not undone either.
func TestPinsKeepTheMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/news"})
	chat := w.net.NewChat("gym/news", false)
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "a")
	b := w.net.Post(w.teacher, chat, "b")
	w.wantMatrix(room, "Tina Teacher: a", "Tina Teacher: b")
	w.hs.pinBy(room, admin, w.hs.eventOf(room, "a"))
	w.net.Pin(chat, b, true)
	w.wantPinnedHere(room, "a", "b")
	w.net.Pin(chat, b, false)
	w.wantPinnedHere(room, "a")
	w.wantPinnedThere(chat)
}

// A homeserver in trouble does not make a change forgotten.
func TestPinsAreTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	a := w.net.Post(w.teacher, chat, "a")
	w.wantMatrix(room, "Tina Teacher: a")
	failed := make(chan struct{})
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op != "pinned" {
			return nil
		}
		select {
		case <-failed:
			return nil
		default:
			close(failed)
			return &bridge.TemporaryError{Err: bridge.ErrRejected}
		}
	}
	w.hs.mu.Unlock()
	w.net.Pin(chat, a, true)
	w.wantPins(room, chat, "a")
}
