package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/engine"
)

const png = "\x89PNG\r\n\x1a\n"

func textFile(name, data string) bridgefake.File {
	return bridgefake.File{Name: name, Type: "text/plain", Data: []byte(data)}
}

// tinyJPEG is a black preview.
func tinyJPEG(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// wantShown waits until a room shows just this.
func (w *world) wantShown(room id.RoomID, want ...string) {
	w.t.Helper()
	w.wantLines("room", func() []string { return w.hs.shown(room) }, want)
}

// files lists a chat's messages with their files.
func (w *world) files(chat bridge.ChatID) []string {
	var out []string
	for _, m := range w.net.Messages(chat) {
		line := m.Author + ": " + m.Text
		for _, f := range m.Files {
			line += fmt.Sprintf(" [%s %s: %s]", f.Name, f.Type, f.Data)
		}
		out = append(out, line)
	}
	return out
}

func (w *world) wantFiles(chat bridge.ChatID, want ...string) {
	w.t.Helper()
	w.wantLines("chat", func() []string { return w.files(chat) }, want)
}

// openWorld starts a world with one portal that is open both ways.
func openWorld(t *testing.T) (*world, bridge.ChatID, id.RoomID) {
	t.Helper()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, pupil, "join")
	return w, chat, room
}

func TestFilesBecomeOrderedParts(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	w.net.PostFiles(w.teacher, chat, "look", bridgefake.File{
		Name: "../a\u202e.png", Type: "image/png", Data: []byte(png), Width: 3, Height: 4, Preview: tinyJPEG(t),
	})
	w.net.PostFiles(w.teacher, chat, "two", textFile("1.txt", "one"), textFile("2.txt", "two"))
	w.net.PostFiles(w.teacher, chat, "", bridgefake.File{
		Name: "voice", Type: "audio/ogg", Data: []byte("OggS\x00OpusHead"), Voice: true, Duration: 2 * time.Second,
	})
	w.net.PostFiles(w.teacher, chat, "", bridgefake.File{Name: "x.svg", Type: "image/svg+xml", Data: []byte("<svg onload='x'>")})
	w.net.Post(w.teacher, chat, "after")
	w.wantShown(room,
		"Tina Teacher: image look [a.png: "+png+"]",
		"Tina Teacher: text two", "Tina Teacher: file 1.txt [1.txt: one]", "Tina Teacher: file 2.txt [2.txt: two]",
		"Tina Teacher: audio voice.ogg [voice.ogg: OggS\x00OpusHead]",
		"Tina Teacher: file x.svg [x.svg: <svg onload='x'>]",
		"Tina Teacher: text after")
	w.hs.mu.Lock()
	defer w.hs.mu.Unlock()
	events := w.hs.rooms[room].events
	want := map[string]any{
		"mimetype": "image/png", "size": 8.0, "w": 3.0, "h": 4.0, "xyz.amorgan.blurhash": "L00000fQfQfQfQfQfQfQfQfQfQfQ",
	}
	if diff := cmp.Diff(want, events[0].Content["info"]); diff != "" {
		t.Errorf("picture: %s", diff)
	}
	if _, voice := events[4].Content["org.matrix.msc3245.voice"]; !voice {
		t.Errorf("voice message: %v", events[4].Content)
	}
	if diff := cmp.Diff(map[string]any{"mimetype": "application/octet-stream", "size": 16.0}, events[5].Content["info"]); diff != "" {
		t.Errorf("active content: %s", diff)
	}
	mxc, _ := events[5].Content["url"].(string)
	if typ := w.hs.media.files[mxc].typ; typ != "application/octet-stream" {
		t.Errorf("active content is served as %s", typ)
	}
}

// Whatever happens between the parts, each is there once and in order.
func TestPartsAfterUncertainAttempts(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	lost := errors.New("answer lost")
	dice := rand.New(rand.NewPCG(1, 2)) // with the lock of the homeserver held
	fail := func(op string) error {
		if (op == "send" || op == "upload") && dice.IntN(3) == 0 {
			return &bridge.TemporaryError{Err: lost}
		}
		return nil
	}
	w.hs.mu.Lock()
	w.hs.lose, w.hs.fail = fail, fail
	w.hs.mu.Unlock()
	w.net.PostFiles(w.teacher, chat, "ten", textFile("1.txt", "1"), textFile("2.txt", "2"), textFile("3.txt", "3"))
	w.net.PostFiles(w.teacher, chat, "caption", textFile("4.txt", "4"))
	w.net.Post(w.teacher, chat, "after")
	w.wantShown(room,
		"Tina Teacher: text ten", "Tina Teacher: file 1.txt [1.txt: 1]", "Tina Teacher: file 2.txt [2.txt: 2]", "Tina Teacher: file 3.txt [3.txt: 3]",
		"Tina Teacher: file caption [4.txt: 4]", "Tina Teacher: text after")
	w.wantSettled()
}

