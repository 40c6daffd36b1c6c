package queue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/steg-bridge/steg/core/store"
)

const (
	claimBatch = 500
	tidyEvery  = time.Minute
)

// look finds work that this process does not know of: lanes without an owner or
// with a dead one, and what others added to our lanes.
func (w *writer) look(ctx context.Context) {
	q := w.q
	w.polled = q.o.Now()
	if !q.inst.Live() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.paused = true
		return
	}
	q.lose()
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	err := errors.Join(w.compare(ctx), w.touched(ctx), w.claim(ctx))
	if err == nil && w.polled.Sub(w.tidied) >= tidyEvery {
		w.tidied = w.polled
		err = errors.Join(q.st.Tidy(ctx), q.inst.Sweep(ctx))
	}
	if err != nil && ctx.Err() == nil && w.failed == 0 {
		q.o.Log.LogAttrs(ctx, slog.LevelWarn, "cannot look for waiting work", slog.String("error", err.Error()))
	}
}

// lose wakes sleeping lanes of logins that another process holds now; a worker
// gives them back.
func (q *Queue) lose() {
	if !q.st.Multi() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, l := range q.lanes {
		if k.Dir == store.DirOut && (l.state == waiting || l.state == held || l.state == deferred) && !q.o.Owns(k.Bridge) {
			q.makeReady(l)
		}
	}
}

// compare makes memory agree with the database after a time when it may not have.
func (w *writer) compare(ctx context.Context) error {
	q := w.q
	q.mu.Lock()
	needed := w.resync || q.paused
	q.mu.Unlock()
	if !needed {
		return nil
	}
	owned, err := q.inst.Owned(ctx)
	if err != nil {
		return err
	}
	w.resync = false
	q.mu.Lock()
	defer q.mu.Unlock()
	ours := make(map[store.LaneKey]bool, len(owned))
	for n := range owned {
		ours[owned[n].Lane] = true
	}
	for k, l := range q.lanes {
		// Of steps that are under way the fence decides.
		if !ours[k] && l.state != loading && l.state != running && l.state != ending {
			q.forget(l)
		}
	}
	for n := range owned {
		owned[n].Tried = true // what memory does not know may have been attempted
		q.learn(&owned[n])
	}
	q.resume()
	return nil
}

// resume lets workers go on.
func (q *Queue) resume() {
	q.paused = false
	for range min(q.ready.len()+q.unread.len(), q.o.Workers-q.running) {
		q.kick()
	}
}

func (w *writer) touched(ctx context.Context) error {
	more, err := w.q.inst.Touched(ctx)
	w.learnAll(more)
	return err
}

func (w *writer) claim(ctx context.Context) error {
	for {
		got, err := w.q.inst.Claim(ctx, claimBatch, w.q.o.Owns)
		w.learnAll(got)
		if err != nil || len(got) < claimBatch {
			return err
		}
	}
}

func (w *writer) learnAll(list []store.Claimed) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	for n := range list {
		w.q.learn(&list[n])
	}
}

// learn takes over what the database says of a lane of ours.
func (q *Queue) learn(c *store.Claimed) {
	if l := q.lanes[c.Lane]; l != nil {
		if c.Last > l.last {
			l.last, l.more = c.Last, true
			if l.state == deferred {
				q.makeReady(l)
			}
		}
		return
	}
	l := q.enlist(c.Lane, c.ID)
	l.more, l.last, l.tried = true, c.Last, c.Tried
	now := q.o.Now()
	if !c.NextAt.After(now) {
		q.makeReady(l)
		return
	}
	q.rest(l, waiting, c.NextAt)
	if latest := now.Add(q.o.BackoffMax); c.NextAt.After(latest) {
		q.rest(l, waiting, latest)
	}
}
