package matrix

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

var errPending = errors.New("not here yet")

// Run registers the bot, listens, and syncs until ctx ends.
func (s *Service) Run(ctx context.Context, inbox Inbox) error { return errPending }

// Handler serves the homeserver's requests and the avatar path.
func (s *Service) Handler(inbox Inbox) http.Handler { return http.NotFoundHandler() }

// Send sends one event.
func (s *Service) Send(ctx context.Context, m intent.Send) (id.EventID, error) { return "", errPending }

// Redact redacts one event.
func (s *Service) Redact(ctx context.Context, m intent.Redact) (id.EventID, error) {
	return "", errPending
}

// Find looks for the event with a marker.
func (s *Service) Find(ctx context.Context, room id.RoomID, as id.UserID, marker string, since time.Time) (id.EventID, bool, error) {
	return "", false, errPending
}

// FindRedaction tells whether an event is redacted.
func (s *Service) FindRedaction(ctx context.Context, room id.RoomID, target id.EventID) (bool, error) {
	return false, errPending
}

// EnsureGhost registers a ghost.
func (s *Service) EnsureGhost(ctx context.Context, user id.UserID) error { return errPending }

// EnsureJoined brings a ghost (or the bot) into a room.
func (s *Service) EnsureJoined(ctx context.Context, room id.RoomID, user id.UserID) error {
	return errPending
}

// Forget drops what is remembered about a membership.
func (s *Service) Forget(room id.RoomID, user id.UserID) {}

// SetName sets a ghost's display name.
func (s *Service) SetName(ctx context.Context, user id.UserID, name string) error { return errPending }

// SetAvatar uploads and sets a ghost's picture.
func (s *Service) SetAvatar(ctx context.Context, user id.UserID, body io.Reader, mimeType string) (string, error) {
	return "", errPending
}

// ClearAvatar removes a ghost's picture.
func (s *Service) ClearAvatar(ctx context.Context, user id.UserID) error { return errPending }

// CreateRoom makes a portal room, or returns the one that its alias names.
func (s *Service) CreateRoom(ctx context.Context, r intent.Room) (id.RoomID, error) {
	return "", errPending
}

// UpdateLevels brings a room's power levels to what a mode needs.
func (s *Service) UpdateLevels(ctx context.Context, room id.RoomID, l intent.Levels) error {
	return errPending
}

// SetRoomInfo sets name and topic when they differ.
func (s *Service) SetRoomInfo(ctx context.Context, room id.RoomID, name, topic string) error {
	return errPending
}

// SetBridgeInfo writes the bridge state events when they differ.
func (s *Service) SetBridgeInfo(ctx context.Context, room id.RoomID, info intent.BridgeInfo) error {
	return errPending
}

// ResolveAlias finds the room of an alias.
func (s *Service) ResolveAlias(ctx context.Context, alias id.RoomAlias) (id.RoomID, error) {
	return "", errPending
}

// Join lets the bot join a room by ID or alias.
func (s *Service) Join(ctx context.Context, roomOrAlias string) (id.RoomID, error) {
	return "", errPending
}

// Leave lets the bot or a ghost leave a room.
func (s *Service) Leave(ctx context.Context, room id.RoomID, as id.UserID) error { return errPending }

// Invite lets the bot invite a user.
func (s *Service) Invite(ctx context.Context, room id.RoomID, user id.UserID) error {
	return errPending
}

// Kick lets the bot remove a user.
func (s *Service) Kick(ctx context.Context, room id.RoomID, user id.UserID, reason string) error {
	return errPending
}

// Members lists joined and invited users.
func (s *Service) Members(ctx context.Context, room id.RoomID) ([]intent.Member, error) {
	return nil, errPending
}

// Profile reads a user's global profile.
func (s *Service) Profile(ctx context.Context, user id.UserID) (intent.Profile, error) {
	return intent.Profile{}, errPending
}

// PowerLevel reads a user's power level.
func (s *Service) PowerLevel(ctx context.Context, room id.RoomID, user id.UserID) (int, error) {
	return 0, errPending
}

// CreateDirect makes a room for the bot and one person.
func (s *Service) CreateDirect(ctx context.Context, user id.UserID) (id.RoomID, error) {
	return "", errPending
}

// Notice sends a notice as the bot.
func (s *Service) Notice(ctx context.Context, room id.RoomID, txnID, text, html string) (id.EventID, error) {
	return "", errPending
}

// AvatarURL is the public address of a picture.
func (s *Service) AvatarURL(mxc string) string { return "" }

// Check looks at the connection both ways.
func (s *Service) Check(ctx context.Context) []bridge.Finding { return nil }
