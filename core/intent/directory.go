package intent

import "maunium.net/go/mautrix/id"

// Protocol describes a kind of network in the homeserver's third-party
// directory (application service API, "Third-party networks").
type Protocol struct {
	ID             string   // the word in the registration's protocols: "mattermost"
	Name           string   // for people
	Icon           string   // mxc URL, "" when none
	UserFields     []string // what a person is looked up by, most general first
	LocationFields []string // what a chat is looked up by, most general first
	Networks       []Network
}

// Network is one bridge of a [Protocol].
type Network struct {
	ID   string            // the bridge's ID
	Name string            // for people
	Set  map[string]string // field values that select it
}

// Location is a chat of a network and the alias of its room.
type Location struct {
	Alias    id.RoomAlias
	Protocol string
	Fields   map[string]string
}

// Person is a person of a network and their ghost.
type Person struct {
	User     id.UserID
	Protocol string
	Fields   map[string]string
}
