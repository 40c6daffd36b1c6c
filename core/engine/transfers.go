package engine

import (
	"errors"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// transfers bounds how many files are copied at once, so that long ones cannot
// take all of the queue's workers, and counts failures that belong to one file.
type transfers struct {
	mu     sync.Mutex
	active int
	failed map[attempted]int
}

const (
	maxTransfers = 32
	// transferPause is how long a file waits for others.
	transferPause = time.Second
)

// busy says that all places are taken.
func busy() error {
	return &bridge.TemporaryError{Err: errors.New("other files are being copied"), After: transferPause, Unsent: true}
}

func newTransfers() *transfers { return &transfers{failed: map[attempted]int{}} }

// begin takes a place, if one is free; end gives it back.
func (t *transfers) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active >= maxTransfers {
		return false
	}
	t.active++
	return true
}

func (t *transfers) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
}

// note counts a failure of an item's file. What is forgotten is tried more often.
func (t *transfers) note(it store.Item) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failed) >= cleanSize {
		clear(t.failed)
	}
	k := attempted{it.LaneKey, it.Seq}
	t.failed[k]++
	return t.failed[k]
}

func (t *transfers) forget(it store.Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failed, attempted{it.LaneKey, it.Seq})
}

// fileFailed decides about a file whose copying failed: why it never can cross,
// or the error to try again after, of which nothing has landed. A server that is
// away is waited for; a file that fails again and again while its server answers,
// which alive asks, is given up: the messages behind it must go on.
func (e *Engine) fileFailed(it store.Item, err error, alive func() error) (why string, again error) {
	class := bridge.Classify(err)
	if errors.Is(err, errLength) || class == bridge.ClassPermanent {
		e.transfers.forget(it)
		return fileWhy(err), nil
	}
	t, temporary := errors.AsType[*bridge.TemporaryError](err)
	if class != bridge.ClassLoggedOut && (!temporary || t.After == 0) && e.transfers.note(it) >= e.opts.Limits.UnknownAttempts {
		e.transfers.forget(it) // while the server is away the failures are its own
		if alive() == nil {
			return fileRejected, nil
		}
	}
	return "", alone(err)
}

// alone makes an error one of this item only: the other side of a copy is behind
// another breaker than the lane's. Copying sends nothing.
func alone(err error) error {
	out := &bridge.TemporaryError{Err: err, Unsent: true}
	if t, ok := errors.AsType[*bridge.TemporaryError](err); ok {
		out.After = t.After
	}
	return out
}
