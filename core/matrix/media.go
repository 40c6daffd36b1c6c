package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// Files are streamed both ways: they may be larger than our memory. Thumbnails
// are left to the homeserver, which makes them by itself when a client asks.

// mediaID is what the specification lets a media ID be. Anything else might be
// another path.
var mediaID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// limitAge is how long the homeserver's limit of uploads is remembered.
const limitAge = time.Hour

// uploadLimit is the remembered limit.
type uploadLimit struct {
	mu    sync.Mutex
	bytes int64
	asked time.Time
}

// UploadLimit tells how many bytes a file may have, 0 when the homeserver does not
// tell (client-server API, "Content repository", m.upload.size).
func (s *Service) UploadLimit(ctx context.Context) (int64, error) {
	l := &s.uploads
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.asked.IsZero() && s.now().Sub(l.asked) < limitAge {
		return l.bytes, nil
	}
	r := request{op: "ask for the limit of files", method: http.MethodGet, as: s.bot, path: clientV1 + "/media/config"}
	answer, err := s.do(ctx, r)
	if hasStatus(err, http.StatusNotFound, "") { // before Matrix 1.11
		r.path = mediaV3 + "/config"
		answer, err = s.do(ctx, r)
	}
	if err != nil {
		return 0, err
	}
	l.bytes, l.asked = max(gjson.GetBytes(answer, `m\.upload\.size`).Int(), 0), s.now()
	return l.bytes, nil
}

// Upload stores a file and returns its mxc URL. [bridge.ErrTooLarge] when it is
// over a limit. A failure stores nothing that anybody can find, so uploading again
// is harmless.
func (s *Service) Upload(ctx context.Context, u intent.Upload) (mxc string, err error) {
	var answer struct {
		URI string `json:"content_uri"`
	}
	err = s.call(ctx, request{
		op: "upload file", method: http.MethodPost, as: u.As, path: path(mediaV3, "upload"), slow: true,
		stream: u.Body, length: u.Size, contentType: u.Type,
	}, &answer)
	if err != nil {
		return "", err
	}
	if uri, err := id.ParseContentURI(answer.URI); err != nil || uri.IsEmpty() {
		return "", fmt.Errorf("upload file: %w", &bridge.TemporaryError{Err: errNotMatrix, Shared: true})
	}
	return answer.URI, nil
}

// Download streams a file by its mxc URL, always through our homeserver, as the
// bot; the caller closes it. size is -1 when unknown. [bridge.ErrNotFound] when it
// is gone, [bridge.ErrRejected] for what is no mxc URL. Reading fails before the
// end when the connection breaks.
func (s *Service) Download(ctx context.Context, mxc string) (body io.ReadCloser, size int64, err error) {
	uri, err := id.ParseContentURI(mxc)
	if err != nil || uri.IsEmpty() || !mediaID.MatchString(uri.FileID) || strings.ContainsAny(uri.Homeserver, "/?#%\\") {
		return nil, 0, fmt.Errorf("read file: no mxc address: %w", bridge.ErrRejected)
	}
	body, size, err = s.open(ctx, path(clientV1, "media", "download", uri.Homeserver, uri.FileID))
	if hasCode(err, "M_UNRECOGNIZED") { // before Matrix 1.11
		return s.open(ctx, path(mediaV3, "download", uri.Homeserver, uri.FileID))
	}
	return body, size, err
}

func (s *Service) open(ctx context.Context, path string) (io.ReadCloser, int64, error) {
	r := request{op: "read file", method: http.MethodGet, as: s.bot, path: path, slow: true}
	moving, stall := bridge.WithStall(ctx, s.opts.StallTimeout)
	req, err := s.newRequest(moving, r)
	if err != nil {
		stall.End()
		return nil, 0, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		stall.End()
		return nil, 0, fmt.Errorf("%s: %w", r.op, s.cut(ctx, moving, r, err))
	}
	if resp.StatusCode == http.StatusOK {
		return stall.WatchBody(&mediaBody{resp.Body, ctx, moving}), resp.ContentLength, nil
	}
	defer stall.End()
	defer resp.Body.Close()
	answer, err := readAll(resp, 1<<16) // longer is none of a homeserver's
	if err != nil && !errors.Is(err, errAnswerTooLong) {
		return nil, 0, fmt.Errorf("%s: %w", r.op, s.cut(ctx, moving, r, err))
	}
	return nil, 0, fmt.Errorf("%s: %w", r.op, refusal(resp.StatusCode, resp.Header, answer, s.now()))
}

// cut says why a transfer ended early. moving is the context that its watch ends.
func (s *Service) cut(ctx, moving context.Context, r request, err error) error {
	if ctx.Err() == nil && errors.Is(context.Cause(moving), bridge.ErrStalled) {
		return &bridge.TemporaryError{Err: bridge.ErrStalled}
	}
	s.broke(ctx, r, err)
	return broken(ctx, err)
}

// mediaBody is a file being read. Its errors tell no addresses.
type mediaBody struct {
	io.ReadCloser

	ctx, moving context.Context //nolint:containedctx // of the request that the body belongs to
}

func (b *mediaBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	case b.ctx.Err() == nil && errors.Is(context.Cause(b.moving), bridge.ErrStalled):
		return n, &bridge.TemporaryError{Err: bridge.ErrStalled}
	}
	return n, broken(b.ctx, err)
}

// Content reads the content of an event. [bridge.ErrNotFound] when the homeserver
// has none, or does not show it yet. That of a redacted event is nearly empty.
func (s *Service) Content(ctx context.Context, room id.RoomID, event id.EventID) (json.RawMessage, error) {
	answer, err := s.do(ctx, request{
		op: "read event", method: http.MethodGet, as: s.bot, path: path(clientV3, "rooms", string(room), "event", string(event)),
	})
	if err != nil {
		return nil, err
	}
	if in := text(gjson.GetBytes(answer, "room_id")); in != "" && in != string(room) {
		return nil, fmt.Errorf("read event: it is in another room: %w", bridge.ErrNotFound)
	}
	return json.RawMessage(gjson.GetBytes(answer, "content").Raw), nil
}
