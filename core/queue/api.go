package queue

import (
	"context"
	"time"

	"github.com/steg-bridge/steg/core/store"
)

// Handler does the work of a lane step.
type Handler interface {
	// Step handles one item. It may block for as long as the network takes (ctx
	// ends when the queue stops). It must not panic; a panic is recovered, counted
	// and parks the item.
	Step(ctx context.Context, it store.Item, a Attempt) Outcome
}

// Attempt tells a handler what happened before.
type Attempt struct {
	N int // attempts before this one that this process knows of
	// Uncertain says that an earlier attempt, of this or of an earlier process, may
	// have had its effect: look before doing it again.
	Uncertain bool
}

// Outcome is how a step ended. Exactly one of Done, Retry, Hold and Defer is set.
type Outcome struct {
	Done  *store.Done
	Retry *Retry
	// Hold keeps the lane still, without attempts, until [Queue.Wake] (or a minute
	// passed): a paused portal, a login that a human must repair. Shown by status.
	Hold string
	// Defer puts the item at the end of its lane, for a later look.
	Defer *Defer
}

// Retry asks for another attempt of the same item.
type Retry struct {
	Err   error         // no content, no names: it is stored and shown
	After time.Duration // not before; 0 = the lane's back-off
	// Shared says that everything behind the same breaker (see [Options.Breaker])
	// is affected.
	Shared bool
}

// Defer moves an item behind everything that waits in its lane now, durably, and
// not before After: an edit or removal whose target is not known yet must not
// stop the lane, which may hold the target further back.
type Defer struct {
	After time.Duration
}
