package bridge

import "context"

// Presence is whether somebody is at their device, as the network shows it.
type Presence string

// The kinds of presence.
const (
	PresenceOnline  Presence = "online"
	PresenceAway    Presence = "away"
	PresenceBusy    Presence = "busy" // does not want to be disturbed
	PresenceOffline Presence = "offline"
)

// PresenceLister tells who is there. It is never stored and only asked where a school
// wants it.
type PresenceLister interface {
	// Presence reads the presence of some hundred people; who is unknown is left out,
	// or offline.
	Presence(ctx context.Context, users []UserID) (map[UserID]Presence, error)
}
