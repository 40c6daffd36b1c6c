package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// The database goes away while messages are under way, and comes back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	var j journal
	gate := make(chan struct{})
	arrived := make(chan struct{}, 10)
	r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		if string(it.Payload) == "0" {
			arrived <- struct{}{}
			<-gate
		}
		j.add(it)
		return delivered(it)
	}))
	for p := range int64(3) {
		r.accept(entry(outLane(p), 0), entry(outLane(p), 1))
	}
	for range 3 {
		<-arrived
	}
	away := func(is bool) {
		db.Admin(t, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", db.Name(t), !is))
		if is {
			db.Admin(t, fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'", db.Name(t)))
		}
	}
	away(true)
	close(gate) // the sends succeed, their ends cannot be written down
	until(t, "commits fail", func() bool { return r.q.Stats().CommitErrors > 0 })
	_, err := r.q.Accept(t.Context(), store.Intake{Entries: []store.Entry{entry(outLane(9), 0)}})
	if !store.Temporary(err) {
		t.Errorf("accept without a database: %v", err)
	}
	lost := time.NewTimer(store.Lease + time.Second) // longer than the lease: what was ours may be another's
	<-lost.C
	away(false)
	r.account(store.Account{Received: 6, Delivered: 6})
	for p := range int64(3) {
		if got := j.of(outLane(p)); !slices.Equal(got, []string{"0", "1"}) {
			t.Errorf("lane %d: %v", p, got)
		}
	}
	if n := r.accept(entry(outLane(9), 0)); n != 1 {
		t.Errorf("accepted %d afterwards", n)
	}
	r.account(store.Account{Received: 7, Delivered: 7})
}

// Stopping waits for steps, keeps what they did, and refuses what comes.
func TestStopWaitsForSteps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		gate, arrived := make(chan struct{}), make(chan struct{})
		r := start(t, db.Open(t), stepFunc(func(ctx context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
			close(arrived)
			<-gate
			if ctx.Err() != nil {
				t.Error("the step was cancelled within the grace time")
			}
			return delivered(it)
		}))
		r.accept(entry(outLane(1), 0), entry(outLane(1), 1))
		<-arrived
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			r.stop()
		}()
		until(t, "nothing more is accepted", func() bool {
			_, err := r.q.Accept(t.Context(), store.Intake{})
			return errors.Is(err, queue.ErrStopped)
		})
		select {
		case <-stopped:
			t.Error("stopped before the step ended")
		default:
		}
		close(gate)
		<-stopped
		r.account(store.Account{Received: 2, Delivered: 1, Pending: 1})
		// A clean stop leaves no doubt.
		again(t, r, func(it store.Item, a queue.Attempt) {
			if a.Uncertain || string(it.Payload) != "1" {
				t.Errorf("item %s, attempt %+v", it.Payload, a)
			}
		})
	})
}

// again works off what is left, with a new queue over the same database.
func again(t *testing.T, r *rig, check func(store.Item, queue.Attempt)) {
	t.Helper()
	if err := r.inst.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := start(t, r.st, stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
		check(it, a)
		return delivered(it)
	}))
	until(t, "the rest is delivered", func() bool {
		a, err := r.st.Account(t.Context())
		return err == nil && a.Pending == 0
	})
	verify(t, r.st)
	next.stop()
}

// What was attempted before a stop is uncertain after it, what was not is not.
func TestDoubtSurvivesAStop(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		arrived := make(chan struct{}, 1)
		r := start(t, db.Open(t), stepFunc(func(ctx context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
			switch it.Portal {
			case 1: // still under way when the grace time ends
				arrived <- struct{}{}
				<-ctx.Done()
				return queue.Outcome{Retry: &queue.Retry{Err: ctx.Err()}}
			case 2:
				return queue.Outcome{Retry: &queue.Retry{Err: errors.New("timeout"), After: time.Hour}}
			case 3:
				return queue.Outcome{Hold: "paused"}
			}
			return queue.Outcome{Defer: &queue.Defer{After: time.Hour}}
		}), func(o *queue.Options) { o.Grace = 20 * time.Millisecond })
		for p := range int64(4) {
			r.accept(entry(outLane(p+1), 0), entry(outLane(p+1), 1))
		}
		<-arrived
		until(t, "all lanes rest", func() bool {
			s := r.q.Stats()
			return s.Waiting == 1 && s.Held == 1 && s.Deferred >= 2
		})
		r.stop()
		r.account(store.Account{Received: 8, Pending: 8})
		if err := r.inst.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		next := start(t, r.st, stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			if want := it.Portal <= 2 && string(it.Payload) == "0"; a.Uncertain != want {
				t.Errorf("portal %d, item %s: %+v", it.Portal, it.Payload, a)
			}
			return delivered(it)
		}), func(o *queue.Options) { o.BackoffMax = 2 * time.Hour })
		until(t, "the wait of the second lane is kept", func() bool { return next.q.Stats().Delivered == 4 })
		next.q.Wake(func(store.LaneKey) bool { return true })
		r.account(store.Account{Received: 8, Delivered: 6, Pending: 2})
	})
}

