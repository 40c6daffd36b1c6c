package bridge

// Each kind of ID has its own type, so that mixing them up does not compile.
type (
	// ID names one configured bridge ("mm"). It scopes ghosts, cursors and rows,
	// is chosen by the operator, matches [a-z0-9-]{1,16}, and never changes.
	ID string
	// SchoolID names a school (tenant). It matches [a-z0-9-]{1,32}.
	SchoolID string
	// LoginID names an account on the network, unique within a bridge.
	LoginID string
	// ChatID is the network's immutable ID of a chat, unique within a bridge.
	ChatID string
	// UserID is the network's immutable ID of a person, unique within a bridge.
	// Never a name: names change hands.
	UserID string
	// MessageID is the network's ID of a message, unique within a bridge.
	MessageID string
	// FileID is the network's ID of a file, unique within a bridge.
	FileID string
	// Key identifies one source event, unique within a chat and direction. Keys
	// of remote events are made by the bridge, keys of Matrix events by the core
	// (from the event ID). 1 to 255 bytes of printable ASCII without spaces.
	Key string
	// Cursor is a bridge's position in one chat. Only the bridge reads it.
	Cursor string
)
