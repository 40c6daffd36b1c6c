package matrix_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func TestMediaBothWays(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		w := newWorld(t, matrixtest.Synapse)
		if old {
			w.hs.OldMedia()
		}
		_, ghost := w.portal(t, "media")
		data := bytes.Repeat([]byte("Elternbrief "), 10_000)
		mxc, err := w.Upload(t.Context(), intent.Upload{As: ghost, Type: "application/pdf", Body: bytes.NewReader(data), Size: int64(len(data))})
		if err != nil {
			t.Fatal(err)
		}
		if typ, stored := w.hs.Media(mxc); typ != "application/pdf" || !bytes.Equal(stored, data) {
			t.Errorf("stored %d bytes as %s", len(stored), typ)
		}
		body, size, err := w.Download(t.Context(), mxc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || body.Close() != nil || !bytes.Equal(got, data) || size != int64(len(data)) && size != -1 {
			t.Errorf("read %d bytes of %d, %v", len(got), size, err)
		}
		if _, err := w.Upload(t.Context(), intent.Upload{As: ghost, Type: "text/plain", Body: strings.NewReader("")}); err != nil {
			t.Errorf("an empty file: %v", err)
		}
	}
}

func TestMediaRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	_, ghost := w.portal(t, "media")
	w.hs.LimitUploads(3)
	up := func(size int64) error {
		_, err := w.Upload(t.Context(), intent.Upload{As: ghost, Type: "text/plain", Body: strings.NewReader("1234"), Size: size})
		return err
	}
	if err := up(4); !errors.Is(err, bridge.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if limit, err := w.UploadLimit(t.Context()); limit != 3 || err != nil {
		t.Errorf("the limit is %d, %v", limit, err)
	}
	w.hs.LimitUploads(0)
	if limit, _ := w.UploadLimit(t.Context()); limit != 3 {
		t.Errorf("the limit was asked for again: %d", limit)
	}
	for _, mxc := range []string{"", "https://evil.example/x", "mxc://", "mxc://hs.test", "mxc://hs.test/..", "mxc://hs.test/a/../../x", "mxc://hs.test/a?b", "mxc://../x%2f"} {
		if _, _, err := w.Download(t.Context(), mxc); !errors.Is(err, bridge.ErrRejected) {
			t.Errorf("%q: %v", mxc, err)
		}
	}
	if _, _, err := w.Download(t.Context(), "mxc://hs.test/gone"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("gone: %v", err)
	}
	// A homeserver that is away says nothing about the file.
	w.hs.Break(1, "/download/", matrixtest.Fault{Status: http.StatusBadGateway})
	if _, _, err := w.Download(t.Context(), "mxc://hs.test/gone"); bridge.Classify(err) != bridge.ClassTemporary {
		t.Errorf("away: %v", err)
	}
	w.hs.Break(1, "/upload", matrixtest.Fault{})
	if err := up(4); bridge.Classify(err) != bridge.ClassTemporary || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("broken: %v", err)
	}
}

func TestUploadLimitOfOldServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	w.portal(t, "limit") // the bot is there
	w.hs.OldMedia()
	w.hs.LimitUploads(7)
	if limit, err := w.UploadLimit(t.Context()); limit != 7 || err != nil {
		t.Errorf("%d, %v", limit, err)
	}
}

// serviceOn makes a Service on a homeserver that is only this handler.
func serviceOn(t *testing.T, h http.HandlerFunc) *matrix.Service {
	t.Helper()
	hs := httptest.NewServer(h)
	t.Cleanup(hs.Close)
	s, err := matrix.New(matrix.Options{
		URL: hs.URL, ServerName: "hs.test", ASToken: "a", HSToken: "h", StallTimeout: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A transfer that stands still ends; nothing else limits its time.
func TestMediaStandsStill(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	s := serviceOn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte("beginning"))
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	})
	t.Cleanup(func() { close(ended) }) // before the server, which waits for its requests
	body, _, err := s.Download(t.Context(), "mxc://hs.test/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(body); !errors.Is(err, bridge.ErrStalled) || bridge.Classify(err) != bridge.ClassTemporary {
		t.Errorf("download: %v", err)
	}
	_ = body.Close()
	still, writer := io.Pipe()
	defer writer.Close() //nolint:errcheck // never fails
	_, err = s.Upload(t.Context(), intent.Upload{As: "@steg:hs.test", Body: still, Size: 10})
	if !errors.Is(err, bridge.ErrStalled) || bridge.Classify(err) != bridge.ClassTemporary {
		t.Errorf("upload: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Download(ctx, "mxc://hs.test/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// zeros is a long file that costs no memory.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// A file of 100 MiB crosses in little memory.
func TestMediaIsStreamed(t *testing.T) {
	t.Parallel()
	const length = 100 << 20
	s := serviceOn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.CopyN(w, zeros{}, length)
			return
		}
		if n, err := io.Copy(io.Discard, r.Body); n != length || err != nil {
			t.Errorf("uploaded %d bytes, %v", n, err)
		}
		_, _ = w.Write([]byte(`{"content_uri": "mxc://hs.test/x"}`))
	})
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	got := allocated(func() {
		body, _, err := s.Download(t.Context(), "mxc://hs.test/x")
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close() //nolint:errcheck // read only
		if _, err := s.Upload(t.Context(), intent.Upload{As: "@steg:hs.test", Body: io.LimitReader(body, length), Size: length}); err != nil {
			t.Fatal(err)
		}
	})
	// The other tests of the package run meanwhile; a copy would be 100 MiB more.
	if got > 90<<20 {
		t.Errorf("copying %d MiB took %d MiB of memory", length>>20, got>>20)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, ghost := w.portal(t, "content")
	m := message(room, ghost, "c1")
	m.Content = &event.MessageEventContent{MsgType: event.MsgImage, Body: "b", URL: "mxc://x/y"}
	ev, err := w.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.Content(t.Context(), room, ev)
	if err != nil || !strings.Contains(string(raw), `"mxc://x/y"`) {
		t.Errorf("%s, %v", raw, err)
	}
	if _, err := w.Content(t.Context(), room, "$unknown"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}
