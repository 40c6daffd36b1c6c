package engine

import (
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// School is a tenant: it owns portals, policy and admins.
type School struct {
	ID       bridge.SchoolID
	Name     string
	Language string // "de", "en": the language of notices
	Admins   []id.UserID
	Portals  []PortalSpec
	// Direct lets its people on both sides write to each other, where Matrix people
	// have accounts of their own.
	Direct bool
	// Spaces makes a Matrix space of each space of a network that the school has chats
	// of. Without, every local user may join the rooms of all chats that are not private.
	Spaces bool
	// ReadMarks lets the bot mark as read, on Matrix, what has reached the network.
	ReadMarks bool
	// Presence shows on Matrix who of the networks' people is online.
	Presence bool
}

// PortalSpec is a portal as the configuration states it.
type PortalSpec struct {
	Bridge bridge.ID
	Chat   string     // the operator's name for the chat; * in the last segment = all matching public chats
	Room   string     // existing room to link ("#alias:server" or "!id"); "" = make one
	Mode   store.Mode // "" = announce, and commands may change it
	// Members are the Matrix users entitled in the room of a private chat: IDs or
	// patterns with one * ("@*:server"). School admins always are.
	Members []string
}

// BridgeSpec is one configured network.
type BridgeSpec struct {
	ID     bridge.ID
	Kind   string // for people and m.bridge: "mattermost"
	Name   string // for people: "Mattermost"
	Bridge bridge.Bridge
	Login  bridge.Login
}

// Limits bound what the engine does by itself.
type Limits struct {
	// LoopPerMinute pauses a portal when more than so many fresh messages cross it
	// in each direction within a minute. 0 = off.
	LoopPerMinute int
	// MaxHops is how often a text may cross Stegs before it is dropped.
	MaxHops int
	// TargetWait is how long an edit, reply or removal waits for a target that is
	// not known yet.
	TargetWait time.Duration
	// SummaryPause is how long reactions are gathered before a summary tells who
	// holds them.
	SummaryPause time.Duration
	// PinsPause is how long changes of pins are gathered before both sides are
	// compared.
	PinsPause time.Duration
	// ReadMarkPause is how long messages that have crossed are gathered before their
	// rooms are marked as read, and the least time between two marks in a room.
	ReadMarkPause time.Duration
	// PresenceEvery is how often networks are asked who is there, PresenceRepeat how
	// often the homeserver is told again of who is, and PresenceRest the least rest
	// between two requests to it.
	PresenceEvery, PresenceRepeat, PresenceRest time.Duration
	// MembersShown is how many people a chat may have for all of them to be shown in
	// its room. In a larger one those are who have written. 0 = in every one.
	MembersShown int
	// MemberPause is the least rest between two ghosts that join or leave. They rest
	// as long as each took anyway.
	MemberPause time.Duration
	// UnknownAttempts is how often a step with an unknown error is tried.
	UnknownAttempts int
}

// DefaultLimits are the limits used where the configuration names none.
func DefaultLimits() Limits {
	return Limits{
		LoopPerMinute: 600, MaxHops: 3, TargetWait: 20 * time.Second, UnknownAttempts: 8,
		SummaryPause: 5 * time.Second, PinsPause: time.Second, ReadMarkPause: time.Second, MembersShown: 1000, MemberPause: 10 * time.Millisecond,
		PresenceEvery: time.Minute, PresenceRepeat: 20 * time.Second, PresenceRest: 50 * time.Millisecond,
	}
}
