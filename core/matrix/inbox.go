package matrix

import (
	"context"
	"encoding/json"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

// Inbox takes what comes from the homeserver. All methods may be called from
// several goroutines.
type Inbox interface {
	// Accept stores the events that concern us and, when syncToken is not nil, the
	// position of the bot's sync, in one transaction. It returns after the commit.
	// Events seen before (by [intent.Event.ID]) are ignored. On an error nothing is
	// stored, and the same events come again. An event that can never be stored
	// must not be answered with an error: it would block all that follow.
	Accept(ctx context.Context, evs []intent.Event, syncToken *string) error
	// Reachable is told that the homeserver answers again after it had not: what
	// waits for it can go on. It must not block.
	Reachable(ctx context.Context)
	// SyncToken returns what was last stored through Accept, "" before the first.
	SyncToken(ctx context.Context) (string, error)
	// Alias is asked about an alias of ours that does not exist. It creates the
	// room, with the alias, when the alias stands for a chat that may be linked.
	Alias(ctx context.Context, alias id.RoomAlias) (bool, error)
	// User is asked about a ghost that does not exist. It registers the ghost when
	// it stands for a person.
	User(ctx context.Context, user id.UserID) (bool, error)
	// Ephemeral takes typing ("m.typing") and receipts ("m.receipt"). It may drop
	// them and must not block.
	Ephemeral(ctx context.Context, room id.RoomID, typ string, content json.RawMessage)
}

// Directory answers the homeserver's look-ups of third-party networks. An
// [Inbox] that has it too is asked; otherwise every look-up finds nothing.
type Directory interface {
	// Protocols lists the kinds of configured bridges.
	Protocols() []intent.Protocol
	// Locations finds linkable chats by protocol and fields.
	Locations(ctx context.Context, protocol string, fields map[string]string) ([]intent.Location, error)
	// People finds people by protocol and fields.
	People(ctx context.Context, protocol string, fields map[string]string) ([]intent.Person, error)
	// LocationOf finds the chats behind a room alias.
	LocationOf(ctx context.Context, alias id.RoomAlias) ([]intent.Location, error)
	// PersonOf finds the people behind a ghost.
	PersonOf(ctx context.Context, user id.UserID) ([]intent.Person, error)
}
