package queue

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/steg-bridge/steg/core/store"
)

// commitLimit is how long one commit may take before the connection counts as
// broken.
const commitLimit = 20 * time.Second

// See [writer.gather].
const (
	gatherFrom = 24
	gatherFor  = 400 * time.Microsecond
)

// writer is the only one that commits and that changes who owns a lane; its
// goroutine's view of the database is therefore in step with memory.
type writer struct {
	q      *Queue
	polled time.Time // last look at other processes' work
	tidied time.Time
	failed int  // commits that failed in a row
	resync bool // memory may differ from the database
}

// run commits what waits, together, until everything is done or ctx ends.
func (w *writer) run(ctx context.Context) {
	q := w.q
	poll := time.NewTicker(q.o.Poll)
	defer poll.Stop()
	w.look(ctx)
	for {
		ops, look, over := q.in.take(q.o.BatchMax)
		if len(ops) > 0 {
			w.write(ctx, ops)
			w.gather(ctx, len(ops))
		} else if over {
			return
		} else if w.failed > 0 {
			w.probe(ctx)
		}
		if look || q.o.Now().Sub(w.polled) >= q.o.Poll {
			w.look(ctx)
		}
		if w.failed > 0 && !w.pause(ctx) {
			return
		}
		if q.in.waiting() > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-q.in.signal:
		case <-poll.C:
		}
	}
}

// gather lets those whom a large commit has just released come back before the
// next one, which then carries about as much: a commit costs nearly the same with
// half the work. With little to do there is no delay.
func (w *writer) gather(ctx context.Context, n int) {
	if n < gatherFrom || w.q.in.waiting() >= n {
		return
	}
	t := time.NewTimer(gatherFor)
	defer t.Stop()
	defer w.q.in.notify() // some of what was signalled may not be an operation
	for w.q.in.waiting() < n {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case <-w.q.in.signal:
		}
	}
}

