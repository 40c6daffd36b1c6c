package mattermost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
)

// attach gives a message a file.
func attach(m *bridge.Outgoing, name string, data []byte) *bridge.Outgoing {
	m.Files = append(m.Files, bridge.OutgoingFile{
		Name: name, Open: func(context.Context) (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
		},
	})
	return m
}

func TestFileList(t *testing.T) {
	t.Parallel()
	small, large := []byte("jpeg"), make([]byte, maxPreview+1)
	p := &model.Post{FileIds: model.StringArray{"a", "b", "c"}, Metadata: &model.PostMetadata{Files: []*model.FileInfo{
		{Id: "a", Name: "cat.png", MimeType: "image/png", Size: 5, Width: 3, Height: 4, CreateAt: 2, MiniPreview: &large}, nil, {Id: "b", Name: "x", CreateAt: 1, MiniPreview: &small}, {Id: "z"},
	}}}
	want := []bridge.File{
		{ID: "b", Name: "x", Preview: small}, {ID: "a", Name: "cat.png", Type: "image/png", Size: 5, Width: 3, Height: 4}, {ID: "c"},
	}
	if diff := cmp.Diff(want, fileList(p)); diff != "" {
		t.Error(diff)
	}
	if got := fileList(&model.Post{}); got == nil || len(got) > 0 {
		t.Errorf("a post without files tells %#v, want none and not nil", got)
	}
}

// What the server refuses of a file leaves nothing behind, and says that it is
// the file.
func TestFileRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	if limit, err := r.client.FileLimit(t.Context()); limit != 100<<20 || err != nil {
		t.Errorf("the limit is %d, %v", limit, err)
	}
	// The limit has changed since it was asked for.
	r.server.Set(func(s *mattermosttest.Switches) { s.MaxFileSize = 10 })
	_, err := r.client.Send(t.Context(), attach(r.out(chat, "k1", "see"), "big.txt", make([]byte, 11)))
	if !errors.Is(err, bridge.ErrFile) || !errors.Is(err, bridge.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	_, err = r.client.Send(t.Context(), attach(r.out(chat, "k2", "see"), "empty.txt", nil))
	if !errors.Is(err, bridge.ErrFile) || !errors.Is(err, bridge.ErrRejected) {
		t.Errorf("empty: %v", err)
	}
	if posts := r.server.Live(string(chat)); len(posts) > 0 {
		t.Errorf("%d posts, want none", len(posts))
	}
	for _, id := range []bridge.FileID{"", "../users/me", bridge.FileID(model.NewId())} {
		if _, _, err := r.client.OpenFile(t.Context(), chat, id); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("file %q: %v", id, err)
		}
	}
}

// An upload is made again only when the post is not there.
func TestFileIsLookedForFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	m := attach(r.out(chat, "k", "see"), "a.txt", []byte("a"))
	first := r.send(m)
	m.Uncertain = true
	if again := r.send(m); again.ID != first.ID {
		t.Errorf("a repeat answers %q, the first send %q", again, first)
	}
	if n := r.server.Calls("POST", "/files?"); n != 1 {
		t.Errorf("%d uploads, want 1", n)
	}
}

// A transfer in which nothing moves ends, both ways; it says nothing about the
// server.
func TestFileStandsStill(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte("beginning"))
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) }) // before the server, which waits for its requests
	a := &api{client: model.NewAPIv4Client(server.URL), files: server.Client(), stall: 100 * time.Millisecond, now: time.Now}
	stalled := func(what string, err error) {
		t.Helper()
		temporary, ok := errors.AsType[*bridge.TemporaryError](err)
		if !errors.Is(err, bridge.ErrStalled) || !ok || temporary.Shared || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", what, err)
		}
	}
	body, _, err := a.openFile(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(body)
	stalled("download", err)
	_ = body.Close()
	still, writer := io.Pipe()
	defer writer.Close() //nolint:errcheck // never fails
	_, err = a.uploadFile(t.Context(), "c", "n", still, 10)
	stalled("upload", err)
}
