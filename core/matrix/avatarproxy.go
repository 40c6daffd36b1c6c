package matrix

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	maxAvatars    = 8 // fetched at once
	avatarPixels  = "128"
	avatarTimeout = 20 * time.Second
)

// avatars serves sealed pictures. Whatever is wrong, the outside only learns
// that there is none.
func (s *Service) avatars() http.Handler {
	slots := make(chan struct{}, maxAvatars)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			answerUnknown(w)
			return
		}
		mxc, ok := s.sealer.open(req.PathValue("token"))
		if !ok || s.opts.PublicURL == "" {
			answerNotFound(w)
			return
		}
		ctx, cancel := context.WithTimeout(req.Context(), avatarTimeout)
		defer cancel()
		if !acquire(ctx, slots) {
			w.Header().Set("Retry-After", "10")
			answerError(w, http.StatusServiceUnavailable, "M_UNKNOWN", "busy")
			return
		}
		defer release(slots)
		picture, err := s.picture(ctx, mxc)
		if bridge.Classify(orNotFound(err)) == bridge.ClassTemporary {
			w.Header().Set("Retry-After", "60")
			answerError(w, http.StatusServiceUnavailable, "M_UNKNOWN", "try again later")
			return
		}
		mimeType := pictureType(picture)
		if err != nil || mimeType == "" {
			answerNotFound(w)
			return
		}
		header := w.Header()
		header.Set("Content-Type", mimeType)
		header.Set("Content-Length", strconv.Itoa(len(picture)))
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
		if req.Method == http.MethodGet {
			_, _ = w.Write(picture) // the reader is gone when this fails
		}
	})
}

// picture reads a small version, or the original where the homeserver can make
// none, of at most 1 MiB.
func (s *Service) picture(ctx context.Context, mxc id.ContentURI) ([]byte, error) {
	fetch := func(kind string, query url.Values) ([]byte, error) {
		r := request{
			op: "read picture", method: http.MethodGet, as: s.bot, query: query, limit: maxPicture, slow: true,
			path: path(clientV1, "media", kind, mxc.Homeserver, mxc.FileID),
		}
		status, header, body, err := s.roundTrip(ctx, r)
		if err == nil && status != http.StatusOK {
			err = refusal(status, header, body, s.now())
		}
		return body, err
	}
	size := url.Values{"width": {avatarPixels}, "height": {avatarPixels}, "method": {"crop"}}
	picture, err := fetch("thumbnail", size)
	if err == nil && pictureType(picture) != "" {
		return picture, nil
	}
	return fetch("download", nil)
}

// orNotFound keeps Classify away from nil, and from pictures that are too long.
func orNotFound(err error) error {
	if err == nil || errors.Is(err, errAnswerTooLong) {
		return bridge.ErrNotFound
	}
	return err
}
