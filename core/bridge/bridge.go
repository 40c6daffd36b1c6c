package bridge

import (
	"context"
	"io"
	"time"
)

// Bridge is one configured network. Its methods do no I/O.
type Bridge interface {
	// Capabilities tells facts: limits, markup, what the network can do.
	Capabilities() Capabilities
	// Open makes the client of one login. It fails only on bad configuration.
	Open(login Login) (Client, error)
}

// Login is one account on the network.
type Login struct {
	ID LoginID
	// Secret lets a puppet in, see [Puppeteer]; "" is the account that the
	// configuration names. Nobody but the bridge can read it.
	Secret string
}

// Client is one account on the network. All methods but Run may be called at
// any time, also while Run is not running, and from many goroutines.
type Client interface {
	// Run holds one connection: dial, catch up, read until it breaks. It blocks,
	// reports its state to sink, and waits for its children before it returns.
	// It returns nil when ctx ends, otherwise why the connection ended. The
	// supervisor calls it again, after a pause, unless the error is
	// [ErrLoggedOut].
	Run(ctx context.Context, sink Sink) error
	// Send delivers one message. It is idempotent by m.Key: a repeat returns the
	// receipt of the message that is already there. One call, no retries.
	Send(ctx context.Context, m *Outgoing) (Receipt, error)
	// Chat reads a chat. [ErrNotFound] when it does not exist for this login.
	Chat(ctx context.Context, id ChatID) (*ChatInfo, error)
	// User reads a person. [ErrNotFound] when unknown.
	User(ctx context.Context, id UserID) (*UserInfo, error)
}

// Sink is what the core gives to a running client.
type Sink interface {
	// Deliver stores the events, and the cursor that the last event of each chat
	// carries, in one transaction and returns after its commit. Events of chats
	// that are not linked, and echoes, only move the cursor. Events keep their
	// order within a chat. Blocking is the back-pressure. An error means that
	// nothing of the call is stored: end Run with it.
	Deliver(ctx context.Context, evs ...Event) error
	// Followed lists the linked chats of this bridge with the stored cursors.
	Followed(ctx context.Context) ([]Followed, error)
	// Mapped lists the remote messages of a chat, of both directions, that the
	// core knows, has not seen removed, and that are not older than since. A
	// catch-up that finds one missing reports a [Removal].
	Mapped(ctx context.Context, chat ChatID, since time.Time) ([]MessageID, error)
	// Direct tells of a chat that a puppet is in and nobody linked, so that the core
	// may follow it: then it is among those of Followed. Telling it again is harmless.
	Direct(ctx context.Context, d Direct) (followed bool, err error)
	// Typing takes what is never stored: it returns at once, and drops what would
	// have to wait.
	Typing(t Typing)
	// PinsChanged tells that other messages of a chat may be pinned now, also that
	// some may have been while nobody listened. It returns at once and stores nothing.
	PinsChanged(chat ChatID)
	// SpaceChanged tells that a space may be another now ([Spacer]). It returns at
	// once and stores nothing.
	SpaceChanged(space SpaceID)
	// State reports the connection's state; cause may be nil.
	State(ctx context.Context, s ConnState, cause error)
}

// Followed is a linked chat and the last committed cursor ("" = none yet).
type Followed struct {
	Chat   ChatID
	Cursor Cursor
}

// ConnState is the state of a login's connection.
type ConnState string

// The states of a connection, as shown by status.
const (
	StateConnecting ConnState = "connecting"
	StateCatchingUp ConnState = "catching-up"
	StateConnected  ConnState = "connected"
	StateBroken     ConnState = "broken"     // temporary; the supervisor tries again
	StateLoggedOut  ConnState = "logged-out" // a human must act
)

// ChatInfo is what a network tells about a chat.
type ChatInfo struct {
	ID    ChatID
	Ref   string // the operator's name for it ("team/channel"), may change
	Slug  string // for the room alias: lower case [a-z0-9._-], at most 100 bytes
	Name  string // as people see it
	Topic string
	// Private says that only its members may read it. In any other, those may who may
	// be in its space: every account of the network if that is open, or if it has none.
	Private bool
	Space   SpaceID // what the chat belongs to; "" = nothing
	Gone    bool    // archived or deleted, or its space was: nothing can be sent
}

// UserInfo is what a network tells about a person.
type UserInfo struct {
	ID   UserID
	Name string // as people see it, not cleaned
	// AvatarKey changes when the picture does; "" means no picture.
	AvatarKey string
	Bot       bool
	Gone      bool // the account is closed: nobody writes with it
}

// Receipt is what the network answered to a send.
type Receipt struct {
	ID   MessageID
	Time time.Time // the network's time of the message, if told
	// Files are those that the message has now; fewer than were sent says that the
	// network dropped some.
	Files []FileID
}

// The optional powers of a Client, one method each.

// Editor changes a message that Send delivered. Idempotent: the same edit twice
// is one edit. [ErrNotFound] when the target is gone.
type Editor interface {
	Edit(ctx context.Context, m *OutgoingEdit) error
}

// Remover deletes a message. Removing what is already gone succeeds.
type Remover interface {
	Remove(ctx context.Context, m *OutgoingRemoval) error
}

// Resolver finds chats by the operator's words. ref may hold the wildcard * in
// its last segment; then only chats that everybody on the network may read are
// listed. No match: [ErrNotFound] for a plain ref, an empty list for a pattern.
type Resolver interface {
	Resolve(ctx context.Context, ref string) ([]ChatInfo, error)
}

// Follower makes a chat's events reach this login (joins it where need be) and
// returns the cursor that means "from now on". Called once when a chat is
// linked. [ErrForbidden] with a text that says who must let the login in.
type Follower interface {
	Follow(ctx context.Context, chat ChatID) (Cursor, error)
}

// AvatarOpener streams a person's picture. The caller closes it.
type AvatarOpener interface {
	OpenAvatar(ctx context.Context, id UserID) (body io.ReadCloser, mimeType string, err error)
}

// Checker probes the network for what this login needs: reachability, token,
// rights, server switches. It returns a finding for each thing looked at.
type Checker interface {
	Check(ctx context.Context) []Finding
}

// Finding is one line of a check.
type Finding struct {
	Level Level
	What  string // what was looked at and found
	Fix   string // exactly what to change; "" when Level is LevelOK
}

// Level grades a finding.
type Level string

// The levels of a finding.
const (
	LevelOK   Level = "ok"
	LevelWarn Level = "warn" // works, with less
	LevelFail Level = "fail" // does not work until changed
)
