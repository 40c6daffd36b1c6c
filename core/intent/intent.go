// Package intent is the vocabulary between the engine and the Matrix side: what
// to do on the homeserver, as whom, and what came from there. It is data only,
// so that the engine can be tested without a homeserver and core/matrix without
// an engine. "Intent" is the field's word for acting as a certain Matrix user.
//
// Errors of the Matrix side speak core/bridge's language: a TemporaryError for
// what may pass later (Shared when the whole homeserver is concerned), the
// permanent errors for what never will.
package intent

import (
	"encoding/json"
	"io"
	"time"

	"maunium.net/go/mautrix/id"
)

// MarkerKey is the content key under which every event that we send carries its
// [Marker]: only our own appservice can send as our ghosts, so on an event of a
// ghost the marker can be trusted.
const MarkerKey = "org.steg-bridge.marker"

// Marker says where an event of ours came from.
type Marker struct {
	ID     string `json:"id"`               // unique per source event; found again by Find
	Portal int64  `json:"portal,omitempty"` // the portal it came through
	Hop    int    `json:"hop,omitempty"`    // how often the text crossed a Steg before
	// Item is the key of the inbound item, on events sent as a person's own account
	// alone. There the marker proves nothing: the person's programs may copy it.
	Item string `json:"item,omitempty"`
}

// Send is an event to send.
type Send struct {
	Room id.RoomID
	As   id.UserID // a ghost, the bot, or a person who has let us
	Type string    // "m.room.message"
	// Content is marshalled to a JSON object; Marker is put into it.
	Content any
	Marker  Marker
	// TxnID must be unique over the whole appservice: homeservers share the key
	// between all ghosts. [A-Za-z0-9._-] only.
	TxnID string
	Time  time.Time // origin time by ?ts=; zero = now
}

// Redact is a redaction to send.
type Redact struct {
	Room   id.RoomID
	As     id.UserID
	Target id.EventID
	TxnID  string
	Reason string
}

// Room is a room to make.
type Room struct {
	// AliasLocal is the local part of its alias, the idempotency key: when the
	// alias exists already its room is returned instead.
	AliasLocal string
	Name       string
	Topic      string
	Space      bool  // it is a Matrix space
	Private    bool  // history from joining on, and only the bot invites
	Direct     bool  // for a few people: clients show it as such; history from the invitation on
	Place      Place // without a rule: a private one is for the invited, any other for all
	Invite     []id.UserID
	Levels     Levels
	Bridge     BridgeInfo
}

// Levels are the power levels that make a mode visible.
type Levels struct {
	// WriteLocked: only those with level 50 or more may write (announce, off).
	WriteLocked bool
	// Speakers get level 50 in a write-locked room: ghosts that must write, and staff.
	Speakers []id.UserID
	// Keep lets ghosts that may write already go on; otherwise those who are not
	// among Speakers lose their level.
	Keep bool
	// Moderators get level 50: they may pin, remove messages, and kick.
	Moderators []id.UserID
	// Admins get level 100, as the bot does.
	Admins []id.UserID
}

// BridgeInfo is shown by clients as the room's bridge (MSC2346, m.bridge).
type BridgeInfo struct {
	StateKey    string // unique per portal
	Protocol    string // kind of bridge
	ProtocolTxt string // its name for people
	Network     string // the bridge's ID
	Channel     string // the chat's ID
	ChannelName string
}

// Source tells how an event reached us.
type Source string

// The sources.
const (
	SourcePush Source = "push" // a transaction of the homeserver
	SourceSync Source = "sync" // the bot's own /sync
)

// Event is an event from the homeserver, not interpreted.
type Event struct {
	ID       id.EventID
	Room     id.RoomID
	Type     string
	Sender   id.UserID
	StateKey *string
	Source   Source
	Raw      json.RawMessage // the whole event
}

// Profile is a Matrix user's name and picture.
type Profile struct {
	Name   string
	Avatar string // mxc URL
}

// Upload is a file to store on the homeserver.
type Upload struct {
	As   id.UserID // a ghost or the bot
	Type string    // MIME type under which it will be served
	Body io.Reader // read once; a Closer is closed when the transfer is given up
	Size int64     // bytes, exactly; -1 when unknown, which some homeservers refuse
}
