package engine_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// A homeserver that lets only some calls through slows all rooms down alike: what
// comes from the network arrives whole and in order, and the other way goes on.
func TestHomeserverLimitsRates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/a"), both("gym/b"), both("gym/c"))
	var chats []bridge.ChatID
	for _, ref := range []string{"gym/a", "gym/b", "gym/c"} {
		chats = append(chats, w.net.NewChat(ref, false))
	}
	w.start()
	want := map[bridge.ChatID][]string{}
	for _, chat := range chats {
		w.hs.setMember(w.room(chat), pupil, "join")
	}
	calls, refused := 0, 0
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op != "send" {
			return nil
		}
		if calls++; calls%3 == 0 || refused >= 60 {
			return nil
		}
		refused++
		return &bridge.TemporaryError{Err: errors.New("429"), After: 5 * time.Millisecond, Shared: true, Unsent: true}
	}
	w.hs.mu.Unlock()
	for n := range 30 {
		for _, chat := range chats {
			text := fmt.Sprintf("text %d", n)
			w.net.Post(w.teacher, chat, text)
			want[chat] = append(want[chat], "Tina Teacher: "+text)
		}
	}
	const said = "on the way out"
	w.hs.say(w.room(chats[0]), pupil, said, nil)
	w.eventually("the way out", func() bool {
		all := w.remote(chats[0])
		return all[len(all)-1] == "Pia Pupil: "+said
	})
	for _, chat := range chats {
		room := w.room(chat)
		got := func() (lines []string) {
			for _, line := range w.hs.visible(room) {
				if line != "Pia Pupil: "+said {
					lines = append(lines, line)
				}
			}
			return lines
		}
		w.wantLines("room", got, want[chat])
	}
	w.hs.mu.Lock()
	n := refused
	w.hs.mu.Unlock()
	if a := w.wantSettled(); a.Dead > 0 || n == 0 {
		t.Errorf("account %+v, refused %d times", a, n)
	}
}
