package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

// Many sources, many lanes, a third of all attempts fails, lanes overflow what is
// kept in memory: each lane keeps its order, and nothing is lost or doubled.
func TestOrderUnderConcurrency(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var j journal
		var busy sync.Map
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			if _, twice := busy.LoadOrStore(it.LaneKey, true); twice {
				t.Error("two steps of a lane at once")
			}
			defer busy.Delete(it.LaneKey)
			if a.Uncertain != (a.N > 0) {
				t.Errorf("attempt %+v", a)
			}
			if rand.IntN(3) == 0 {
				return queue.Outcome{Retry: &queue.Retry{Err: errors.New("bad luck"), After: time.Microsecond}}
			}
			j.add(it)
			return delivered(it)
		}), func(o *queue.Options) { o.LookAhead, o.Workers = 4, 16 })
		const lanes, each = 15, 60
		var wg sync.WaitGroup
		for p := range int64(lanes) {
			wg.Go(func() {
				for n := 0; n < each; {
					size := min(each-n, 1+rand.IntN(8))
					var es []store.Entry
					for i := range size {
						es = append(es, entry(outLane(p), n+i))
					}
					if n > 0 && rand.IntN(3) == 0 {
						es = append([]store.Entry{entry(outLane(p), rand.IntN(n))}, es...) // a repeat
					}
					if got := r.accept(es...); got != size {
						t.Errorf("accepted %d of %d new", got, size)
					}
					n += size
				}
			})
		}
		wg.Wait()
		r.account(store.Account{Received: lanes * each, Delivered: lanes * each})
		for p := range int64(lanes) {
			if got := j.of(outLane(p)); !slices.Equal(got, numbers(each)) {
				t.Errorf("lane %d: %v", p, got)
			}
		}
	})
}

// A lane that fails all the time waits alone.
func TestFailingLaneWaitsAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var j journal
		var repaired atomic.Bool
		var failures atomic.Int64
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
			if it.Portal == 0 && !repaired.Load() {
				failures.Add(1)
				return queue.Outcome{Retry: &queue.Retry{Err: errors.New("channel is broken")}}
			}
			j.add(it)
			return delivered(it)
		}), func(o *queue.Options) { o.Workers = 2 })
		const lanes, each = 10, 20
		for n := range each {
			for p := range int64(lanes) {
				r.accept(entry(outLane(p), n))
			}
		}
		r.account(store.Account{Received: lanes * each, Delivered: (lanes - 1) * each, Pending: each})
		until(t, "a few attempts", func() bool { return failures.Load() > 3 })
		state := func() store.LaneState {
			ls, err := r.st.LanesOf(t.Context(), 0)
			if err != nil || len(ls) != 1 {
				t.Fatal(ls, err)
			}
			return ls[0]
		}
		until(t, "the state is shown", func() bool {
			s := state()
			return s.Attempts > 3 && s.LastError == "channel is broken" && !s.NextAt.IsZero() && !s.Oldest.IsZero()
		})
		repaired.Store(true)
		r.account(store.Account{Received: lanes * each, Delivered: lanes * each})
		if got := j.of(outLane(0)); !slices.Equal(got, numbers(each)) {
			t.Errorf("order %v", got)
		}
		if s := state(); s.Attempts != 0 || s.LastError != "" || !s.NextAt.IsZero() {
			t.Errorf("the trouble is over, the state says %+v", s)
		}
	})
}

