package bridge

import (
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Author is the Matrix person a relay speaks for.
type Author struct {
	ID   id.UserID
	Name string // cleaned of control characters; never empty
	// AvatarURL is an unguessable https address of the picture, or "" when the
	// person has none or the gateway has no public address.
	AvatarURL string
}

// Outgoing is a message on its way to the network.
type Outgoing struct {
	// Key makes the send idempotent. Derived from the Matrix event ID, fixed when
	// the event was accepted.
	Key  Key
	Chat ChatID
	// Uncertain says that an earlier attempt may have landed: look for Key at the
	// network, back to Since, before sending.
	Uncertain bool
	Since     time.Time // no attempt began before; by the gateway's clock
	Time      time.Time // when it was written
	Author    Author
	// Content is Matrix content without reply fallback and relations: always a text.
	// With Files it is the caption, whose body may be empty.
	Content *event.MessageEventContent
	// Files go with the message; none in an [OutgoingEdit], which leaves the files
	// as they are. Only clients with [FileOpener] get any.
	Files   []OutgoingFile
	ReplyTo MessageID // the mapped target, "" when none
	Thread  MessageID // the mapped root of its thread, "" when none
	// MentionsAll says that "@room" in Content means everybody, and that the author
	// may alert all: it becomes the network's word for that. Otherwise whatever would
	// alert people is made harmless. Never set in an [OutgoingEdit].
	MentionsAll bool
	// People resolves Matrix user IDs inside Content to the network's people.
	People map[id.UserID]Person
	// Chats resolves the rooms that Content links to, by ID or alias as in the link, to
	// chats of the network that people may know of. Of the info ID, Ref, Slug and Name
	// are set.
	Chats map[string]ChatInfo
	// Hop counts how often the text has crossed a Steg; carried along where the
	// network can, and returned in [Message.Hop].
	Hop int
}

// Person is how a Matrix user ID reads on the network.
type Person struct {
	User UserID // set when the ID is a ghost of this bridge
	Name string // display name
}

// OutgoingEdit replaces the content of a message that Send delivered.
type OutgoingEdit struct {
	Outgoing
	Target MessageID
}

// OutgoingRemoval deletes a message.
type OutgoingRemoval struct {
	Key    Key
	Chat   ChatID
	Target MessageID
	Author Author // who removed it
}
