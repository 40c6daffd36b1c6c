package intent

import "maunium.net/go/mautrix/id"

// Member is a Matrix user's membership of a room.
type Member struct {
	User       id.UserID
	Membership string    // "join", "invite", "leave" or "ban"
	By         id.UserID // who set it: themselves, or who invited or removed them
	Name       string    // display name in this room, "" when none
	Avatar     string    // mxc URL, "" when none
}
