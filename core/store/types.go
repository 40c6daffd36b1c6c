package store

import (
	"errors"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// ErrNoRow says that the row asked for does not exist.
var ErrNoRow = errors.New("no such row")

// Dir is the direction of a lane.
type Dir string

// The directions.
const (
	DirIn      Dir = "in"  // network to Matrix
	DirOut     Dir = "out" // Matrix to network
	DirControl Dir = "ctl" // the bot's own rooms: commands, invites, memberships
)

// LaneKey names a lane: the ordered work of one portal in one direction. The
// control lane has portal 0 and bridge "".
type LaneKey struct {
	School bridge.SchoolID `db:"school"`
	Bridge bridge.ID       `db:"bridge"`
	Portal int64           `db:"portal"`
	Dir    Dir             `db:"dir"`
}

// Entry is something to accept into a lane. The same (lane, Key) is accepted
// once for ever: a repeat is ignored, whether it still waits or is long done.
type Entry struct {
	Lane    LaneKey
	Key     bridge.Key
	Kind    string // what Payload is; opaque here
	Payload []byte
}

// Intake is what one call of accept commits together.
type Intake struct {
	Came    time.Time // when this process got it; for measurements only
	Entries []Entry
	Cursors []CursorMove
	// SyncToken, when not nil, becomes the stored position of the bot's /sync.
	SyncToken *string
}

// CursorMove stores a bridge's position in a chat.
type CursorMove struct {
	School bridge.SchoolID
	Bridge bridge.ID
	Chat   bridge.ChatID
	Cursor bridge.Cursor
}

// Item is an accepted entry that is not done yet.
type Item struct {
	LaneKey
	Seq      int64      `db:"seq"` // order within the lane
	Key      bridge.Key `db:"item_key"`
	Kind     string     `db:"kind"`
	Payload  []byte     `db:"payload"`
	Accepted time.Time  `db:"-"`
	// Came is when this process got it; zero when it was read from the database.
	Came time.Time `db:"-"`
	// NotBefore is set on a deferred item; the items behind it need not wait.
	NotBefore time.Time `db:"-"`
	// Uncertain says that an earlier attempt may have had its effect.
	Uncertain bool `db:"uncertain"`
}

// Verdict is how an item ended.
type Verdict string

// The verdicts. Received = delivered + dropped + dead + pending, always.
const (
	Delivered Verdict = "delivered"
	Dropped   Verdict = "dropped" // by a policy, named in the reason
	Dead      Verdict = "dead"    // kept with its content, for replay or discard
)

// Done is the end of one item, with everything that must be true when it is.
type Done struct {
	Item    Item // LaneKey, Seq and Key are used
	Verdict Verdict
	Reason  string // the policy (Dropped) or why (Dead); no content
	Links   []Link // message map rows to add
	Removed []Link // message map rows to mark removed (Portal, Dir and Key are used)

	Unreacted []Reaction // reactions to forget
	Reacted   []Reaction // reactions to add, after those are forgotten
}

// LinkKind tells what a message map row stands for.
type LinkKind string

// The kinds of message map rows.
const (
	LinkMessage LinkKind = "message"
	LinkOther   LinkKind = "other" // edits, removals: kept so that a repeat is known
)

// Link is a row of the message map: a remote message and its Matrix event. A
// message with files has several: the first has the item's key, the key of every
// other is the item's, a blank and what names the part, which is no item's key.
type Link struct {
	School bridge.SchoolID  `db:"school"`
	Bridge bridge.ID        `db:"bridge"`
	Portal int64            `db:"portal"`
	Dir    Dir              `db:"dir"` // where the message came from: in = network
	Key    bridge.Key       `db:"item_key"`
	Kind   LinkKind         `db:"kind"`
	Room   id.RoomID        `db:"room"`
	Event  id.EventID       `db:"event_id"`
	Remote bridge.MessageID `db:"remote_id"`
	Sender id.UserID        `db:"sender"` // the Matrix sender: ghost or person
	// Roots of the thread that the message belongs to, "" when none.
	RootEvent  id.EventID       `db:"root_event"`
	RootRemote bridge.MessageID `db:"root_remote"`
	At         time.Time        `db:"-"`
	Removed    bool             `db:"removed"`
	// File tells which file of a remote message this part of it is; "" for its text.
	File bridge.FileID `db:"file"`
	// Puppet is whose account spoke on the network, of dir out; "" = the bridge's own.
	Puppet bridge.UserID `db:"puppet"`
}

// LaneState is what status shows of a lane.
type LaneState struct {
	LaneKey
	Received  int64     `db:"received"`
	Delivered int64     `db:"delivered"`
	Dropped   int64     `db:"dropped"`
	Dead      int64     `db:"dead"`
	Attempts  int       `db:"attempts"` // of the oldest item
	LastError string    `db:"last_error"`
	Oldest    time.Time `db:"-"` // when the oldest pending item was accepted; zero when none
	NextAt    time.Time `db:"-"` // when it is tried again; zero = now
}

// Pending counts what is neither delivered, dropped nor dead.
func (l LaneState) Pending() int64 { return l.Received - l.Delivered - l.Dropped - l.Dead }

// Account is the sum of lanes.
type Account struct{ Received, Delivered, Dropped, Dead, Pending int64 }

// DeadLetter is an item that can never cross, waiting for a human.
type DeadLetter struct {
	Item
	Reason string    `db:"reason"`
	DeadAt time.Time `db:"-"`
	Number int64     `db:"number"` // how people name it; unique
}

// Mode is what may cross a portal.
type Mode string

// The modes.
const (
	ModeOff      Mode = "off"
	ModeAnnounce Mode = "announce" // network to Matrix only
	ModeBoth     Mode = "both"
	ModeInbox    Mode = "inbox" // Matrix to network only
)

// Portal is a Matrix room joined to one remote chat.
type Portal struct {
	ID      int64           `db:"id"` // for logs and lanes; never reused
	School  bridge.SchoolID `db:"school"`
	Bridge  bridge.ID       `db:"bridge"`
	Chat    bridge.ChatID   `db:"chat"`
	Ref     string          `db:"ref"`  // the operator's name for the chat
	Slug    string          `db:"slug"` // local part of the alias
	Name    string          `db:"name"`
	Topic   string          `db:"topic"`
	Private bool            `db:"private"`
	Room    id.RoomID       `db:"room"`     // "" until made
	OwnRoom bool            `db:"own_room"` // made by us; false = an existing room was linked
	Mode    Mode            `db:"mode"`
	Applied Mode            `db:"applied"` // the mode that the room's power levels show; "" = none yet
	// ModeFixed says that the configuration names the mode; commands may not change it.
	ModeFixed bool          `db:"mode_fixed"`
	Origin    string        `db:"origin"`  // "config", "pattern" or "command"
	Paused    string        `db:"paused"`  // why nothing crosses now; "" = not paused
	Members   string        `db:"members"` // Matrix IDs and patterns entitled in a private chat, space-separated
	Follows   bool          `db:"follows"` // the login receives the chat's events
	Cursor    bridge.Cursor `db:"cursor_pos"`
	// Reader is the puppet whose account reads a direct chat; "" = the bridge's own.
	Reader bridge.UserID `db:"reader"`
	// Space is what the chat belongs to on its network; "" = nothing that we know of.
	Space bridge.SpaceID `db:"space"`
	// Placed says what the room was last made to be: who may join, and its Matrix
	// space. Only for rooms of ours; "" = it was not looked at yet.
	Placed string `db:"placed"`
}

// Space is what holds chats together on a network, like a team, for one school.
type Space struct {
	ID      int64           `db:"id"`
	School  bridge.SchoolID `db:"school"`
	Bridge  bridge.ID       `db:"bridge"`
	Space   bridge.SpaceID  `db:"space"`
	Slug    string          `db:"slug"` // part of the alias; never changes
	Name    string          `db:"name"`
	Topic   string          `db:"topic"`
	Open    bool            `db:"open"`    // every account of the network may enter it
	Room    id.RoomID       `db:"room"`    // the Matrix space; "" until made
	Applied string          `db:"applied"` // what the Matrix space was last made to show
}

// Direct reports whether a portal is a chat of few people that nobody linked.
func (p *Portal) Direct() bool { return p.Reader != "" }

// Ghost is what we know of a remote person.
type Ghost struct {
	School    bridge.SchoolID `db:"school"`
	Bridge    bridge.ID       `db:"bridge"`
	User      bridge.UserID   `db:"remote_user"`
	MXID      id.UserID       `db:"mxid"`
	Name      string          `db:"name"`       // as last set on Matrix
	AvatarKey string          `db:"avatar_key"` // as last set on Matrix
	Bot       bool            `db:"bot"`
}

// Puppet is a Matrix person's account on a network. It belongs to no school: a
// person has one on each bridge.
type Puppet struct {
	Bridge    bridge.ID      `db:"bridge"`
	MXID      id.UserID      `db:"mxid"`
	User      bridge.UserID  `db:"remote_user"`
	Login     bridge.LoginID `db:"login"`
	Secret    string         `db:"secret"`     // sealed by the bridge
	Name      string         `db:"name"`       // as last set there
	AvatarKey string         `db:"avatar_key"` // as last set there
}

// LoginState is the last reported state of a bridge's login.
type LoginState struct {
	Bridge bridge.ID        `db:"bridge"`
	Login  bridge.LoginID   `db:"login"`
	State  bridge.ConnState `db:"state"`
	Cause  string           `db:"cause"`
	Since  time.Time        `db:"-"`
}
