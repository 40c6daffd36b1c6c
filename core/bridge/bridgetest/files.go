package bridgetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemoteFiles is the part of a [Remote] that handles files. Only called when the
// bridge declares them.
type RemoteFiles interface {
	// PostFiles writes text, which may be empty, with files, as user.
	PostFiles(tb testing.TB, user bridge.UserID, chat bridge.ChatID, text string, files ...RemoteFile) bridge.MessageID
	// KeepFiles replaces the text of user's own message, and removes all of its
	// files but the first keep.
	KeepFiles(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, text string, keep int)
}

// RemoteFile is a file of a message as people on the network see it.
type RemoteFile struct {
	Name string
	Data []byte
}

func needFiles(c bridge.Capabilities) string { return unless(c.Files, "no files") }

func fileCases() []Case {
	return []Case{
		{Name: "inbound", unless: needFiles, run: filesInbound},
		{Name: "inbound_while_away", unless: needFiles, run: filesAway},
		{Name: "inbound_edit", unless: needFiles, run: filesInboundEdit},
		{Name: "inbound_gone", unless: needFiles, run: filesGone},
		{Name: "outbound", unless: needFiles, run: filesOutbound},
		{Name: "outbound_without_text", unless: needFiles, run: filesOnly},
		{Name: "outbound_source_fails", unless: needFiles, run: filesSourceFails},
		{Name: "outbound_too_large", unless: needFiles, run: filesTooLarge},
		{Name: "outbound_answer_lost", Needs: []Fault{FaultAnswerLost}, unless: needFiles, run: filesAnswerLost},
		{Name: "outbound_edit_keeps_the_file", unless: needFiles, run: filesEditKeeps},
	}
}

// sample are files of several sizes, the last of a megabyte.
func sample() []RemoteFile {
	return []RemoteFile{
		{Name: "one.txt", Data: []byte("first " + canary)},
		{Name: "two words – ü.bin", Data: bytes.Repeat([]byte{0, 1, 2, 255}, 5_000)},
		{Name: "three.bin", Data: bytes.Repeat([]byte("0123456789abcdef"), 65_000)},
	}
}

// contents reads the files of a delivered message.
func (k *kit) contents(chat bridge.ChatID, files []bridge.File) []RemoteFile {
	k.tb.Helper()
	var out []RemoteFile
	for _, f := range files {
		body, size, err := k.openFile(chat, f.ID)
		if err != nil {
			k.tb.Fatalf("OpenFile: %v", err)
		}
		data, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); k.noted(err) != nil {
			k.tb.Fatalf("read file: %v", err)
		}
		if f.Size != int64(len(data)) || size != -1 && size != f.Size {
			k.tb.Errorf("a file of %d bytes is told with %d and opened with %d", len(data), f.Size, size)
		}
		out = append(out, RemoteFile{Name: f.Name, Data: data})
	}
	return out
}

func (k *kit) openFile(chat bridge.ChatID, id bridge.FileID) (io.ReadCloser, int64, error) {
	k.tb.Helper()
	opener, ok := k.client.(bridge.FileOpener)
	if !ok {
		k.tb.Fatalf("the client is no FileOpener")
	}
	body, size, err := opener.OpenFile(k.tb.Context(), chat, id)
	return body, size, k.noted(err)
}

func (k *kit) wantContents(chat bridge.ChatID, files []bridge.File, want []RemoteFile) {
	k.tb.Helper()
	if diff := cmp.Diff(want, k.contents(chat, files)); diff != "" {
		k.tb.Errorf("the files of the message differ (-network +bridge):\n%s", diff)
	}
}

func filesInbound(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	text := k.say("look")
	m := k.awaitMessage(chat, k.remote.PostFiles(k.tb, kim, chat, text, sample()...))
	if plain(m.Content) != text {
		k.tb.Errorf("posted %q with files, delivered %q", text, plain(m.Content))
	}
	k.wantContents(chat, m.Files, sample())
	m = k.awaitMessage(chat, k.remote.PostFiles(k.tb, kim, chat, "", sample()[0]))
	if plain(m.Content) != "" {
		k.tb.Errorf("a file without text is delivered with the text %q", plain(m.Content))
	}
	k.wantContents(chat, m.Files, sample()[:1])
}

func filesAway(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	k.stopAll()
	msg := k.remote.PostFiles(k.tb, kim, chat, k.say("away"), sample()[:2]...)
	k.restart()
	k.startConnected()
	k.wantContents(chat, k.awaitMessage(chat, msg).Files, sample()[:2])
	k.wantSame(kim, chat)
}

func filesInboundEdit(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.remote.PostFiles(k.tb, kim, chat, k.say("two"), sample()[:2]...)
	k.awaitMessage(chat, msg)
	for keep := range 2 {
		keep = 1 - keep
		text := k.say("fewer")
		k.remote.KeepFiles(k.tb, kim, chat, msg, text, keep)
		var last *bridge.Edit
		k.await("the edit is delivered", func() bool {
			for _, ev := range k.sink.Events(chat) {
				if e, ok := ev.(*bridge.Edit); ok && plain(e.Content) == text {
					last = e
				}
			}
			return last != nil
		})
		if last.Files == nil || len(last.Files) != keep {
			k.tb.Errorf("the edit tells the files %v, want %d and not nil", last.Files, keep)
		}
	}
	k.wantSame(kim, chat)
}

