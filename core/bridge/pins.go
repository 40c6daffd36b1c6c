package bridge

import "context"

// Pinner reads and changes which messages of a chat are pinned for everybody. Pins
// are a state that two sides share and never touch the queue: a client that hears
// of a change calls [Sink.PinsChanged], and the core compares.
type Pinner interface {
	// Pinned lists all pinned messages, in the network's order.
	Pinned(ctx context.Context, chat ChatID) ([]MessageID, error)
	// Pin pins a message or takes the pin away. What is so already succeeds; a
	// message that is gone is [ErrNotFound].
	Pin(ctx context.Context, chat ChatID, id MessageID, on bool) error
}
