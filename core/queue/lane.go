package queue

import (
	"time"

	"github.com/steg-bridge/steg/core/store"
)

// state is what a lane is doing. It is always doing exactly one of these.
type state uint8

const (
	ready    state = iota // waits for a worker
	loading               // a worker reads its items
	running               // a worker runs a step
	ending                // the writer commits the end of a step
	waiting               // a timer runs: back-off
	deferred              // likewise, until something is added: all items are deferred
	held                  // likewise, or until Wake
	tripped               // its breaker is open
)

// lane is a lane with work. Lanes without work are not in memory at all.
type lane struct {
	key     store.LaneKey
	id      int64
	breaker string
	state   state
	gone    bool // another process has it; results no longer matter

	items []store.Item // pending, in order: all up to tail, unless more
	tail  int64        // the lane is known up to here
	last  int64        // the last number known to be given out
	more  bool         // the database may hold items after tail

	began time.Time // the last step
	alone bool      // others got through while this one failed

	attempts int   // of item try, in this process
	try      int64 // its number
	// tried says that an earlier process may have attempted the items up to and
	// including the first that is not deferred.
	tried bool

	timer timer
}

func size(it *store.Item) int64 { return int64(len(it.Payload)+len(it.Key)) + 300 }

// uncertain says whether an earlier attempt at the item may have had its effect.
func (l *lane) uncertain(it *store.Item) bool {
	return it.Uncertain || l.tried || l.attempts > 0 && l.try == it.Seq
}

// mayBeTried says whether whoever works on the lane next must look first.
func (l *lane) mayBeTried() bool {
	return l.tried || l.attempts > 0 || l.state == running || l.state == ending
}

// pick returns the first item that need not wait, or when the first one may go.
func (l *lane) pick(now time.Time) (it *store.Item, at time.Time) {
	for n := range l.items {
		it := &l.items[n]
		if !it.NotBefore.After(now) {
			return it, time.Time{}
		}
		if at.IsZero() || it.NotBefore.Before(at) {
			at = it.NotBefore
		}
	}
	return nil, at
}

// enlist makes a lane known. The caller adds items or sets more.
func (q *Queue) enlist(k store.LaneKey, id int64) *lane {
	l := &lane{key: k, id: id, breaker: q.o.Breaker(k), state: loading}
	l.timer = timer{index: -1, lane: l}
	q.lanes[k] = l
	return l
}

// forget removes a lane that has no work, or is another's.
func (q *Queue) forget(l *lane) {
	q.timers.stop(&l.timer)
	q.empty(l)
	l.gone = true
	if q.lanes[l.key] == l {
		delete(q.lanes, l.key)
	}
	if b := q.breakers[l.breaker]; b != nil {
		b.forget(q, l)
	}
}

// empty drops a lane's items from memory; they are read again when needed.
func (q *Queue) empty(l *lane) {
	for n := range l.items {
		q.memory -= size(&l.items[n])
	}
	l.items, l.tail, l.more = nil, 0, true
}

// drop removes one item, which is done or has moved.
func (q *Queue) drop(l *lane, seq int64) {
	for n := range l.items {
		if l.items[n].Seq != seq {
			continue
		}
		q.memory -= size(&l.items[n])
		if n == 0 {
			l.items[0] = store.Item{}
			l.items = l.items[1:]
		} else {
			l.items = append(l.items[:n], l.items[n+1:]...)
		}
		break
	}
	if len(l.items) == 0 {
		l.items = nil
	}
	l.attempts, l.try = 0, 0
}

// lighten frees the payload of an item that is done but not committed yet.
func (q *Queue) lighten(l *lane, seq int64) {
	for n := range l.items {
		if it := &l.items[n]; it.Seq == seq {
			q.memory -= int64(len(it.Payload))
			it.Payload = nil
			return
		}
	}
}

// append takes items that follow what is known, if there is room; otherwise they
// are read when the lane gets there.
func (q *Queue) append(l *lane, g *store.Growth) {
	l.last = max(l.last, g.Last)
	resting := l.state == waiting || l.state == held || l.state == tripped
	if l.more || l.tail != g.Before || resting && len(l.items) > 0 || l.state == loading || len(l.items)+len(g.Items) > q.o.LookAhead || q.memory > q.o.Memory {
		l.more = true
		return
	}
	for n := range g.Items {
		q.memory += size(&g.Items[n])
	}
	l.items, l.tail = append(l.items, g.Items...), g.Last
}

// makeReady hands a lane to the workers.
func (q *Queue) makeReady(l *lane) {
	q.timers.stop(&l.timer)
	l.state = ready
	if len(l.items) > 0 {
		q.ready.push(l)
	} else {
		q.unread.push(l)
	}
	q.kick()
}

// kick starts a worker if one more is useful and allowed.
func (q *Queue) kick() {
	if q.spawn != nil && !q.stopping && !q.paused && q.ready.len()+q.unread.len() > 0 && q.running < q.o.Workers {
		q.running++
		q.spawn()
	}
}

// rest puts a lane to sleep until a time, out of memory but for a lone item.
func (q *Queue) rest(l *lane, s state, until time.Time) {
	l.state = s
	if len(l.items) > 1 || q.memory > q.o.Memory/2 {
		q.empty(l)
	}
	q.timers.start(&l.timer, until)
	q.retimed()
}

// proceed goes on with a lane after an item left it.
func (q *Queue) proceed(l *lane) {
	if len(l.items) == 0 && !l.more {
		q.forget(l)
		return
	}
	q.makeReady(l)
}

// nextReady takes the lane whose turn it is. Lanes in memory come first, so that a
// backlog of many lanes is not read in small pieces that then all wait in memory
// together; now and then one that must be read goes first, so that it cannot wait
// for ever.
func (q *Queue) nextReady() *lane {
	q.turns++
	first, then := &q.ready, &q.unread
	if every := 4; q.memory < q.o.Memory/2 && q.turns%every == 0 || q.turns%(4*every) == 0 {
		first, then = then, first
	}
	if l := first.pop(); l != nil {
		return l
	}
	return then.pop()
}

// fifo is a queue of lanes.
type fifo struct {
	list []*lane
	head int
}

func (f *fifo) len() int     { return len(f.list) - f.head }
func (f *fifo) push(l *lane) { f.list = append(f.list, l) }

func (f *fifo) pop() *lane {
	if f.len() == 0 {
		return nil
	}
	l := f.list[f.head]
	f.list[f.head] = nil
	f.head++
	if f.head > 1024 && f.head*2 > len(f.list) {
		f.list = append([]*lane(nil), f.list[f.head:]...)
		f.head = 0
	}
	return l
}
