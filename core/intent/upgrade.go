package intent

import (
	"time"

	"maunium.net/go/mautrix/id"
)

// Tombstone says that a room goes on elsewhere (client-server API, "Room upgrades").
type Tombstone struct {
	Sender      id.UserID
	Replacement id.RoomID // as the event says: anybody can write anything
	At          time.Time
}

// Creation is how a room began.
type Creation struct {
	Creator     id.UserID
	Predecessor id.RoomID // "" when it says that it follows none
}
