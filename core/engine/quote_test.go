package engine_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// What answers something that the network does not know carries a quote of it.
func TestReplyToWhatNeverCrossed(t *testing.T) {
	t.Parallel()
	w, chat, room := linkedRoom(t, false)
	long := strings.Repeat("ä", 300)
	before := map[string]string{"plain": "a < b\nand more", "long": long}
	ids := map[string]map[string]any{}
	root := ""
	w.hs.mu.Lock()
	for name, text := range before {
		ev := w.hs.add(room, janitor, map[string]any{"msgtype": "m.text", "body": text})
		if ids[name] = reply(ev.ID); name == "plain" {
			root = string(ev.ID)
		}
	}
	redacted := w.hs.add(room, janitor, map[string]any{"msgtype": "m.text", "body": "taken back"})
	redacted.Redacted = true
	var failed atomic.Bool
	w.hs.fail = func(op string) error {
		if op == "content" && failed.CompareAndSwap(false, true) {
			return &bridge.TemporaryError{Err: errors.New("not now")}
		}
		return nil
	}
	w.hs.mu.Unlock()

	w.hs.say(room, pupil, "why?", ids["plain"])
	w.wantRemote(chat, "Pia Pupil: > a < b\nand more\n\nwhy?")
	w.hs.say(room, pupil, "so long", ids["long"])
	w.hs.say(room, pupil, "to nothing", reply(redacted.ID))
	w.hs.say(room, pupil, "to what is not there", reply("$nothing"))
	said := w.hs.say(room, pupil, "known", nil)
	w.hs.say(room, pupil, "to what is known", reply(said))
	w.wantRemote(chat, "Pia Pupil: > a < b\nand more\n\nwhy?", "Pia Pupil: > "+long[:400]+"…\n\nso long", "Pia Pupil: to nothing",
		"Pia Pupil: to what is not there", "Pia Pupil: known", "  Pia Pupil: to what is known")

	// In a thread that began before, each message says what it is about.
	w.hs.say(room, pupil, "in the thread", map[string]any{"m.relates_to": map[string]any{
		"rel_type": "m.thread", "event_id": root,
		"is_falling_back": true, "m.in_reply_to": map[string]any{"event_id": string(said)},
	}})
	w.eventually("the quote of the thread's root", func() bool {
		lines := w.remote(chat)
		return strings.Contains(lines[len(lines)-1], "> a < b\nand more\n\nin the thread")
	})
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}
