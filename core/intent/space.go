package intent

import "maunium.net/go/mautrix/id"

// JoinRule says who may join a room by themselves.
type JoinRule string

// The join rules.
const (
	JoinAll    JoinRule = "public"     // every local user, or everybody if we federate
	JoinSpace  JoinRule = "restricted" // who is in the space that the room belongs to
	JoinInvite JoinRule = "invite"     // who was invited
)

// Place is where a room stands and who may join it.
type Place struct {
	Rule JoinRule
	// Space is the Matrix space that the room belongs to; "" = none. [JoinSpace]
	// needs one.
	Space id.RoomID
	// Former is a space that it belonged to before; "" = none.
	Former id.RoomID
}
