package queue

import (
	"container/heap"
	"context"
	"time"
)

// timer wakes a lane or a breaker. All share one runtime timer.
type timer struct {
	at    time.Time
	index int // in the heap, -1 = not in it
	lane  *lane
	brk   *breaker
}

// timers is a heap of timers by time.
type timers []*timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push implements [heap.Interface].
func (t *timers) Push(x any) {
	e := x.(*timer) //nolint:forcetypeassert // only called by start
	e.index = len(*t)
	*t = append(*t, e)
}

// Pop implements [heap.Interface].
func (t *timers) Pop() any {
	old := *t
	e := old[len(old)-1]
	old[len(old)-1] = nil
	e.index = -1
	*t = old[:len(old)-1]
	return e
}

func (t *timers) start(e *timer, at time.Time) {
	e.at = at
	if e.index >= 0 {
		heap.Fix(t, e.index)
		return
	}
	heap.Push(t, e)
}

func (t *timers) stop(e *timer) {
	if e.index >= 0 {
		heap.Remove(t, e.index)
	}
}

// retimed tells the clock that the first timer may have changed.
func (q *Queue) retimed() {
	select {
	case q.retime <- struct{}{}:
	default:
	}
}

// clock wakes what is due, until ctx ends.
func (q *Queue) clock(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.retime:
		case <-t.C:
		}
		t.Reset(q.fire())
	}
}

// fire wakes what is due and returns how long to wait.
func (q *Queue) fire() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.o.Now()
	for len(q.timers) > 0 && !q.timers[0].at.After(now) {
		e := q.timers[0]
		q.timers.stop(e)
		if e.brk != nil {
			q.probe(e.brk)
		} else {
			q.makeReady(e.lane)
		}
	}
	if len(q.timers) == 0 {
		return time.Hour
	}
	return q.timers[0].at.Sub(now)
}

// backoff is the pause after n failed attempts: doubling, with jitter of a
// quarter each way so that lanes that failed together do not return together.
func (q *Queue) backoff(n int) time.Duration {
	d := q.o.BackoffMax
	if n < 30 {
		d = min(d, q.o.BackoffMin<<max(0, n-1))
	}
	return time.Duration(float64(d) * (0.75 + q.o.Rand.Float64()/2))
}
