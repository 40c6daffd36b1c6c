package matrix

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// maxPicture bounds a picture in bytes, both ways.
const maxPicture = 1 << 20

// Profile reads a user's name and picture. [bridge.ErrNotFound] when the
// homeserver does not know the user or does not tell.
func (s *Service) Profile(ctx context.Context, user id.UserID) (intent.Profile, error) {
	answer, err := s.do(ctx, request{
		op: "read profile", method: http.MethodGet, as: s.bot, path: path(clientV3, "profile", string(user)),
	})
	if err != nil {
		return intent.Profile{}, err
	}
	root := gjson.ParseBytes(answer)
	return intent.Profile{Name: text(root.Get("displayname")), Avatar: text(root.Get("avatar_url"))}, nil
}

// SetName sets the display name of a registered user of ours.
func (s *Service) SetName(ctx context.Context, user id.UserID, name string) error {
	return s.setProfile(ctx, user, "displayname", name)
}

// SetAvatar uploads a picture, sets it, and returns its mxc URL. The type is
// found by looking at it: png, jpeg, gif or webp; mimeType is not trusted.
// [bridge.ErrTooLarge] above 1 MiB, [bridge.ErrRejected] for another type.
func (s *Service) SetAvatar(ctx context.Context, user id.UserID, body io.Reader, _ string) (string, error) {
	picture, err := io.ReadAll(io.LimitReader(body, maxPicture+1))
	if err != nil {
		return "", fmt.Errorf("read picture: %w", err)
	}
	if len(picture) > maxPicture {
		return "", fmt.Errorf("set picture: over 1 MiB: %w", bridge.ErrTooLarge)
	}
	mimeType := pictureType(picture)
	if mimeType == "" {
		return "", fmt.Errorf("set picture: neither png, jpeg, gif nor webp: %w", bridge.ErrRejected)
	}
	var answer struct {
		URI string `json:"content_uri"`
	}
	err = s.call(ctx, request{
		op: "upload picture", method: http.MethodPost, as: user,
		path: path(mediaV3, "upload"), raw: picture, contentType: mimeType,
	}, &answer)
	if err != nil {
		return "", err
	}
	return answer.URI, s.setProfile(ctx, user, "avatar_url", answer.URI)
}

// ClearAvatar removes the picture of a registered user of ours.
func (s *Service) ClearAvatar(ctx context.Context, user id.UserID) error {
	return s.setProfile(ctx, user, "avatar_url", "")
}

func (s *Service) setProfile(ctx context.Context, user id.UserID, field, value string) error {
	return s.call(ctx, request{
		op: "set profile", method: http.MethodPut, as: user,
		path: path(clientV3, "profile", string(user), field),
		body: map[string]string{field: value},
	}, nil)
}

// pictureType is the type of a picture that every client and network shows
// harmlessly, "" for anything else (an SVG is a program).
func pictureType(picture []byte) string {
	head := picture[:min(len(picture), 512)]
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return "image/gif"
	case len(head) >= 12 && bytes.HasPrefix(head, []byte("RIFF")) && string(head[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}