func filesGone(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	m := k.awaitMessage(chat, k.remote.PostFiles(k.tb, kim, chat, k.say("gone"), sample()[0]))
	k.remote.Delete(k.tb, kim, chat, m.ID)
	if len(m.Files) != 1 {
		k.tb.Fatalf("the message has the files %v", m.Files)
	}
	var err error
	k.holds(func() bool { // a server may take a moment
		var body io.ReadCloser
		if body, _, err = k.openFile(chat, m.Files[0].ID); err == nil {
			_ = body.Close() // it is not gone yet
		}
		return err != nil
	})
	k.wantIs("a file that is gone", err, bridge.ErrNotFound)
}

// attached gives a message a file, read from where open says.
func attached(m *bridge.Outgoing, f RemoteFile, open func() (io.Reader, error)) *bridge.Outgoing {
	size := int64(len(f.Data))
	m.Files = []bridge.OutgoingFile{{
		Name: f.Name, Type: "application/octet-stream", Size: size,
		Open: func(context.Context) (io.ReadCloser, int64, error) {
			r, err := open()
			if err != nil {
				return nil, 0, err
			}
			return io.NopCloser(r), size, nil
		},
	}}
	return m
}

func whole(m *bridge.Outgoing, f RemoteFile) *bridge.Outgoing {
	return attached(m, f, func() (io.Reader, error) { return bytes.NewReader(f.Data), nil })
}

func filesOutbound(k *kit) {
	chat := k.chat()
	for _, f := range sample() {
		m := whole(k.out(chat, k.say("see")), f)
		r := k.send(m)
		if len(r.Files) != 1 {
			k.tb.Errorf("the receipt names the files %q, want one", r.Files)
		}
		all := k.remote.Messages(k.tb, chat)
		last := all[len(all)-1]
		if diff := cmp.Diff([]RemoteFile{f}, last.Files); diff != "" || !strings.HasSuffix(last.Text, m.Content.Body) {
			k.tb.Errorf("the network shows %q and other files (-want +got):\n%s", last.Text, diff)
		}
	}
}

func filesOnly(k *kit) {
	chat := k.chat()
	k.send(whole(k.out(chat, ""), sample()[0]))
	if diff := cmp.Diff(sample()[:1], k.only(chat).Files); diff != "" {
		k.tb.Errorf("the network shows other files (-want +got):\n%s", diff)
	}
}

var errSource = errors.New("the source broke")

// A file whose source fails, at once or half-way, leaves nothing behind: the
// message can be sent again, or without it.
func filesSourceFails(k *kit) {
	chat := k.chat()
	f := sample()[2]
	broken := io.MultiReader(bytes.NewReader(f.Data[:len(f.Data)/2]), &errReader{})
	for _, open := range []func() (io.Reader, error){
		func() (io.Reader, error) { return nil, errSource },
		func() (io.Reader, error) { return broken, nil },
	} {
		m := attached(k.out(chat, k.say("see")), f, open)
		if _, err := k.trySend(m); err == nil {
			k.tb.Errorf("a source that fails is no error")
		}
		if got := k.texts(chat); len(got) > 0 {
			k.tb.Fatalf("the network shows %q, want nothing", got)
		}
	}
	m := k.out(chat, k.say("without"))
	k.send(m)
	k.only(chat)
}

type errReader struct{}

func (*errReader) Read([]byte) (int, error) { return 0, errSource }

// A file over the limit is refused as such, and the text may go alone.
func filesTooLarge(k *kit) {
	limiter, ok := k.client.(bridge.FileLimiter)
	if !ok {
		k.tb.Skip("SKIPPED: does not apply: no limit of files")
	}
	limit, err := limiter.FileLimit(k.tb.Context())
	if err != nil || limit <= 0 {
		k.tb.Fatalf("FileLimit is %d, %v", limit, err)
	}
	chat := k.chat()
	m := k.out(chat, k.say("big"))
	m.Files = []bridge.OutgoingFile{{
		Name: "big.bin", Type: "application/octet-stream",
		Open: func(context.Context) (io.ReadCloser, int64, error) {
			return io.NopCloser(io.LimitReader(zeros{}, limit+1)), limit + 1, nil
		},
	}}
	_, err = k.trySend(m)
	k.wantIs("a file larger than the limit", err, bridge.ErrFile)
	k.wantIs("a file larger than the limit", err, bridge.ErrTooLarge)
	if got := k.texts(chat); len(got) > 0 {
		k.tb.Fatalf("the network shows %q, want nothing", got)
	}
	m.Files = nil
	k.send(m)
	k.only(chat)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func filesAnswerLost(k *kit) {
	chat := k.chat()
	k.remote.FailNext(k.tb, 2, FaultAnswerLost)
	r, err := k.lane(whole(k.out(chat, k.say("see")), sample()[1]))
	if err != nil {
		k.tb.Fatalf("Send: %v", err)
	}
	got := k.only(chat)
	if diff := cmp.Diff(sample()[1:2], got.Files); diff != "" || got.ID != r.ID || len(r.Files) != 1 {
		k.tb.Errorf("the network shows %q, the receipt says %q with %q; files (-want +got):\n%s", got.ID, r.ID, r.Files, diff)
	}
}

func filesEditKeeps(k *kit) {
	if !k.caps().Edits {
		k.tb.Skip("SKIPPED: does not apply: no edits")
	}
	chat := k.chat()
	r := k.send(whole(k.out(chat, k.say("first")), sample()[0]))
	e := &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("second")), Target: r.ID}
	if err := k.edit(e); err != nil {
		k.tb.Fatalf("Edit: %v", err)
	}
	got := k.only(chat)
	if !strings.HasSuffix(got.Text, e.Content.Body) || !slices.EqualFunc(got.Files, sample()[:1], func(a, b RemoteFile) bool { return a.Name == b.Name }) {
		k.tb.Errorf("the message reads %q and lost its file: it has %d", got.Text, len(got.Files))
	}
}
