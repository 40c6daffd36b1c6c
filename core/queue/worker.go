package queue

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/steg-bridge/steg/core/store"
)

const (
	// laneBytes bounds what is read of a lane at once.
	laneBytes = 256 << 10
	// maxDeferred is how many deferred items of a lane are passed over to find one
	// that may go; more of them make the lane wait.
	maxDeferred = 256
	// maxError bounds the text that is stored of an error.
	maxError = 300
)

// work runs steps until no lane is ready.
func (q *Queue) work(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		l := q.next()
		if l == nil {
			q.running--
			return
		}
		q.turn(ctx, l)
	}
}

// next returns the lane whose turn it is, nil when there is none.
func (q *Queue) next() *lane {
	if !q.inst.Live() {
		q.paused = true
	}
	for !q.stopping && !q.paused {
		l := q.nextReady()
		if l == nil {
			return nil
		}
		if l.gone || l.state != ready || q.stopped(l) {
			continue
		}
		return l
	}
	return nil
}

// turn brings a lane one step further. It is called with the lock, and gives it
// up while it reads or works.
func (q *Queue) turn(ctx context.Context, l *lane) {
	if l.key.Dir == store.DirOut && !q.o.Owns(l.key.Bridge) {
		tried := l.mayBeTried()
		q.forget(l)
		q.in.put(&op{lane: l, give: &giveBack{tried: tried}})
		return
	}
	it, at := l.pick(q.o.Now())
	if it == nil && l.more && len(l.items) < maxDeferred {
		if !q.load(ctx, l) {
			return
		}
		it, at = l.pick(q.o.Now())
	}
	switch {
	case it != nil:
		q.step(ctx, l, *it)
	case len(l.items) > 0:
		q.rest(l, deferred, at)
	case l.more:
		q.makeReady(l)
	default:
		q.forget(l)
	}
}

// load reads the next items of a lane into memory. It is false when the lane is
// dealt with.
func (q *Queue) load(ctx context.Context, l *lane) bool {
	limit := q.o.LookAhead
	switch {
	case q.memory > q.o.Memory:
		limit = max(1, limit/16)
	case q.memory > q.o.Memory/2:
		limit = max(1, limit/4)
	}
	l.state, l.more = loading, false
	known, after := l.last, l.tail
	q.mu.Unlock()
	items, more, err := q.st.Fetch(ctx, l.id, after, limit, laneBytes)
	q.mu.Lock()
	if l.gone {
		return false
	}
	if err != nil {
		q.o.Log.LogAttrs(ctx, slog.LevelWarn, "cannot read a lane", slog.Int64("portal", l.key.Portal), slog.String("error", err.Error()))
		l.more = true
		q.rest(l, waiting, q.o.Now().Add(q.o.BackoffMin))
		return false
	}
	for n := range items {
		q.memory += size(&items[n])
		l.tail = items[n].Seq
	}
	l.items = append(l.items, items...)
	if more {
		l.more = true
	} else {
		l.tail = max(l.tail, known)
	}
	return true
}

// step attempts an item.
func (q *Queue) step(ctx context.Context, l *lane, it store.Item) {
	a := Attempt{Uncertain: l.uncertain(&it)}
	if l.try == it.Seq {
		a.N = l.attempts
	}
	l.state, l.began = running, q.o.Now()
	q.steps++
	q.mu.Unlock()
	out, panicked := q.attempt(ctx, it, a)
	q.mu.Lock()
	q.steps--
	if panicked {
		q.stats.Panics++
	}
	if l.gone {
		return
	}
	switch {
	case out.Done != nil:
		q.finish(l, it, *out.Done)
	case out.Defer != nil:
		it.Uncertain = a.Uncertain
		l.state = ending
		q.in.put(&op{lane: l, item: it, move: &store.Deferral{Item: it, NotBefore: q.o.Now().Add(out.Defer.After)}})
	case out.Retry != nil:
		l.attempts, l.try = a.N+1, it.Seq
		q.again(l, out.Retry)
	case out.Hold != "":
		q.rest(l, held, q.o.Now().Add(q.o.HoldMax))
		if b := q.breakers[l.breaker]; b != nil && b.probing == l { // it told nothing about the other side
			b.forget(q, l)
		}
		q.note(l, out.Hold, time.Time{}) // after a restart the reason may be gone: look at once
	default:
		q.finish(l, it, store.Done{Verdict: store.Dead, Reason: "the step told no outcome"})
	}
}

// attempt calls the handler. This is the one place that recovers panics.
func (q *Queue) attempt(ctx context.Context, it store.Item, a Attempt) (out Outcome, panicked bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		// The value may quote a message; its type and the stack do not.
		q.o.Log.LogAttrs(ctx, slog.LevelError, "a step panicked, its item is parked",
			slog.Int64("portal", it.Portal), slog.String("dir", string(it.Dir)), slog.Int64("seq", it.Seq),
			slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
		out, panicked = Outcome{Done: &store.Done{Verdict: store.Dead, Reason: "internal error: the step panicked (see the log)"}}, true
	}()
	return q.h.Step(ctx, it, a), false
}

// finish hands the end of an item to the writer.
func (q *Queue) finish(l *lane, it store.Item, d store.Done) {
	if d.Verdict != store.Dropped {
		q.through(l)
		q.mend(l)
	}
	it.Payload = nil
	q.lighten(l, it.Seq)
	d.Item = it
	l.state = ending
	q.in.put(&op{lane: l, item: it, end: &d})
}

// again lets a lane wait before the next attempt.
func (q *Queue) again(l *lane, r *Retry) {
	q.stats.Retries++
	text := "no reason told"
	if r.Err != nil {
		text = r.Err.Error()
	}
	switch {
	case r.Shared && q.shares(l, r):
		q.trip(l, r.After)
		q.note(l, text, q.breakers[l.breaker].timer.at)
		return
	case r.Shared: // it tells nothing about the others
		if b := q.breakers[l.breaker]; b != nil && b.probing == l {
			b.forget(q, l)
		}
	default:
		q.mend(l)
	}
	pause := q.backoff(l.attempts)
	if r.After > 0 {
		pause = r.After + time.Duration(q.o.Rand.Int64N(int64(r.After)/10+1))
	}
	until := q.o.Now().Add(pause)
	q.rest(l, waiting, until)
	q.note(l, text, until)
}

// note lets status show why a lane waits.
func (q *Queue) note(l *lane, text string, until time.Time) {
	if len(text) > maxError {
		text = text[:maxError]
	}
	q.in.put(&op{lane: l, note: &store.LaneNote{Lane: l.key, Attempts: l.attempts, LastError: text, NextAt: until}})
}
