package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// fileRow is a line of the table of one large file.
type fileRow struct {
	database, direction string
	size                int64
	took                time.Duration
	extra               int64 // memory at most, above that before
	problems            []string
}

// media is the files of both peers: as long as asked for, all zeros.
type media struct {
	size  int64
	taken atomic.Int64 // bytes that were uploaded
}

const fileID = "file0000000000000000000000"

// serve answers requests about files, whichever peer's, and tells whether it was one.
func (m *media) serve(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case strings.HasSuffix(r.URL.Path, "/media/config"):
		answer(w, map[string]any{})
	case strings.Contains(r.URL.Path, "/media/download/"), r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/v4/files/"):
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(m.size, 10))
		_, _ = io.CopyN(w, zeros{}, m.size)
	case strings.HasSuffix(r.URL.Path, "/media/v3/upload"):
		m.take(r)
		answer(w, map[string]string{"content_uri": "mxc://" + serverName + "/large"})
	case r.URL.Path == "/api/v4/files":
		m.take(r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"file_infos":[{"id":%q}]}`, fileID)
	default:
		return false
	}
	return true
}

func (m *media) take(r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	m.taken.Add(n)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// files measures what one large file costs, in each direction.
func (b *bench) files(ctx context.Context) error {
	for _, database := range b.first() {
		if err := b.on(ctx, "files", database, 2, func(s *stage) error { return s.files(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) files(ctx context.Context) error {
	m := &media{size: int64(s.b.fileMiB) << 20}
	s.hs.media, s.mm.media = m, m
	g, err := s.startWarm(ctx)
	if err != nil {
		return err
	}
	f := &fleet{all: []*gateway{g}}
	for _, way := range []struct {
		side

		send func() error
	}{
		{inward(s.hs, s.mm, 1), func() error { return s.mm.sayFile(0, 0, m.size) }},
		{outward(f, s.mm, 1, "file"), func() error { return f.transaction(ctx, []event{fileEvent(m.size)}) }},
	} {
		s.say("a file of %d MiB, %s", s.b.fileMiB, way.name)
		r, err := s.file(ctx, g, m, way.side, way.send)
		if err != nil {
			return err
		}
		s.b.lines.files = append(s.b.lines.files, r)
	}
	return nil
}

// file measures one crossing.
func (s *stage) file(ctx context.Context, g *gateway, m *media, way side, send func() error) (fileRow, error) {
	r := fileRow{database: s.database, direction: way.name, size: m.size}
	way.meter.reset()
	m.taken.Store(0)
	if err := g.resetPeak(); err != nil {
		return r, err
	}
	before, err := g.usage()
	if err != nil {
		return r, err
	}
	start := time.Now()
	if err := send(); err != nil {
		return r, err
	}
	if err := poll(ctx, 5*time.Minute, func() bool { return way.meter.arrivals() >= 1 }); err != nil {
		return r, fmt.Errorf("%s: %w", way.name, errStuck)
	}
	r.took = time.Since(start)
	after, err := g.usage()
	if err != nil {
		return r, err
	}
	r.extra = max(after.hwm-before.rss, 0)
	if got := m.taken.Load(); got != m.size {
		r.problems = append(r.problems, fmt.Sprintf("%d bytes of %d arrived", got, m.size))
	}
	return r, nil
}

// resetPeak forgets what the gateway has used at most (proc(5), clear_refs).
func (g *gateway) resetPeak() error {
	return os.WriteFile(filepath.Join("/proc", strconv.Itoa(g.cmd.Process.Pid), "clear_refs"), []byte("5"), 0o600)
}

// fileEvent is a file with a caption that somebody sends on Matrix.
func fileEvent(size int64) event {
	e := messages("file", 0, 1, func(int) int { return 0 })[0]
	e.Content = map[string]any{
		"msgtype": "m.file", "body": "A large file #n0", "filename": "large.bin", "url": "mxc://" + serverName + "/large",
		"info": map[string]any{"mimetype": "application/octet-stream", "size": size},
	}
	return e
}

// sayFile pushes a post of a person with one file.
func (m *mattermost) sayFile(ch, n int, size int64) error {
	post := written{channel: ch, n: n, at: time.Now().UnixMilli()}
	text := string(post.post(m.history.add(post)))
	files := fmt.Sprintf(`"file_ids":[%q],"metadata":{"files":[{"id":%[1]q,"name":"large.bin","size":%d}]},"props":{}`, fileID, size)
	return m.push("posted", "post", strings.Replace(text, `"props":{}`, files, 1), channelID(ch))
}

// fileIDs are those in the body of a post, as JSON.
func fileIDs(body []byte) string {
	var post struct {
		IDs []string `json:"file_ids"`
	}
	_ = json.Unmarshal(body, &post)
	if len(post.IDs) == 0 {
		return "[]"
	}
	ids, _ := json.Marshal(post.IDs) //nolint:errchkjson // texts only
	return string(ids)
}
