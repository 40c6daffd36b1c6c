package engine

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/store"
)

// Homeserver is what the engine needs of the Matrix side. Every call is one
// attempt; errors are those of package bridge.
type Homeserver interface {
	Bot() id.UserID
	ServerName() string
	GhostID(b bridge.ID, u bridge.UserID) id.UserID
	ParseGhost(user id.UserID) (bridge.ID, bridge.UserID, bool)
	Ours(user id.UserID) bool
	AliasFor(local string) id.RoomAlias
	ParseAlias(alias id.RoomAlias) (local string, ok bool)
	AvatarURL(mxc string) string

	Send(ctx context.Context, s intent.Send) (id.EventID, error)
	Redact(ctx context.Context, r intent.Redact) (id.EventID, error)
	Find(ctx context.Context, room id.RoomID, as id.UserID, marker string, since time.Time) (id.EventID, bool, error)

	// Puppets tells whether we may act as people's own accounts.
	Puppets() bool
	// FindAmong is Find for what one of several users has sent, the oldest of it.
	FindAmong(ctx context.Context, room id.RoomID, senders []id.UserID, marker string, since time.Time) (id.EventID, id.UserID, bool, error)

	// Typing shows for a while that a user writes; 0 = no more. Not repeated, soon
	// given up.
	Typing(ctx context.Context, room id.RoomID, user id.UserID, how time.Duration) error

	// Read marks a room as read by the bot, up to an event. Not repeated.
	Read(ctx context.Context, room id.RoomID, ev id.EventID) error

	// SetPresence shows that one of our users is there. Not repeated; homeservers forget
	// it, and those whose presence is off say nothing: PresenceOf tells.
	SetPresence(ctx context.Context, user id.UserID, p event.Presence) error
	PresenceOf(ctx context.Context, user id.UserID) (event.Presence, error)

	Pinned(ctx context.Context, room id.RoomID) ([]id.EventID, error)
	SetPinned(ctx context.Context, room id.RoomID, pinned []id.EventID) error
	Upload(ctx context.Context, u intent.Upload) (mxc string, err error)
	UploadLimit(ctx context.Context) (int64, error)
	Download(ctx context.Context, mxc string) (body io.ReadCloser, size int64, err error)
	Content(ctx context.Context, room id.RoomID, ev id.EventID) (json.RawMessage, error)

	EnsureGhost(ctx context.Context, user id.UserID) error
	EnsureJoined(ctx context.Context, room id.RoomID, user id.UserID) error
	// Forget makes EnsureJoined ask again: the user is not in the room any more.
	Forget(room id.RoomID, user id.UserID)
	SetName(ctx context.Context, user id.UserID, name string) error
	SetAvatar(ctx context.Context, user id.UserID, body io.Reader, mimeType string) (mxc string, err error)
	ClearAvatar(ctx context.Context, user id.UserID) error

	CreateRoom(ctx context.Context, r intent.Room) (id.RoomID, error)
	UpdateLevels(ctx context.Context, room id.RoomID, l intent.Levels) error
	// MayAlert reports whether a user may alert everybody in a room; raise lets it give
	// a ghost the level for that.
	MayAlert(ctx context.Context, room id.RoomID, user id.UserID, raise bool) (bool, error)
	SetRoomInfo(ctx context.Context, room id.RoomID, name, topic string) error
	// SetPlace sets who may join a room of ours and which space it belongs to.
	SetPlace(ctx context.Context, room id.RoomID, p intent.Place) error
	// SetChildren makes a space of ours show these rooms and none that we showed before.
	SetChildren(ctx context.Context, space id.RoomID, rooms []id.RoomID) error
	Encrypted(ctx context.Context, room id.RoomID) (bool, error)
	// Tombstone tells where a room goes on; [bridge.ErrNotFound] when it does not.
	Tombstone(ctx context.Context, room id.RoomID) (intent.Tombstone, error)
	Creation(ctx context.Context, room id.RoomID) (intent.Creation, error)
	MaySet(ctx context.Context, room id.RoomID, user id.UserID, typ string) (bool, error)
	// Backlog lists what was said in a room so far, oldest first.
	Backlog(ctx context.Context, room id.RoomID) ([]intent.Event, error)
	SetBridgeInfo(ctx context.Context, room id.RoomID, info intent.BridgeInfo) error
	ResolveAlias(ctx context.Context, alias id.RoomAlias) (id.RoomID, error)
	Join(ctx context.Context, roomOrAlias string) (id.RoomID, error)
	Leave(ctx context.Context, room id.RoomID, as id.UserID) error
	Invite(ctx context.Context, room id.RoomID, user id.UserID) error
	Kick(ctx context.Context, room id.RoomID, user id.UserID, reason string) error
	Members(ctx context.Context, room id.RoomID) ([]intent.Member, error)
	// Memberships also lists who has left, and who was banned.
	Memberships(ctx context.Context, room id.RoomID) ([]intent.Member, error)
	// Rooms lists the rooms that one of our users is in.
	Rooms(ctx context.Context, user id.UserID) ([]id.RoomID, error)
	Profile(ctx context.Context, user id.UserID) (intent.Profile, error)
}

// Queue is what the engine needs of the durable queue.
type Queue interface {
	Accept(ctx context.Context, in store.Intake) (accepted int, err error)
	Wake(match func(store.LaneKey) bool)
	Recovered()
}

// Commander executes what people write to the bot in a direct room.
type Commander interface {
	Execute(ctx context.Context, who id.UserID, text string) (reply string)
}
