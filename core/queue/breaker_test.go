package queue_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

var errSick = errors.New("bad gateway")

// sick is a step that fails, as if everything were down, for the lanes below n.
func sick(n *atomic.Int64) stepFunc {
	return func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		if it.Portal < n.Load() {
			return queue.Outcome{Retry: &queue.Retry{Err: errSick, Shared: true}}
		}
		return delivered(it)
	}
}

// oneSick starts a queue in which nobody could wait for a pause, with one sick lane
// behind the breaker; below mends it.
func oneSick(t *testing.T) (r *rig, below *atomic.Int64) {
	t.Helper()
	below = new(atomic.Int64)
	below.Store(1)
	r = start(t, storetest.SQLite(t).Open(t), sick(below), pauses(time.Hour))
	r.accept(entry(outLane(0), 0))
	until(t, "the breaker opens", func() bool { return r.q.Stats().Tripped == 1 })
	return r, below
}

func pauses(d time.Duration) func(*queue.Options) {
	return func(o *queue.Options) { o.BackoffMin, o.BackoffMax = d, d }
}

// One lane whose trouble looks like that of all holds up nobody, from the first
// moment on.
func TestSickLaneHoldsUpNobody(t *testing.T) {
	t.Parallel()
	r, below := oneSick(t)
	const lanes = 20
	for p := range int64(lanes) {
		r.accept(entry(outLane(p+1), 0), entry(outLane(p+1), 1))
		r.account(store.Account{Received: 3 + 2*p, Delivered: 2 + 2*p, Pending: 1})
	}
	for range 3 { // it fails again, and has been found out
		before := r.q.Stats().Retries
		r.q.Wake(func(k store.LaneKey) bool { return k.Portal == 0 })
		until(t, "one more attempt", func() bool { return r.q.Stats().Retries > before && r.q.Stats().Waiting == 1 })
		if s := r.q.Stats(); s.Breakers != 0 {
			t.Errorf("the breaker opened again: %+v", s)
		}
	}
	before := r.q.Stats().Retries
	r.q.Recovered() // nothing new for a lane that fails alone
	if s := r.q.Stats(); s.Waiting != 1 || s.Retries != before {
		t.Errorf("it was tried: %+v", s)
	}
	below.Store(0)
	r.q.Wake(func(store.LaneKey) bool { return true })
	r.account(store.Account{Received: 2*lanes + 1, Delivered: 2*lanes + 1})
}

// When the other side works again, nobody sits out a pause.
func TestRecovered(t *testing.T) {
	t.Parallel()
	var below atomic.Int64
	below.Store(100)
	r := start(t, storetest.SQLite(t).Open(t), sick(&below), pauses(time.Hour))
	r.accept(entry(outLane(1), 0), entry(outLane(2), 0), entry(inLane(3), 0))
	until(t, "all wait", func() bool { return r.q.Stats().Tripped == 3 })
	below.Store(0)
	r.q.Recovered()
	r.account(store.Account{Received: 3, Delivered: 3})
}

// Several of them hold the others up only until it is the turn of a sound one.
func TestSickLanesTakeTurnsWithSoundOnes(t *testing.T) {
	t.Parallel()
	var below atomic.Int64
	below.Store(4)
	r := start(t, storetest.SQLite(t).Open(t), sick(&below), pauses(10*time.Millisecond))
	var es []store.Entry
	for p := range int64(8) {
		es = append(es, entry(outLane(p), 0), entry(outLane(p), 1))
	}
	r.accept(es...)
	r.account(store.Account{Received: 16, Delivered: 8, Pending: 8})
	until(t, "the sick ones fail alone", func() bool { s := r.q.Stats(); return s.Breakers == 0 && s.Tripped == 0 })
	below.Store(100) // now everything is down, and the sick ones do not close the breaker
	for p := range int64(8) {
		r.accept(entry(outLane(p+10), 0))
	}
	until(t, "the breaker opens", func() bool { s := r.q.Stats(); return s.Breakers == 1 && s.Tripped >= 7 })
	below.Store(0)
	r.account(store.Account{Received: 24, Delivered: 24})
}

// A failure that took long says nothing about those that got through meanwhile.
func TestSlowFailureIsItsOwn(t *testing.T) {
	t.Parallel()
	gate, arrived := make(chan struct{}), make(chan struct{}, 1)
	r := start(t, storetest.SQLite(t).Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		if it.Portal == 0 {
			arrived <- struct{}{}
			<-gate
			return queue.Outcome{Retry: &queue.Retry{Err: errSick, Shared: true}}
		}
		return delivered(it)
	}), pauses(time.Hour))
	r.accept(entry(outLane(0), 0))
	<-arrived
	r.accept(entry(outLane(1), 0))
	r.account(store.Account{Received: 2, Delivered: 1, Pending: 1})
	close(gate)
	until(t, "it waits by itself", func() bool { s := r.q.Stats(); return s.Waiting == 1 && s.Breakers == 0 })
}

// Trying the lane that opened the breaker once more is no second opinion.
func TestSickLaneTriedAgainHoldsUpNobody(t *testing.T) {
	t.Parallel()
	r, _ := oneSick(t)
	before := r.q.Stats().Retries
	r.q.Recovered()
	until(t, "one more attempt", func() bool { s := r.q.Stats(); return s.Retries > before && s.Tripped == 1 })
	r.accept(entry(outLane(1), 0))
	r.account(store.Account{Received: 2, Delivered: 1, Pending: 1})
}
