package engine

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// roster is when which chats of a login are compared with their rooms: who is in a
// chat shall be in its room. It has nothing of its own to lose: what was hinted at
// stands in the database, and what a comparison has done is seen by the next one.
type roster struct {
	mu    sync.Mutex
	queue rosterQueue
	index map[int64]*rosterItem // also those that are being compared
	wake  chan struct{}         // the queue has a new head
	up    chan struct{}         // the login is connected
}

// rosterItem is a portal that is to be compared at a time.
type rosterItem struct {
	portal int64
	at     time.Time
	rest   time.Time // not before, after what the last comparison took
	place  int       // in the queue; -1 = it is being compared
	again  bool      // something was hinted at meanwhile
	noted  bool      // the database knows of a hint that no comparison has begun to see
	fails  int
	anew   map[bridge.UserID]struct{} // who has come into the chat anew
}

const (
	rosterWorkers = 2
	rosterScan    = 5 * time.Second        // how often portals that are not in the queue are looked for
	rosterPace    = 100 * time.Millisecond // between first looks at all chats, after each connect
	rosterWait    = time.Second            // after a hint, for more of them
	rosterLook    = time.Hour              // how often a list's sign is looked at
	rosterFull    = 24 * time.Hour         // how often a list is read, whatever its sign
	rosterRetry   = 5 * time.Second        // the first pause after a failure
	rosterAtMost  = 5 * time.Minute        // and the last
	rosterAnew    = 1000                   // who has come anew, remembered of one chat
)

func newRoster() *roster {
	return &roster{index: map[int64]*rosterItem{}, wake: make(chan struct{}, rosterWorkers), up: make(chan struct{}, 1)}
}

// schedule lets a portal be compared at a time, or earlier if that is planned.
func (r *roster) schedule(portal int64, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scheduleLocked(portal, at)
}

func (r *roster) scheduleLocked(portal int64, at time.Time) *rosterItem {
	it := r.index[portal]
	switch {
	case it == nil:
		it = &rosterItem{portal: portal, at: at}
		r.index[portal] = it
		heap.Push(&r.queue, it)
	case it.place < 0:
		it.again = true
	default:
		if at = later(at, it.rest); at.Before(it.at) {
			it.at = at
			heap.Fix(&r.queue, it.place)
		}
	}
	signal(r.wake)
	return it
}

// noted reports whether a hint need not be stored: one was, and no comparison has
// begun since.
func (r *roster) noted(portal int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := r.index[portal]
	return it != nil && it.place >= 0 && it.noted
}

// hinted takes a hint that the database knows of.
func (r *roster) hinted(portal int64, joined []bridge.UserID, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := r.scheduleLocked(portal, at)
	it.noted = it.place >= 0
	for _, u := range joined {
		if len(it.anew) >= rosterAnew {
			break
		}
		if it.anew == nil {
			it.anew = map[bridge.UserID]struct{}{}
		}
		it.anew[u] = struct{}{}
	}
}

// known reports whether a portal is planned.
func (r *roster) known(portal int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.index[portal] != nil
}

// forgetNoted is for a new connection: meanwhile another process may have made the
// comparisons.
func (r *roster) forgetNoted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range r.index {
		it.noted = false
	}
}

// take waits for a portal that is due and returns it with those who came anew.
func (r *roster) take(ctx context.Context, now func() time.Time) (portal int64, anew map[bridge.UserID]struct{}, ok bool) {
	for {
		r.mu.Lock()
		pause := time.Hour
		if len(r.queue) > 0 {
			if pause = r.queue[0].at.Sub(now()); pause <= 0 {
				it, _ := heap.Pop(&r.queue).(*rosterItem) // it holds nothing else
				it.place, it.noted = -1, false
				anew, it.anew = it.anew, nil
				r.mu.Unlock()
				return it.portal, anew, true
			}
		}
		r.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, nil, false
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// done puts a portal back that was taken, to be compared after a pause; took is how
// long its list was read. failed makes the pause grow, and keeps those who came
// anew. It returns how often it has failed in a row.
func (r *roster) done(
	portal int64, now time.Time, next, took time.Duration, failed bool, anew map[bridge.UserID]struct{},
) (fails int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := r.index[portal]
	it.rest = now.Add(min(5*took, time.Minute))
	it.fails++
	if !failed {
		it.fails, anew = 0, nil
	} else {
		next = max(next, min(rosterRetry<<min(it.fails-1, 10), rosterAtMost))
	}
	for u := range anew {
		if it.anew == nil {
			it.anew = map[bridge.UserID]struct{}{}
		}
		it.anew[u] = struct{}{}
	}
	if it.again {
		it.again, next = false, min(next, rosterWait)
	}
	it.at = later(now.Add(next), it.rest)
	heap.Push(&r.queue, it)
	signal(r.wake)
	return it.fails
}

// drop forgets a portal that was taken.
func (r *roster) drop(portal int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.index, portal)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// rosterQueue orders by time; see [heap.Interface].
type rosterQueue []*rosterItem

func (q rosterQueue) Len() int           { return len(q) }
func (q rosterQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q rosterQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements [heap.Interface].
func (q *rosterQueue) Push(x any) {
	it, _ := x.(*rosterItem) // it holds nothing else
	it.place = len(*q)
	*q = append(*q, it)
}

// Pop implements [heap.Interface].
func (q *rosterQueue) Pop() any {
	old := *q
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return it
}

// lookSoon spreads the hourly looks.
func lookSoon() time.Duration {
	return rosterLook + rand.N(rosterLook/4) //nolint:gosec // jitter needs no secret randomness
}