// pause waits after a failure, longer each time, up to 2 s.
func (w *writer) pause(ctx context.Context) bool {
	t := time.NewTimer(min(2*time.Second, 50*time.Millisecond<<min(w.failed, 6)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// write commits operations together. When the batch as a whole is refused for
// good, each goes alone, so that one bad entry holds up nobody else.
func (w *writer) write(ctx context.Context, ops []*op) {
	err := w.commit(ctx, ops)
	switch {
	case err == nil:
		w.recovered(ctx)
	case store.Temporary(err):
		w.later(ctx, ops, err)
	case len(ops) > 1:
		for n, o := range ops {
			err := w.commit(ctx, []*op{o})
			if err != nil && store.Temporary(err) {
				w.later(ctx, ops[n:], err)
				return
			}
			if err != nil {
				w.refused(ctx, o, err)
			}
		}
	default:
		w.refused(ctx, ops[0], err)
	}
}

// later tells sources to come again and keeps what has happened already.
func (w *writer) later(ctx context.Context, ops []*op, err error) {
	var keep []*op
	for _, o := range ops {
		switch {
		case o.intake != nil:
			o.reply <- accepted{err: fmt.Errorf("accept: %w", err)}
		case o.keeps():
			keep = append(keep, o)
		}
	}
	w.q.in.back(keep)
	w.trouble(ctx, err)
}

// refused deals with the one operation that the database will never take.
func (w *writer) refused(ctx context.Context, o *op, err error) {
	switch {
	case o.intake != nil:
		o.reply <- accepted{err: fmt.Errorf("accept: %w", err)}
		return
	case o.note != nil:
		return
	case o.end != nil && o.end.Verdict != store.Dead:
		// What was done cannot be written down. Kept for a human, it at least does
		// not stop the lane.
		o.end = &store.Done{Item: o.end.Item, Verdict: store.Dead, Reason: "done, but the result cannot be stored: " + err.Error()}
	}
	w.q.in.back([]*op{o})
	w.trouble(ctx, err)
}

func (w *writer) trouble(ctx context.Context, err error) {
	w.failed++
	w.resync = true
	if w.failed == 1 {
		w.q.o.Log.LogAttrs(ctx, slog.LevelError, "database trouble, trying again", slog.String("error", err.Error()))
	}
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	w.q.stats.CommitErrors++
	w.q.trouble = err
}

// probe finds out whether commits work again when nothing waits for one.
func (w *writer) probe(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	if err := w.q.st.Probe(limited); err != nil {
		w.trouble(ctx, err)
		return
	}
	w.recovered(ctx)
}

func (w *writer) recovered(ctx context.Context) {
	if w.failed > 0 {
		w.q.o.Log.LogAttrs(ctx, slog.LevelInfo, "database works again", slog.Int("failed_commits", w.failed))
		w.q.mu.Lock()
		w.q.trouble = nil
		w.q.mu.Unlock()
	}
	w.failed = 0
}

// commit stores operations in one transaction and brings memory in line.
func (w *writer) commit(ctx context.Context, ops []*op) error {
	q := w.q
	b := &store.Batch{Owns: q.mayTake}
	for _, o := range ops {
		switch {
		case o.intake != nil:
			b.Intakes = append(b.Intakes, *o.intake)
		case o.end != nil:
			b.Ends = append(b.Ends, *o.end)
		case o.move != nil:
			b.Defers = append(b.Defers, *o.move)
		case o.note != nil:
			b.Notes = append(b.Notes, *o.note)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	for _, o := range ops {
		if o.give != nil {
			if err := q.inst.Unclaim(ctx, o.lane.id, o.give.tried); err != nil {
				return err
			}
		}
	}
	res, err := q.inst.Commit(ctx, b)
	if err != nil {
		return err
	}
	w.apply(ops, res)
	return nil
}

// apply brings memory in line with a commit, then lets the callers of Accept go.
func (w *writer) apply(ops []*op, res *store.Result) {
	q := w.q
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Commits++
	// Moved items grow their lane only after they left their old place.
	moves := len(res.Grown)
	for _, ok := range res.Defers {
		if ok {
			moves--
		}
	}
	for n := range res.Grown[:moves] {
		q.grow(&res.Grown[n])
	}
	ends, defers, intakes := 0, 0, 0
	for _, o := range ops {
		switch {
		case o.intake != nil:
			q.stats.Accepted += int64(res.Accepted[intakes])
			o.reply <- accepted{n: res.Accepted[intakes]}
			intakes++
		case o.end != nil:
			w.ended(o, res.Ends[ends])
			ends++
		case o.move != nil:
			var g *store.Growth
			if res.Defers[defers] {
				g = &res.Grown[moves]
				moves++
			}
			w.moved(o, g)
			defers++
		}
	}
}

func (w *writer) ended(o *op, ok bool) {
	q, l := w.q, o.lane
	if ok {
		switch o.end.Verdict {
		case store.Delivered:
			q.stats.Delivered++
		case store.Dropped:
			q.stats.Dropped++
		case store.Dead:
			q.stats.Dead++
		}
	}
	if l.gone {
		return
	}
	if !ok { // another process has the lane, or an earlier commit got through
		w.resync = true
		q.forget(l)
		return
	}
	if o.item.NotBefore.IsZero() {
		l.tried = false
	}
	q.drop(l, o.item.Seq)
	q.proceed(l)
}

func (w *writer) moved(o *op, g *store.Growth) {
	q, l := w.q, o.lane
	if l.gone {
		return
	}
	if g == nil {
		w.resync = true
		q.forget(l)
		return
	}
	q.stats.Deferred++
	if o.item.NotBefore.IsZero() {
		l.tried = false
	}
	q.drop(l, o.item.Seq)
	q.append(l, g)
	q.proceed(l)
}

// grow takes note of what a lane got.
func (q *Queue) grow(g *store.Growth) {
	if !g.Mine {
		return // its owner looks for it
	}
	l := q.lanes[g.Lane]
	if l == nil {
		l = q.enlist(g.Lane, g.ID)
		if g.Fresh {
			l.tail = g.Before
			l.state = ready
			q.append(l, g)
		} else {
			l.more, l.last = true, g.Last
		}
		q.makeReady(l)
		return
	}
	q.append(l, g)
	if l.state == deferred {
		q.makeReady(l)
	}
}

// mayTake says whether this process may become the owner of an idle lane.
func (q *Queue) mayTake(k store.LaneKey) bool {
	return q.inst.Live() && (k.Dir != store.DirOut || q.o.Owns(k.Bridge))
}
