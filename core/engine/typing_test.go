package engine_test

import (
	"encoding/json"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/store"
)

// typeOn tells the engine who is typing in a room, as the homeserver does.
func (w *world) typeOn(room id.RoomID, users ...id.UserID) {
	content, _ := json.Marshal(map[string]any{"user_ids": users}) //nolint:errchkjson // test data
	w.engine.Ephemeral(w.t.Context(), room, "m.typing", content)
}

func TestTypingCrossesBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	ghost := w.hs.GhostID("fk", w.teacher)

	// Nobody is brought into a room by typing.
	w.net.Type(w.teacher, chat)
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	w.net.Type(w.teacher, chat)
	w.eventually("the ghost types", func() bool { return w.hs.types(room, ghost) })
	w.net.Post(w.teacher, chat, "written")
	w.wantMatrix(room, "Tina Teacher: hello", "Tina Teacher: written")
	w.eventually("the ghost has ended", func() bool { return !w.hs.types(room, ghost) })

	w.hs.setMember(room, pupil, "join")
	w.typeOn(room, pupil)
	shown := func(want bool) func() bool {
		return func() bool { _, now := w.net.Typed(chat); return now == want }
	}
	w.eventually("the network shows typing", shown(true))
	w.typeOn(room)
	w.eventually("and its end", shown(false))

	// What a ghost does is no news to its own network.
	times, _ := w.net.Typed(chat)
	w.typeOn(room, ghost)
	w.typeOn(room, ghost, pupil)
	w.eventually("the network shows typing", shown(true))
	if now, _ := w.net.Typed(chat); now != times+1 {
		t.Errorf("told %d times, want 1 more than %d: only of the pupil", now, times)
	}
	if a := w.wantSettled(); a.Received != 2 {
		t.Errorf("%d items in the queue, want the 2 messages only", a.Received)
	}
}

// A mode that keeps messages back keeps typing back, and so does the guard.
func TestTypingKeepsToTheRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/news"}, engine.PortalSpec{
		Bridge: "fk", Chat: "gym/staff", Mode: store.ModeBoth, Members: []string{string(admin)},
	}, both("gym/market"), engine.PortalSpec{Bridge: "fk", Chat: "gym/box", Mode: store.ModeInbox})
	news, market := w.net.NewChat("gym/news", false), w.net.NewChat("gym/market", false)
	staff, box := w.net.NewChat("gym/staff", true), w.net.NewChat("gym/box", false)
	w.net.Admit(staff, "bot")
	w.start()
	rooms := map[bridge.ChatID]id.RoomID{}
	ghost := w.hs.GhostID("fk", w.teacher)
	for _, chat := range []bridge.ChatID{news, market, staff} {
		rooms[chat] = w.room(chat)
		w.net.Post(w.teacher, chat, "hello")
		w.wantMatrix(rooms[chat], "Tina Teacher: hello")
	}
	rooms[box] = w.room(box)
	w.hs.setMember(rooms[box], ghost, "join")
	w.hs.setMember(rooms[staff], pupil, "join") // a stranger there
	w.must(w.hs.flush(t.Context()))

	for _, chat := range []bridge.ChatID{staff, box, market} {
		w.net.Type(w.teacher, chat)
	}
	w.eventually("typing where it may cross", func() bool { return w.hs.types(rooms[market], ghost) })
	w.net.Type(w.teacher, news)
	w.eventually("typing in the announce room", func() bool { return w.hs.types(rooms[news], ghost) })
	for _, chat := range []bridge.ChatID{staff, box} {
		if w.hs.types(rooms[chat], ghost) {
			t.Errorf("typing has crossed in %s", chat)
		}
	}

	for _, chat := range []bridge.ChatID{news, staff} {
		w.typeOn(rooms[chat], pupil)
	}
	for _, chat := range []bridge.ChatID{box, market} {
		w.typeOn(rooms[chat], pupil)
		w.eventually("typing where it may cross", func() bool { _, now := w.net.Typed(chat); return now })
	}
	for _, chat := range []bridge.ChatID{news, staff} {
		if n, _ := w.net.Typed(chat); n > 0 {
			t.Errorf("typing has crossed to %s", chat)
		}
	}
}

// A homeserver that hangs at typing does not delay a message.
func TestSlowTypingDelaysNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "first")
	w.wantMatrix(room, "Tina Teacher: first")
	w.hs.mu.Lock()
	w.hs.stuck = true
	w.hs.mu.Unlock()
	for range 2000 { // more than anybody keeps
		w.net.Type(w.teacher, chat)
	}
	w.net.Post(w.teacher, chat, "second")
	w.wantMatrix(room, "Tina Teacher: first", "Tina Teacher: second")
	if a := w.wantSettled(); a.Received != 2 {
		t.Errorf("%d items in the queue, want the 2 messages only", a.Received)
	}
}
