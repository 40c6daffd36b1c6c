package bridge

import (
	"context"
	"time"
)

// Reactions tells which reactions a message has now. It is a state and no change,
// so that one that is told twice, or after others were missed, is right. When the
// sender is set, it tells of this person's only, else of everybody's.
type Reactions struct {
	Meta
	Target MessageID `json:"target"`
	// Present are the reactions of people of the network. What Send and React did
	// for Matrix people is left out.
	Present []Reaction `json:"present"`
}

// Reaction is one person's reaction to a message.
type Reaction struct {
	User UserID `json:"user"`
	// Emoji is Unicode text, or the name of a custom emoji in colons (":party:").
	Emoji string    `json:"emoji"`
	Time  time.Time `json:"time"` // when, by the network's clock
}

func (*Reactions) sealed() {}

var _ Event = (*Reactions)(nil)

// Reactor sets a Matrix person's reaction to a message, or takes it back. Setting
// what is there and taking back what is not succeed. An emoji that the network
// does not know is [ErrUnsupported]; one too many on the message [ErrTooLarge];
// a message that is gone [ErrNotFound].
type Reactor interface {
	React(ctx context.Context, m *OutgoingReaction) error
}

// OutgoingReaction is a reaction on its way to the network.
type OutgoingReaction struct {
	Key    Key
	Chat   ChatID
	Target MessageID
	Author Author
	Emoji  string // as in [Reaction]
	// Removed takes the reaction back.
	Removed bool
}