// While a network is down, one lane asks whether it is back, however many wait.
func TestBreaker(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		const lanes = 200
		var down atomic.Bool
		var tries atomic.Int64
		down.Store(true)
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
			if it.Dir == store.DirOut && down.Load() {
				tries.Add(1)
				return queue.Outcome{Retry: &queue.Retry{Err: errors.New("connection refused"), Shared: true}}
			}
			return delivered(it)
		}), func(o *queue.Options) {
			o.Workers, o.BackoffMin, o.BackoffMax = 8, 20*time.Millisecond, 20*time.Millisecond
		})
		var es []store.Entry
		for p := range int64(lanes) {
			es = append(es, entry(outLane(p), 0), entry(outLane(p), 1))
		}
		r.accept(es...)
		until(t, "all lanes wait for the breaker", func() bool { return r.q.Stats().Tripped == lanes })
		before := tries.Load()
		if before > 8+3 {
			t.Errorf("%d attempts until all lanes waited", before)
		}
		r.accept(entry(inLane(1), 0)) // the other side is not behind this breaker
		until(t, "the other direction works", func() bool { return r.q.Stats().Delivered == 1 })
		until(t, "probes", func() bool { return tries.Load() > before+5 })
		if s := r.q.Stats(); s.Breakers != 1 || s.Tripped < lanes-1 {
			t.Errorf("stats %+v", s)
		}
		down.Store(false)
		r.account(store.Account{Received: 2*lanes + 1, Delivered: 2*lanes + 1})
		until(t, "memory is empty", func() bool {
			s := r.q.Stats()
			return s.Breakers == 0 && s.Busy == 0 && s.Memory == 0
		})
	})
}

// A probe that says nothing about the network passes the turn on.
func TestBreakerProbeThatHolds(t *testing.T) {
	t.Parallel()
	var phase atomic.Int64
	r := start(t, storetest.SQLite(t).Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		switch {
		case phase.Load() == 0:
			return queue.Outcome{Retry: &queue.Retry{Err: errors.New("down"), Shared: true}}
		case it.Portal == 1:
			return queue.Outcome{Hold: "paused"}
		case it.Portal == 2:
			return queue.Outcome{Done: &store.Done{Verdict: store.Dropped, Reason: "mode"}}
		}
		return delivered(it)
	}), func(o *queue.Options) { o.Workers, o.BackoffMin, o.BackoffMax = 1, time.Hour, time.Hour })
	for p := range int64(3) {
		r.accept(entry(outLane(p+1), 0))
	}
	until(t, "all wait", func() bool { return r.q.Stats().Tripped == 3 })
	phase.Store(1)
	r.q.Wake(func(k store.LaneKey) bool { return k.Portal == 3 }) // one probe, by whoever is first
	r.account(store.Account{Received: 3, Delivered: 1, Dropped: 1, Pending: 1})
	until(t, "one is held, the breaker is closed", func() bool {
		s := r.q.Stats()
		return s.Held == 1 && s.Breakers == 0
	})
}

func TestHoldAndWake(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var paused atomic.Bool
		var steps atomic.Int64
		paused.Store(true)
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			steps.Add(1)
			if a.N != 0 || a.Uncertain {
				t.Errorf("a hold counted as an attempt: %+v", a)
			}
			if paused.Load() {
				return queue.Outcome{Hold: "the portal is paused"}
			}
			return delivered(it)
		}))
		r.accept(entry(outLane(1), 0), entry(outLane(1), 1), entry(outLane(2), 0))
		until(t, "both lanes are held", func() bool { return r.q.Stats().Held == 2 })
		until(t, "status shows why", func() bool {
			ls, err := r.st.LanesOf(t.Context(), 1)
			return err == nil && ls[0].LastError == "the portal is paused" && ls[0].Attempts == 0
		})
		r.accept(entry(outLane(1), 2)) // more work does not end a hold
		if n := steps.Load(); n != 2 {
			t.Errorf("%d steps", n)
		}
		paused.Store(false)
		r.q.Wake(func(k store.LaneKey) bool { return k.Portal == 1 })
		r.account(store.Account{Received: 4, Delivered: 3, Pending: 1})
		if s := r.q.Stats(); s.Held != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestHoldEndsByItself(t *testing.T) {
	t.Parallel()
	var steps atomic.Int64
	r := start(t, storetest.SQLite(t).Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		if steps.Add(1) < 3 {
			return queue.Outcome{Hold: "not yet"}
		}
		return delivered(it)
	}), func(o *queue.Options) { o.HoldMax = 10 * time.Millisecond })
	r.accept(entry(outLane(1), 0))
	r.account(store.Account{Received: 1, Delivered: 1})
}

