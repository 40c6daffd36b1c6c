package world

import (
	"github.com/steg-bridge/steg/integration/harness"
)

// Kind is a homeserver software.
type Kind string

// The homeservers.
const (
	Dendrite Kind = "dendrite"
	Synapse  Kind = "synapse"
)

// Kinds lists all homeservers.
func Kinds() []Kind { return []Kind{Dendrite, Synapse} }

// Options says what a world is made of. The zero value is a whole small world
// of its own on Dendrite, in a temporary folder.
type Options struct {
	Dir        string // made when missing; "" is a temporary folder that Close removes
	Homeserver Kind   // "" is Dendrite
	ServerName string // "" is school.test
	Binary     string // the program under test; "" builds it

	// Postgres and Mattermost are servers shared with other worlds, which then
	// differ in their team. A nil one is started for this world.
	Postgres   *harness.Postgres
	Mattermost *harness.Mattermost

	// NoNameOverride starts the world's own Mattermost with its switches for other
	// names and pictures off, as a fresh Mattermost has them.
	NoNameOverride bool

	Team     string // name of the team, and part of all account names; "" is gym
	Channels int    // further public channels, channel-001 …

	Portals  []Portal // written into the configuration
	Database Database // Steg's own; "" is SQLite
	Proxied  bool     // put proxies between Steg and its peers
	// Puppets gives Matrix people accounts of their own on Mattermost, and lets them
	// have direct chats.
	Puppets bool
	// DoublePuppets lets people's posts appear as their own Matrix accounts.
	DoublePuppets bool
	Beside        bool // show on Matrix what has crossed, and who is online
	PublicURL     bool // lend pictures of Matrix people to Mattermost
	// Edit changes the text of the configuration before anything uses it.
	Edit func(config string) string

	// Say is told of every step, for people; nil tells nobody.
	Say func(line string)
}

// Database is where Steg keeps its data.
type Database string

// The databases.
const (
	SQLite     Database = "sqlite"
	PostgreSQL Database = "postgresql"
)

// Portal is a portal in the configuration. Empty fields are left out.
type Portal struct {
	Bridge  string // "" is mm
	Chat    string
	Room    string
	Mode    string
	Members []string
}
