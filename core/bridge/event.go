package bridge

import (
	"time"

	"maunium.net/go/mautrix/event"
)

// Event is something that happened on the network. It is a closed set: Message,
// Edit, Removal, Reactions, ChatChange, ChatGone, Members, UserChange.
//
//sumtype:decl
type Event interface {
	// Head returns the part that all events share; the core may change it.
	Head() *Meta
	sealed()
}

// Meta is the part that all events share.
type Meta struct {
	Chat   ChatID    `json:"chat"`             // empty only in a UserChange
	Sender UserID    `json:"sender,omitempty"` // who did it; "" when the network does not tell
	Time   time.Time `json:"time"`             // when, by the network's clock
	// Key identifies the event for de-duplication: the same event seen live and
	// in a catch-up has the same key. A later edit of the same message has another.
	Key Key `json:"key"`
	// Cursor, when set, is stored with the event: everything up to and including
	// this event has been delivered.
	Cursor Cursor `json:"cursor,omitempty"`
	// Echo is the [Outgoing.Key] when this event is our own send coming back. The
	// core stores no echo.
	Echo Key `json:"echo,omitempty"`
}

// Message is a new message. Text, or text with one file, is one Matrix event; of
// several files each is an event of its own.
type Message struct {
	Meta
	ID      MessageID                  `json:"id"`
	Content *event.MessageEventContent `json:"content"`         // the text, without relations; its body may be empty when there are files
	Files   []File                     `json:"files,omitempty"` // in the order that people see
	ReplyTo MessageID                  `json:"reply_to,omitempty"`
	Thread  MessageID                  `json:"thread,omitempty"` // the root of its thread
	// Mentions are the network's people mentioned in the message; the core turns
	// those with a ghost into m.mentions, and takes nobody from Content.
	Mentions []UserID `json:"mentions,omitempty"`
	// MentionsAll says that the message alerts everybody in the chat, and that the
	// network lets its author do so. Only then "@room" may stand in Content. It must
	// not rest on what anybody can claim.
	MentionsAll bool `json:"mentions_all,omitempty"`
	// Program says that a program wrote it with a person's account, as far as the
	// network tells: it is never shown as that person's own Matrix account.
	Program bool `json:"program,omitempty"`
	// Hop counts how often the text has crossed a Steg already (see [Outgoing]).
	Hop int `json:"hop,omitempty"`
}

// Edit replaces the content of a message.
type Edit struct {
	Meta
	Target  MessageID                  `json:"target"`
	Content *event.MessageEventContent `json:"content"`
	// Files are all files that the message has now; empty but not nil when none is
	// left, nil when the network does not tell.
	Files    []File   `json:"files"`
	Mentions []UserID `json:"mentions,omitempty"`
}

// Removal deletes a message.
type Removal struct {
	Meta
	Target MessageID `json:"target"`
	// Cascade says that the network removed the replies of a thread's root along
	// with it without naming them; the core removes them too.
	Cascade bool `json:"cascade,omitempty"`
}

// ChatChange tells a chat's present name, topic and openness.
type ChatChange struct {
	Meta
	Info ChatInfo `json:"info"`
}

// ChatGone tells that a chat was archived or deleted, or that the login lost
// access to it. Reason is shown to operators.
type ChatGone struct {
	Meta
	Reason string `json:"reason"`
}

// UserChange tells a person's present name and picture, and whether the account is
// closed. It belongs to no chat.
type UserChange struct {
	Meta
	Info UserInfo `json:"info"`
}

// Head implements [Event].
func (m *Meta) Head() *Meta { return m }

// Each event is sealed by itself: with a method of Meta, Meta would be one, too.

func (*Message) sealed()    {}
func (*Edit) sealed()       {}
func (*Removal) sealed()    {}
func (*ChatChange) sealed() {}
func (*ChatGone) sealed()   {}
func (*UserChange) sealed() {}

var (
	_ Event = (*Message)(nil)
	_ Event = (*Edit)(nil)
	_ Event = (*Removal)(nil)
	_ Event = (*ChatChange)(nil)
	_ Event = (*ChatGone)(nil)
	_ Event = (*UserChange)(nil)
)
