package queue

import (
	"sync"

	"github.com/steg-bridge/steg/core/store"
)

// op is something that waits for the writer. Exactly one of intake, end, move,
// note and give is set.
type op struct {
	intake *store.Intake
	reply  chan accepted // buffered

	lane *lane
	item store.Item
	end  *store.Done
	move *store.Deferral
	note *store.LaneNote
	give *giveBack
}

type accepted struct {
	n   int
	err error
}

// giveBack returns a lane that this process may not work on any more.
type giveBack struct{ tried bool }

func (o *op) weight() int {
	if o.intake != nil {
		return len(o.intake.Entries) + 1
	}
	return 1
}

// keeps says that the operation must happen, however often it takes.
func (o *op) keeps() bool { return o.end != nil || o.move != nil || o.give != nil }

// intake is what waits for the writer, in order.
type intake struct {
	signal chan struct{} // something to do
	closed chan struct{} // nothing will be done any more

	mu      sync.Mutex
	ops     []*op
	refuse  bool // no more from outside
	last    bool // no more at all
	look    bool // look for work of others soon
	dropped bool
}

// put adds an operation. It is false when the queue has stopped.
func (i *intake) put(o *op) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refuse && o.intake != nil || i.dropped {
		return false
	}
	i.ops = append(i.ops, o)
	i.notify()
	return true
}

// back puts operations in front again.
func (i *intake) back(ops []*op) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ops = append(ops, i.ops...)
	i.notify()
}

func (i *intake) notify() {
	select {
	case i.signal <- struct{}{}:
	default:
	}
}

// poke asks for a look at the work of other processes.
func (i *intake) poke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.look = true
	i.notify()
}

// waiting tells how many operations wait.
func (i *intake) waiting() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.ops)
}

// take removes operations up to a weight. over says that nothing will follow;
// look that others' work should be looked for.
func (i *intake) take(limit int) (ops []*op, look, over bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for sum := 0; n < len(i.ops); n++ {
		if sum += i.ops[n].weight(); n > 0 && sum > limit {
			break
		}
	}
	ops = append(ops, i.ops[:n]...)
	clear(i.ops[:n])
	i.ops = i.ops[n:]
	look, i.look = i.look, false
	if len(i.ops) > 0 {
		i.notify()
	} else {
		i.ops = nil
	}
	return ops, look, i.last && len(i.ops) == 0
}

// stopOutside refuses what comes from outside from now on.
func (i *intake) stopOutside() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refuse = true
}

// finish says that nothing more will be put.
func (i *intake) finish() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = true
	i.notify()
}

// abandon drops what is left and lets all callers go.
func (i *intake) abandon() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ops, i.dropped = nil, true
	close(i.closed)
}
