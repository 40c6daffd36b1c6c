package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/store"
)

// drainLimit is how long the last commits may take at the end of Run.
const drainLimit = 5 * time.Second

// Run works until ctx ends: it commits what is accepted, and works on lanes.
// Then it accepts nothing more, waits up to the grace time for steps that run,
// cancels the rest, commits what has ended, gives back the lanes and returns nil.
// Call it once.
func (q *Queue) Run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	steps, cancelSteps := context.WithCancel(base)
	defer cancelSteps()
	commits, cancelCommits := context.WithCancel(base)
	defer cancelCommits()

	var workers, helpers sync.WaitGroup
	q.mu.Lock()
	q.spawn = func() { workers.Go(func() { q.work(steps) }) }
	q.mu.Unlock()
	helping, stopHelpers := context.WithCancel(base)
	defer stopHelpers()
	helpers.Go(func() { q.clock(helping) })
	helpers.Go(func() { q.beat(helping) })
	written := make(chan struct{})
	go func() {
		defer close(written)
		(&writer{q: q}).run(commits)
	}()

	<-ctx.Done()
	q.in.stopOutside()
	q.mu.Lock()
	q.stopping = true
	q.mu.Unlock()
	wait(&workers, q.o.Grace, cancelSteps)
	q.in.finish()
	timeout(written, drainLimit, cancelCommits)
	q.in.abandon()
	stopHelpers()
	helpers.Wait()
	return q.release(base)
}

// wait waits for a group, and cancels it when it takes too long.
func wait(g *sync.WaitGroup, limit time.Duration, cancel func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Wait()
	}()
	timeout(done, limit, cancel)
}

func timeout(done <-chan struct{}, limit time.Duration, cancel func()) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		cancel()
		<-done
	}
}

// release gives the lanes back. When the database is away they are taken over
// like those of a process that died.
func (q *Queue) release(ctx context.Context) error {
	q.mu.Lock()
	var tried []store.LaneKey
	for k, l := range q.lanes {
		if l.mayBeTried() {
			tried = append(tried, k)
		}
	}
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	if err := q.inst.ReleaseLanes(ctx, tried); err != nil {
		q.o.Log.LogAttrs(ctx, slog.LevelWarn, "lanes not given back, the next start takes them over", slog.String("error", err.Error()))
	}
	return nil
}

// beat keeps the lease of this process.
func (q *Queue) beat(ctx context.Context) {
	if !q.st.Multi() {
		return
	}
	t := time.NewTicker(store.BeatEvery)
	defer t.Stop()
	for {
		err := q.renew(ctx)
		q.mu.Lock()
		paused := q.paused
		q.mu.Unlock()
		if err == nil && paused {
			q.in.poke()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (q *Queue) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, store.Lease)
	defer cancel()
	return q.inst.Beat(ctx)
}
