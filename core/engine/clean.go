package engine

import (
	"errors"
	"sync"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// clean remembers items whose attempts so far certainly had no effect: they
// waited for something, or no connection came about. The next attempt need not
// look first, which matters after an outage: for some minutes a look that finds
// nothing proves nothing with some homeservers. What is forgotten counts as
// uncertain, so the memory may be bounded and ends with the process.
type clean struct {
	mu    sync.Mutex
	after map[attempted]int // attempts so far
}

type attempted struct {
	lane store.LaneKey
	seq  int64
}

const cleanSize = 20_000

func newClean() *clean { return &clean{after: map[attempted]int{}} }

// is reports whether all n attempts at an item had no effect.
func (c *clean) is(it store.Item, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	attempts, ok := c.after[attempted{it.LaneKey, it.Seq}]
	return ok && n > 0 && attempts == n
}

// note takes down how an attempt ended.
func (c *clean) note(it store.Item, a queue.Attempt, out *queue.Outcome) {
	if out.Hold != "" {
		return // no attempt was made
	}
	landed := false
	if out.Retry != nil {
		if e, ok := out.Retry.Err.(*landedError); ok { //nolint:errorlint // never wrapped
			out.Retry.Err, landed = e.error, true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if out.Retry == nil || landed || a.Uncertain {
		delete(c.after, attempted{it.LaneKey, it.Seq})
		return
	}
	if len(c.after) >= cleanSize {
		clear(c.after)
	}
	c.after[attempted{it.LaneKey, it.Seq}] = a.N + 1
}

// landedError marks the error of an attempt that may have had its effect, on its
// way to note.
type landedError struct{ error }

// mayHaveLanded marks the error of a send, unless it says itself that nothing was
// sent.
func mayHaveLanded(err error) error {
	if t, ok := errors.AsType[*bridge.TemporaryError](err); ok && t.Unsent {
		return err
	}
	return &landedError{err}
}

// Unwrap lets the marked error be recognised.
func (e *landedError) Unwrap() error { return e.error }
