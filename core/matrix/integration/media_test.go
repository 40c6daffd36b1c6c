package integration_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

func TestMedia(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, synapse)
			check(t, w.EnsureGhost(t.Context(), w.Bot()))
			room, ghost := w.room(t, "media")
			t.Run("bothWays", func(t *testing.T) { w.mediaBothWays(t, room, ghost) })
			t.Run("refused", func(t *testing.T) { w.mediaRefused(t, ghost) })
		})
	}
}

func (w *world) mediaBothWays(t *testing.T, room id.RoomID, ghost id.UserID) {
	data := bytes.Repeat([]byte("Elternbrief "), 200_000)
	mxc := must(w.Upload(t.Context(), intent.Upload{As: ghost, Type: "application/pdf", Body: bytes.NewReader(data), Size: int64(len(data))}))(t)
	body, size, err := w.Download(t.Context(), mxc)
	check(t, err)
	got, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, data) || size != int64(len(data)) {
		t.Errorf("read %d bytes of %d told, %v", len(got), size, err)
	}
	m := message(room, ghost, "file1")
	m.Content = &event.MessageEventContent{MsgType: event.MsgFile, Body: "a.pdf", URL: id.ContentURIString(mxc)}
	sent := must(w.Send(t.Context(), m))(t)
	w.seen(t, room, sent)
	raw := must(w.Content(t.Context(), room, sent))(t)
	if !strings.Contains(string(raw), mxc) {
		t.Errorf("the event's content is %s", raw)
	}
	if _, err := w.Content(t.Context(), room, "$unknown"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("an event that is not there: %v", err)
	}
}

func (w *world) mediaRefused(t *testing.T, ghost id.UserID) {
	limit := must(w.UploadLimit(t.Context()))(t)
	if limit <= 0 {
		t.Errorf("the limit is %d", limit)
	}
	_, err := w.Upload(t.Context(), intent.Upload{As: ghost, Type: "text/plain", Body: io.LimitReader(zeros{}, limit+1), Size: limit + 1})
	if err == nil {
		t.Error("a file over the limit is stored")
	} else if class := bridge.Classify(err); class == bridge.ClassPermanent && !errors.Is(err, bridge.ErrTooLarge) {
		t.Errorf("a file over the limit: %v", err)
	}
	if _, err := w.Upload(t.Context(), intent.Upload{As: ghost, Type: "text/plain", Body: strings.NewReader("short"), Size: 50}); err == nil {
		t.Error("a file that is shorter than announced is stored")
	}
	if _, _, err := w.Download(t.Context(), "mxc://hs.test/thereisnosuchfile"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("a file that is not there: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
