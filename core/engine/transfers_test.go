package engine_test

import (
	"errors"
	"fmt"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
)

// Files that take long leave room for everything else, and all cross in the end.
func TestLongTransfersAreBounded(t *testing.T) {
	t.Parallel()
	const portals, most = 40, 32
	var specs []engine.PortalSpec
	for n := range portals {
		specs = append(specs, both(fmt.Sprintf("gym/%d", n)))
	}
	w := newWorld(t, append(specs, both("gym/talk"))...)
	var chats []bridge.ChatID
	for n := range portals {
		chats = append(chats, w.net.NewChat(fmt.Sprintf("gym/%d", n), false))
	}
	talk := w.net.NewChat("gym/talk", false)
	w.start()
	rooms := make([]id.RoomID, portals)
	for n, chat := range chats {
		rooms[n] = w.room(chat)
	}
	talkRoom := w.room(talk)

	release := make(chan struct{})
	running := make(chan struct{}, portals)
	w.hs.mu.Lock()
	w.hs.media.read = func(int) error {
		select {
		case <-release:
		case running <- struct{}{}:
			<-release
		}
		return nil
	}
	w.hs.mu.Unlock()
	for _, room := range rooms {
		w.hs.sendFile(room, pupil, "slow.txt", "text/plain", []byte("slow"), nil)
	}
	w.eventually("the first files are being copied", func() bool { return len(running) == most })
	w.hs.say(talkRoom, pupil, "meanwhile", nil)
	w.wantRemote(talk, "Pia Pupil: meanwhile")
	if n := len(running); n != most {
		t.Errorf("%d files are copied at once, want %d", n, most)
	}
	close(release)
	for _, chat := range chats {
		w.wantFiles(chat, "Pia Pupil:  [slow.txt text/plain: slow]")
	}
	w.wantSettled()
}

// A file waits for a server that is away, however often it failed.
func TestFileWaitsForTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	w.limits.UnknownAttempts = 2
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	failures := 0
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op != "upload" && op != "encrypted" {
			return nil
		}
		failures++
		return &bridge.TemporaryError{Err: errors.New("away"), Shared: true}
	}
	w.hs.mu.Unlock()
	w.net.PostFiles(w.teacher, chat, "text", textFile("a.txt", "a"))
	w.eventually("many failures", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return failures > 10
	})
	w.hs.mu.Lock()
	w.hs.fail = nil
	w.hs.mu.Unlock()
	w.wantShown(room, "Tina Teacher: file text [a.txt: a]")
	w.wantSettled()
}