// A deferred item lets those behind it pass, those that come later too, and has
// its turn again at the end.
func TestDefer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var j journal
		var known atomic.Bool
		var deferrals atomic.Int64
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
			if string(it.Payload) == "0" && !known.Load() {
				deferrals.Add(1)
				return queue.Outcome{Defer: &queue.Defer{After: 20 * time.Millisecond}}
			}
			j.add(it)
			return delivered(it)
		}), func(o *queue.Options) { o.LookAhead = 3 })
		var es []store.Entry
		for n := range 10 {
			es = append(es, entry(outLane(1), n))
		}
		r.accept(es...)
		until(t, "the others have passed", func() bool { return j.count() == 9 })
		r.accept(entry(outLane(1), 10), entry(outLane(1), 0))
		until(t, "the later one has passed", func() bool { return j.count() == 10 })
		until(t, "it has been looked at again", func() bool { return deferrals.Load() > 2 })
		known.Store(true)
		r.account(store.Account{Received: 11, Delivered: 11})
		if got, want := j.of(outLane(1)), append(numbers(11)[1:], "0"); !slices.Equal(got, want) {
			t.Errorf("order %v", got)
		}
	})
}

func TestEndsAndPanics(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
			switch string(it.Payload) {
			case "0":
				return queue.Outcome{Done: &store.Done{Verdict: store.Dropped, Reason: "mode"}}
			case "1":
				return queue.Outcome{Done: &store.Done{Verdict: store.Dead, Reason: "too large"}}
			case "2":
				panic("content")
			case "3":
				return queue.Outcome{}
			}
			return delivered(it)
		}))
		for n := range 5 {
			r.accept(entry(outLane(1), n))
		}
		r.account(store.Account{Received: 5, Delivered: 1, Dropped: 1, Dead: 3})
		letters, err := r.st.DeadLetters(t.Context(), 10)
		if err != nil || len(letters) != 3 || letters[0].Reason != "too large" || string(letters[1].Payload) != "2" {
			t.Errorf("letters %+v, %v", letters, err)
		}
		until(t, "counters agree", func() bool {
			s := r.q.Stats()
			return s.Panics == 1 && s.Delivered == 1 && s.Dropped == 1 && s.Dead == 3 && s.Accepted == 5
		})
	})
}

// Replay and discard work in the process itself and, through the database, from
// another one.
func TestReplay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var cured atomic.Bool
		var sure atomic.Int64
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			if !cured.Load() {
				return queue.Outcome{Done: &store.Done{Verdict: store.Dead, Reason: "forbidden"}}
			}
			if !a.Uncertain {
				sure.Add(1)
			}
			return delivered(it)
		}))
		r.accept(entry(outLane(1), 0), entry(outLane(1), 1), entry(outLane(2), 0), entry(outLane(2), 1))
		r.account(store.Account{Received: 4, Dead: 4})
		letters, err := r.st.DeadLetters(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		cured.Store(true)
		other := db.Open(t, func(o *store.Options) { o.Existing = true })
		if err := errors.Join(
			r.q.Replay(t.Context(), letters[0].Number), r.q.Discard(t.Context(), letters[1].Number, "@admin:x"),
			other.Replay(t.Context(), letters[2].Number), other.Discard(t.Context(), letters[3].Number, "root"),
		); err != nil {
			t.Fatal(err)
		}
		r.account(store.Account{Received: 4, Delivered: 2, Dropped: 2})
		if sure.Load() != 0 {
			t.Error("a replay must look before it sends")
		}
		if err := r.q.Replay(t.Context(), 12345); !errors.Is(err, store.ErrNoRow) {
			t.Errorf("replay of nothing: %v", err)
		}
	})
}