// Lanes to a network are worked on only by the holder of its login.
func TestOnlyTheHolderOfALoginSends(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	var holder atomic.Int64 // which of the two
	var wrong atomic.Int64
	var rigs []*rig
	for me := range int64(2) {
		rigs = append(rigs, start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			if it.Dir == store.DirOut && holder.Load() != me || a.Uncertain {
				wrong.Add(1)
			}
			return delivered(it)
		}), func(o *queue.Options) {
			o.Owns = func(bridge.ID) bool { return holder.Load() == me }
		}))
	}
	const each = 10
	for n := range each {
		for p := range int64(5) {
			rigs[0].accept(entry(outLane(p), 2*n))
			rigs[1].accept(entry(outLane(p), 2*n+1), entry(inLane(p), n))
		}
	}
	rigs[0].account(store.Account{Received: 5 * 3 * each, Delivered: 5 * 3 * each})
	holder.Store(1)
	rigs[0].accept(entry(outLane(1), 1000))
	rigs[0].account(store.Account{Received: 5*3*each + 1, Delivered: 5*3*each + 1})
	if wrong.Load() != 0 {
		t.Errorf("%d steps by the wrong process, or in doubt without reason", wrong.Load())
	}
}

// A lane that waits when its login goes to another process goes with it.
func TestWaitingLanesFollowTheLogin(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	var holder atomic.Int64
	var rigs []*rig
	for me := range int64(2) {
		rigs = append(rigs, start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			switch {
			case me == 0 && it.Portal == 1:
				return queue.Outcome{Hold: "logged out"}
			case me == 0:
				return queue.Outcome{Retry: &queue.Retry{Err: errors.New("timeout"), After: time.Hour}}
			}
			if a.Uncertain != (it.Portal == 2) {
				t.Errorf("portal %d: %+v", it.Portal, a)
			}
			return delivered(it)
		}), func(o *queue.Options) {
			o.Owns = func(bridge.ID) bool { return holder.Load() == me }
		}))
	}
	rigs[0].accept(entry(outLane(1), 0), entry(outLane(2), 0))
	until(t, "both wait", func() bool { s := rigs[0].q.Stats(); return s.Held == 1 && s.Waiting == 1 })
	holder.Store(1)
	until(t, "the held lane went over", func() bool { return rigs[1].q.Stats().Delivered == 1 })
	rigs[1].q.Wake(func(store.LaneKey) bool { return true })
	until(t, "the waiting lane went over", func() bool {
		rigs[1].q.Wake(func(store.LaneKey) bool { return true })
		return rigs[1].q.Stats().Delivered == 2
	})
	rigs[1].account(store.Account{Received: 2, Delivered: 2})
}

// Several processes accept for the same lanes: order is by commit, one owner works.
func TestManyProcessesOneLane(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	var j journal
	var busy atomic.Int64
	var rigs []*rig
	for range 3 {
		rigs = append(rigs, start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			if busy.Add(1) != 1 || a.Uncertain {
				t.Errorf("two steps at once, or doubt: %+v", a)
			}
			j.add(it)
			busy.Add(-1)
			return delivered(it)
		})))
	}
	const each = 60
	for n := range each {
		if got := rigs[n%3].accept(entry(outLane(1), n)); got != 1 {
			t.Fatalf("accepted %d", got)
		}
	}
	rigs[0].account(store.Account{Received: each, Delivered: each})
	if got := j.of(outLane(1)); !slices.Equal(got, numbers(each)) {
		t.Errorf("order %v", got)
	}
}

func TestAcceptNeedsAKey(t *testing.T) {
	t.Parallel()
	r := start(t, storetest.SQLite(t).Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome { return delivered(it) }))
	if _, err := r.q.Accept(t.Context(), store.Intake{Entries: []store.Entry{{Lane: outLane(1)}}}); err == nil {
		t.Error("an entry without a key was accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.q.Accept(ctx, store.Intake{Entries: []store.Entry{entry(outLane(1), 0)}}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("accept with an ended context: %v", err)
	}
}

// Without anything to commit, the queue finds out by itself that the database is
// back.
func TestDatabaseBackUnasked(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome { return delivered(it) }))
	r.accept(entry(outLane(1), 0))
	r.account(store.Account{Received: 1, Delivered: 1})
	db.Admin(t, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS false", db.Name(t)))
	db.Admin(t, fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'", db.Name(t)))
	// The server ends connections a moment after it was asked to: one of them may still
	// have told the queue that the database is back.
	until(t, "the queue tells that the database is away", func() bool {
		if _, err := r.q.Accept(t.Context(), store.Intake{Entries: []store.Entry{entry(outLane(1), 1)}}); err != nil && !store.Temporary(err) {
			t.Fatalf("accept without a database: %v", err)
		}
		return errors.Is(r.q.Trouble(), store.ErrAway)
	})
	db.Admin(t, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS true", db.Name(t)))
	until(t, "the trouble ends", func() bool { return r.q.Trouble() == nil })
}
