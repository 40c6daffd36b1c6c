package queue

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// ErrStopped says that the queue has stopped and accepts nothing more.
var ErrStopped = errors.New("the queue has stopped")

// Options tune a queue. The zero value of each field is the default named.
type Options struct {
	Log     *slog.Logger     // silent
	Now     func() time.Time // time.Now
	Rand    *rand.Rand       // for jitter; seeded at random. Not shared with others
	Workers int              // steps at the same time; 256
	// Breaker names what a lane shares its fate with. Default: the bridge for
	// lanes to the network, "homeserver" for all others.
	Breaker func(store.LaneKey) string
	// Owns says whether this process holds a bridge's login; only then it works
	// on lanes to that network. Default: always.
	Owns       func(bridge.ID) bool
	BackoffMin time.Duration // first pause of a lane; 1 s
	BackoffMax time.Duration // longest pause; 2 min
	HoldMax    time.Duration // longest hold without Wake; 1 min
	LookAhead  int           // items of a lane in memory; 32
	Memory     int64         // bytes of waiting items in memory, about; 4 MiB
	BatchMax   int           // entries and ends in one commit; 1024
	// Poll is how often work of other processes is looked for; 1 s, or 200 ms
	// where several processes share the database.
	Poll  time.Duration
	Grace time.Duration // how long Run waits for running steps at its end; 10 s
}

func (o *Options) fill(multi bool) {
	set(&o.Workers, 256)
	set(&o.BackoffMin, time.Second)
	set(&o.BackoffMax, 2*time.Minute)
	set(&o.HoldMax, time.Minute)
	set(&o.LookAhead, 32)
	set(&o.Memory, 4<<20)
	set(&o.BatchMax, 1024)
	set(&o.Grace, 10*time.Second)
	if multi {
		set(&o.Poll, 200*time.Millisecond)
	}
	set(&o.Poll, time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // jitter needs no secret
	}
	if o.Breaker == nil {
		o.Breaker = func(k store.LaneKey) string {
			if k.Dir == store.DirOut {
				return string(k.Bridge)
			}
			return "homeserver"
		}
	}
	if o.Owns == nil {
		o.Owns = func(bridge.ID) bool { return true }
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Queue is the lanes with work. All methods may be called from many goroutines.
type Queue struct {
	st   *store.Store
	inst *store.Instance
	h    Handler
	o    Options

	// mu guards what follows. It is never held during I/O or a step.
	mu       sync.Mutex
	lanes    map[store.LaneKey]*lane // those with work
	breakers map[string]*breaker     // those that are open
	good     map[string]time.Time    // by breaker: when a lane last got through
	ready    fifo                    // lanes with an item in memory
	unread   fifo                    // lanes whose items must be read
	turns    int                     // of both
	timers   timers
	memory   int64 // bytes in lanes' items
	running  int   // workers
	steps    int   // steps right now
	stopping bool
	paused   bool // our lease may have run out: no new steps
	stats    Stats
	trouble  error  // why the last commit failed; nil when it did not
	spawn    func() // starts a worker; set while Run runs
	retime   chan struct{}

	in intake
}

// Stats are counters since the start, and the state of now.
type Stats struct {
	Accepted, Delivered, Dropped, Dead, Deferred, Retries, Panics int64

	Commits, CommitErrors int64

	Busy, Running, Waiting, Held, Tripped int64 // lanes, now
	Memory                                int64 // bytes of waiting items in memory, about
	Breakers                              int64 // open, now
}

// New makes a queue over a store for a registered process. Nothing happens until
// [Queue.Run].
func New(st *store.Store, inst *store.Instance, h Handler, o Options) *Queue {
	o.fill(st.Multi())
	return &Queue{
		st: st, inst: inst, h: h, o: o,
		lanes: map[store.LaneKey]*lane{}, breakers: map[string]*breaker{}, good: map[string]time.Time{},
		retime: make(chan struct{}, 1),
		in:     intake{signal: make(chan struct{}, 1), closed: make(chan struct{})},
	}
}

// Accept stores what a source delivered, in one transaction, and returns how many
// entries were new. After nil it is on disk. After an error nothing of it is
// stored, or, when ctx ended or the database broke during the commit, perhaps
// all: deliver it again, what is known is ignored. Before [Queue.Run] it blocks,
// after it it fails with [ErrStopped].
func (q *Queue) Accept(ctx context.Context, in store.Intake) (int, error) {
	for n := range in.Entries {
		if in.Entries[n].Key == "" {
			return 0, errors.New("accept: an entry without a key")
		}
	}
	in.Came = q.o.Now()
	w := &op{intake: &in, reply: make(chan accepted, 1)}
	if !q.in.put(w) {
		return 0, ErrStopped
	}
	select {
	case r := <-w.reply:
		return r.n, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-q.in.closed:
		select {
		case r := <-w.reply:
			return r.n, r.err
		default:
			return 0, ErrStopped
		}
	}
}

// Replay puts a dead letter back at the end of its lane.
func (q *Queue) Replay(ctx context.Context, number int64) error {
	err := q.st.Replay(ctx, number)
	q.in.poke()
	return err
}

// Discard gives a dead letter up; who is noted in the audit.
func (q *Queue) Discard(ctx context.Context, number int64, who string) error {
	return q.st.Discard(ctx, number, who)
}

// Wake ends the holds and back-offs of matching lanes now. Lanes behind an open
// breaker are tried by one of them now.
func (q *Queue) Wake(match func(store.LaneKey) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, l := range q.lanes {
		if !match(k) {
			continue
		}
		switch l.state {
		case waiting, held:
			q.makeReady(l)
		case tripped:
			q.probe(q.breakers[l.breaker])
		case ready, loading, running, ending, deferred:
		}
	}
}

// Trouble tells why nothing can be accepted now, nil when it can.
func (q *Queue) Trouble() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.trouble
}

// Recovered ends the back-offs of lanes now, because the other side of some works
// again; but not of lanes that failed while others got through.
func (q *Queue) Recovered() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lanes {
		if l.state == waiting && !l.alone {
			q.makeReady(l)
		}
	}
	for _, b := range q.breakers {
		q.probe(b)
	}
}

// OpenBreakers names what all its lanes wait for now.
func (q *Queue) OpenBreakers() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Sorted(maps.Keys(q.breakers))
}

// Stats tells counters and the present state.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Busy, s.Running, s.Memory, s.Breakers = int64(len(q.lanes)), int64(q.steps), q.memory, int64(len(q.breakers))
	for _, l := range q.lanes {
		switch l.state {
		case waiting:
			s.Waiting++
		case held:
			s.Held++
		case tripped:
			s.Tripped++
		case ready, loading, running, ending, deferred:
		}
	}
	return s
}
