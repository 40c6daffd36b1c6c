package bridge

import (
	"context"
	"time"
)

// Typing tells that somebody on the network is about to write. It is no [Event]:
// it is worth nothing a moment later, so nobody stores it, and what is slow drops
// it.
type Typing struct {
	Chat   ChatID
	Sender UserID
	// For is how long it is shown unless it is told again; 0 = has stopped.
	For time.Duration
}

// TypingEvery is how often the core repeats that somebody is still writing.
const TypingEvery = 4 * time.Second

// Typist shows on the network that a Matrix person is about to write, or has
// stopped. The core repeats it every [TypingEvery] while it lasts, and drops what
// fails: one call, no retries, no waiting.
type Typist interface {
	Typing(ctx context.Context, chat ChatID, who Author, on bool) error
}
