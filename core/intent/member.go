package intent

import "maunium.net/go/mautrix/id"

// Member is a Matrix user's membership of a room.
type Member struct {
	User       id.UserID
	Membership string // "join" or "invite"
	Name       string // display name in this room, "" when none
	Avatar     string // mxc URL, "" when none
}