// A restart between two parts goes on at the first that is missing.
func TestPartsAfterRestart(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op == "send" && len(w.hs.rooms[room].events) == 2 {
			return &bridge.TemporaryError{Err: errors.New("away")}
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.PostFiles(w.teacher, chat, "text", textFile("1.txt", "1"), textFile("2.txt", "2"))
	w.wantShown(room, "Tina Teacher: text text", "Tina Teacher: file 1.txt [1.txt: 1]")
	w.stop()
	w.hs.mu.Lock()
	w.hs.fail = nil
	w.hs.mu.Unlock()
	w.start()
	w.wantShown(room, "Tina Teacher: text text", "Tina Teacher: file 1.txt [1.txt: 1]", "Tina Teacher: file 2.txt [2.txt: 2]")
}

func TestFilesThatCannotCrossIn(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	w.hs.mu.Lock()
	w.hs.media.limit = 100
	w.hs.mu.Unlock()
	w.net.PostFiles(w.teacher, chat, "big", textFile("big.txt", strings.Repeat("x", 2048)))
	short, long := textFile("short.txt", "123"), textFile("long.txt", "12345")
	short.Claims, long.Claims = 4, 4
	w.net.PostFiles(w.teacher, chat, "", short, textFile("ok.txt", "fine"), long)
	// One that is deleted before it is read.
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op == "limit" {
			return &bridge.TemporaryError{Err: errors.New("not now")}
		}
		return nil
	}
	w.hs.mu.Unlock()
	gone := w.net.PostFiles(w.teacher, chat, "gone", textFile("gone.txt", "g"))
	for _, m := range w.net.Messages(chat) {
		if m.ID == gone {
			w.net.LoseFile(m.Files[0].ID)
		}
	}
	w.hs.mu.Lock()
	w.hs.fail = nil
	w.hs.mu.Unlock()
	w.net.Post(w.teacher, chat, "after")
	w.wantShown(room,
		"Tina Teacher: text big", "Tina Teacher: notice 📎 big.txt (2 KB): the file is too large.",
		"Tina Teacher: notice 📎 short.txt (4 B): the file is damaged: it is not as long as announced.",
		"Tina Teacher: file ok.txt [ok.txt: fine]",
		"Tina Teacher: notice 📎 long.txt (4 B): the file is damaged: it is not as long as announced.",
		"Tina Teacher: text gone", "Tina Teacher: notice 📎 gone.txt (1 B): the file no longer exists.",
		"Tina Teacher: text after")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// A file that fails for ever, while everything else works, is given up.
func TestFileIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	w.limits.UnknownAttempts = 3
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if op == "upload" {
			return &bridge.TemporaryError{Err: errors.New("the disk is full")}
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.PostFiles(w.teacher, chat, "text", textFile("a.txt", "a"))
	w.net.Post(w.teacher, chat, "after")
	w.wantShown(room, "Tina Teacher: text text", "Tina Teacher: notice 📎 a.txt (1 B): the file could not be carried over.", "Tina Teacher: text after")
	w.wantSettled()
}

func TestEditsOfFiles(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	files := func(of bridge.MessageID) []bridgefake.File {
		for _, m := range w.net.Messages(chat) {
			if m.ID == of {
				return m.Files
			}
		}
		return nil
	}
	// A caption changes, the file stays.
	one := w.net.PostFiles(w.teacher, chat, "first", textFile("a.txt", "a"))
	w.net.EditFiles(w.teacher, chat, one, "second", files(one)...)
	w.wantShown(room, "Tina Teacher: file second [a.txt: a] (edited)")
	// A file comes, then the one with the caption goes: the next one bears it.
	w.net.EditFiles(w.teacher, chat, one, "third", append(files(one), textFile("b.txt", "b"))...)
	w.wantShown(room, "Tina Teacher: file third [a.txt: a] (edited)", "Tina Teacher: file b.txt [b.txt: b]")
	w.net.EditFiles(w.teacher, chat, one, "fourth", files(one)[1:]...)
	w.wantShown(room, "Tina Teacher: file fourth [b.txt: b] (edited)")
	// The last file goes, the text stays; then it is a text like any other.
	w.net.EditFiles(w.teacher, chat, one, "fifth")
	w.wantShown(room, "Tina Teacher: text fifth")
	w.net.EditFiles(w.teacher, chat, one, "sixth")
	w.wantShown(room, "Tina Teacher: text sixth (edited)")
	w.net.EditFiles(w.teacher, chat, one, "", textFile("c.txt", "c"))
	w.wantShown(room, "Tina Teacher: file c.txt [c.txt: c]")
	w.net.Delete(w.teacher, chat, one)
	w.wantShown(room)

	// A message of several parts goes as a whole, also as a reply to a root that goes.
	root := w.net.Post(w.teacher, chat, "root")
	many := w.net.PostFiles(w.teacher, chat, "many", textFile("1.txt", "1"), textFile("2.txt", "2"))
	w.wantShown(room, "Tina Teacher: text root", "Tina Teacher: text many", "Tina Teacher: file 1.txt [1.txt: 1]", "Tina Teacher: file 2.txt [2.txt: 2]")
	w.net.Edit(w.teacher, chat, many, "more")
	w.wantShown(room, "Tina Teacher: text root", "Tina Teacher: text more (edited)", "Tina Teacher: file 1.txt [1.txt: 1]", "Tina Teacher: file 2.txt [2.txt: 2]")
	w.net.Delete(w.teacher, chat, many)
	w.net.Delete(w.teacher, chat, root)
	w.wantShown(room)
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

func TestEditOfFilesAfterUncertainAttempts(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	one := w.net.PostFiles(w.teacher, chat, "first", textFile("a.txt", "a"))
	w.wantShown(room, "Tina Teacher: file first [a.txt: a]")
	var n atomic.Int64
	w.hs.mu.Lock()
	w.hs.lose = func(op string) error {
		if n.Add(1)%2 == 0 {
			return &bridge.TemporaryError{Err: errors.New("answer lost")}
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.net.EditFiles(w.teacher, chat, one, "second", textFile("b.txt", "b"), textFile("c.txt", "c"))
	w.wantShown(room, "Tina Teacher: text second", "Tina Teacher: file b.txt [b.txt: b]", "Tina Teacher: file c.txt [c.txt: c]")
	w.wantSettled()
}

func TestFilesToTheNetwork(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	w.hs.sendFile(room, pupil, "a.txt", "text/plain", []byte("a"), nil)
	ev := w.hs.sendFile(room, pupil, "caption", "image/png", []byte(png), map[string]any{"msgtype": "m.image", "filename": "../b.png"})
	w.hs.sendFile(room, pupil, "hoi", "audio/ogg", []byte("Ogg"), map[string]any{"msgtype": "m.audio", "org.matrix.msc3245.voice": map[string]any{}})
	w.wantFiles(chat, "Pia Pupil:  [a.txt text/plain: a]", "Pia Pupil: caption [b.png image/png: "+png+"]", "Pia Pupil:  [hoi.ogg audio/ogg: Ogg]")
	if f := w.net.Messages(chat)[2].Files[0]; !f.Voice {
		t.Errorf("the voice message became %+v", f)
	}
	// A sticker is a picture, whose name says what it shows.
	w.hs.mu.Lock()
	mxc := w.hs.store("image/png", []byte(png))
	w.hs.push(room, pupil, "m.sticker", "", map[string]any{"body": "smile", "url": mxc, "info": map[string]any{"mimetype": "image/png"}}, "$sticker")
	w.hs.mu.Unlock()
	w.eventually("the sticker", func() bool {
		all := w.files(chat)
		return len(all) == 4 && all[3] == "Pia Pupil:  [smile.png image/png: "+png+"]"
	})
	w.hs.redactBy(room, pupil, "$sticker")
	// A changed caption leaves the file.
	w.hs.say(room, pupil, "* new", map[string]any{
		"m.relates_to":  map[string]any{"rel_type": "m.replace", "event_id": string(ev)},
		"m.new_content": map[string]any{"msgtype": "m.image", "body": "new", "filename": "b.png", "url": "mxc://x/y"},
	})
	w.wantFiles(chat, "Pia Pupil:  [a.txt text/plain: a]", "Pia Pupil: new [b.png image/png: "+png+"]", "Pia Pupil:  [hoi.ogg audio/ogg: Ogg]")
	w.hs.redactBy(room, pupil, ev)
	w.wantFiles(chat, "Pia Pupil:  [a.txt text/plain: a]", "Pia Pupil:  [hoi.ogg audio/ogg: Ogg]")
	w.wantSettled()
}

func TestFilesThatCannotCrossOut(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	big := make([]byte, 2<<20)
	w.hs.sendFile(room, pupil, "see", "text/plain", big, map[string]any{"filename": "big.txt"})
	w.hs.sendFile(room, pupil, "liar.txt", "text/plain", big, map[string]any{"info": map[string]any{"size": 1}})
	w.hs.sendFile(room, pupil, "secret.txt", "text/plain", nil, map[string]any{"url": nil, "file": map[string]any{"url": "mxc://x/y", "v": "v2"}})
	w.hs.sendFile(room, pupil, "gone.txt", "text/plain", nil, map[string]any{"url": "mxc://school.example/gone", "info": nil})
	w.hs.sendFile(room, pupil, "no.txt", "text/plain", nil, map[string]any{"url": "https://evil.example/x", "info": nil})
	w.hs.say(room, pupil, "after", nil)
	w.wantFiles(chat,
		"Pia Pupil: see\n📎 big.txt (2.0 MB)", "Pia Pupil: 📎 liar.txt (2.0 MB)", "Pia Pupil: 📎 secret.txt", "Pia Pupil: 📎 gone.txt",
		"Pia Pupil: 📎 no.txt", "Pia Pupil: after")
	told := func() (out []string) {
		for _, line := range w.hs.shown(room) {
			if text, ok := strings.CutPrefix(line, "steg: notice Your message reached Fakechat without its file: "); ok {
				out = append(out, text)
			}
		}
		return out
	}
	w.eventually("five notices", func() bool { return len(told()) == 5 })
	want := []string{
		"the file is too large.", "the file is too large.", "the file is encrypted, and this room's bridge cannot read encrypted files.",
		"the file no longer exists.", "the file could not be carried over.",
	}
	if diff := cmp.Diff(want, told()); diff != "" {
		t.Error(diff)
	}
	// What an event says of its file may be anything.
	w.hs.sendFile(room, pupil, "odd.txt", "text/plain", []byte("odd"), map[string]any{"info": map[string]any{
		"size": "many", "w": -1, "h": 1e300, "mimetype": []string{"x"}, "duration": "long",
	}})
	w.hs.say(room, pupil, "and on", nil)
	w.eventually("the odd one", func() bool {
		all := w.files(chat)
		return all[len(all)-1] == "Pia Pupil: and on" && strings.Contains(all[len(all)-2], "odd.txt")
	})
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// A copy that breaks half-way is made anew; the chat gets the file once and whole.
func TestBrokenCopyOut(t *testing.T) {
	t.Parallel()
	w, chat, room := openWorld(t)
	var n atomic.Int64
	w.hs.mu.Lock()
	w.hs.media.read = func(left int) error {
		if left < 50_000 && n.Add(1) < 4 {
			return &bridge.TemporaryError{Err: errors.New("the connection broke"), Shared: true}
		}
		return nil
	}
	w.hs.mu.Unlock()
	data := strings.Repeat("0123456789", 10_000)
	w.hs.sendFile(room, pupil, "long.txt", "text/plain", []byte(data), nil)
	w.wantFiles(chat, "Pia Pupil:  [long.txt text/plain: "+data+"]")
	if n.Load() < 4 {
		t.Error("nothing broke")
	}
	w.wantSettled()
}

// A file of a ghost goes on to the other chats of a hub room.
func TestFilesInAHub(t *testing.T) {
	t.Parallel()
	sa, sb := both("gym/one"), both("gym/two")
	w := newWorld(t)
	w.hs.mu.Lock()
	hub := w.hs.newRoom("hub")
	w.hs.mu.Unlock()
	sa.Room, sb.Room = string(hub), string(hub)
	w.school.Portals = []engine.PortalSpec{sa, sb}
	one, two := w.net.NewChat("gym/one", false), w.net.NewChat("gym/two", false)
	w.start()
	w.room(one)
	w.room(two)
	w.net.PostFiles(w.teacher, one, "text", textFile("1.txt", "1"), textFile("2.txt", "2"))
	w.wantFiles(two, "Tina Teacher: text", "Tina Teacher:  [1.txt text/plain: 1]", "Tina Teacher:  [2.txt text/plain: 2]")
	w.wantSettled()
	if got := w.files(one); len(got) != 1 {
		t.Errorf("came back: %q", got)
	}
}
