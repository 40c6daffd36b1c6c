package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/store"
)

// What has crossed is marked, where the school wants it and the mode lets it cross.
func TestReadMarks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"), engine.PortalSpec{Bridge: "fk", Chat: "gym/news", Mode: store.ModeAnnounce})
	w.school.ReadMarks = true
	w.others = []engine.School{{ID: "kanti", Name: "Kanti", Language: "en", Portals: []engine.PortalSpec{both("kanti/market")}}}
	market, news, other := w.net.NewChat("gym/market", false), w.net.NewChat("gym/news", false), w.net.NewChat("kanti/market", false)
	w.start()
	room, closed, elsewhere := w.room(market), w.room(news), w.room(other)
	w.hs.say(elsewhere, pupil, "not here", nil)
	w.wantRemote(other, "Pia Pupil: not here")
	w.hs.say(closed, pupil, "this does not cross", nil)
	w.net.Post(w.teacher, market, "nobody marks this")
	w.wantMatrix(room, "Tina Teacher: nobody marks this")
	for n := range 2 {
		said := w.hs.say(room, pupil, fmt.Sprint(n), nil)
		w.eventually("what has crossed is marked", w.hs.marked(room, said))
	}
	if got := w.hs.marks(closed); len(got) > 0 {
		t.Errorf("marked what has not crossed: %v", got)
	}
	if got := w.hs.marks(elsewhere); len(got) > 0 {
		t.Errorf("marked in a school that does not want it: %v", got)
	}
	if a := w.wantSettled(); a.Received != 5 {
		t.Errorf("%d items in the queue, want the 5 messages only", a.Received)
	}
}

// A burst makes few requests, the last for its last message.
func TestReadMarksOfABurst(t *testing.T) {
	t.Parallel()
	const burst = 200
	w := newWorld(t, both("gym/market"))
	w.school.ReadMarks = true
	w.limits.LoopPerMinute = 0
	w.limits.ReadMarkPause = 300 * time.Millisecond
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	last := w.hs.say(room, pupil, "first", nil)
	for n := range burst {
		last = w.hs.say(room, pupil, fmt.Sprint(n), nil)
	}
	w.eventually("the last message is marked", w.hs.marked(room, last))
	if got := len(w.hs.marks(room)); got > burst/4 {
		t.Errorf("%d requests for %d messages", got, burst)
	}
}

// In a room of several networks a mark says that all of them have the message.
func TestReadMarksOfAHub(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	var chats [2]bridge.ChatID
	w := newWorldOn(t, bridgefake.Options{Hook: func(_ context.Context, c bridgefake.Call) error {
		if away.Load() && c.Op == "send" && c.Chat == chats[1] {
			return &bridge.TemporaryError{Err: context.DeadlineExceeded}
		}
		return nil
	}})
	w.school.ReadMarks = true
	chats = [2]bridge.ChatID{w.net.NewChat("gym/a", false), w.net.NewChat("gym/b", false)}
	w.hs.mu.Lock()
	hub := w.hs.newRoom("hub")
	w.hs.mu.Unlock()
	sa, sb := both("gym/a"), both("gym/b")
	sa.Room, sb.Room = string(hub), string(hub)
	w.school.Portals = []engine.PortalSpec{sa, sb, both("gym/c")}
	c := w.net.NewChat("gym/c", false)
	w.start()
	if w.room(chats[0]) != hub || w.room(chats[1]) != hub {
		t.Fatal("the portals do not share the room")
	}
	room := w.room(c)
	w.hs.setMember(hub, pupil, "join")
	first := w.hs.say(hub, pupil, "to both", nil)
	w.eventually("what both have is marked", w.hs.marked(hub, first))

	away.Store(true)
	second := w.hs.say(hub, pupil, "to one", nil)
	w.wantRemote(chats[0], "Pia Pupil: to both", "Pia Pupil: to one")
	for n := range 2 { // the second of them is marked after all that was due before
		w.eventually("another room is marked", w.hs.marked(room, w.hs.say(room, pupil, fmt.Sprint(n), nil)))
	}
	if slices.Contains(w.hs.marks(hub), second) {
		t.Error("marked what only one network has")
	}
	away.Store(false)
	w.eventually("what both have is marked", w.hs.marked(hub, second))
}

// A homeserver that hangs at marks does not delay a message.
func TestSlowReadMarksDelayNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	w.school.ReadMarks = true
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.mu.Lock()
	w.hs.stuck = true
	w.hs.mu.Unlock()
	var want []string
	for n := range 20 {
		w.hs.say(room, pupil, fmt.Sprint(n), nil)
		want = append(want, fmt.Sprint("Pia Pupil: ", n))
	}
	w.wantRemote(chat, want...)
	if got := w.hs.marks(room); len(got) > 0 {
		t.Errorf("marked although the homeserver hangs: %v", got)
	}
	w.wantSettled()
}
