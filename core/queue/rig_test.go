package queue_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// stepFunc is a handler made of a function.
type stepFunc func(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome

func (f stepFunc) Step(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome {
	return f(ctx, it, a)
}

// rig is a running queue over a fresh database.
type rig struct {
	t    testing.TB
	st   *store.Store
	inst *store.Instance
	q    *queue.Queue
	stop func()
}

// start runs a queue until the test ends or stop is called.
func start(t testing.TB, st *store.Store, h queue.Handler, change ...func(*queue.Options)) *rig {
	t.Helper()
	o := queue.Options{BackoffMin: 5 * time.Millisecond, BackoffMax: 50 * time.Millisecond, HoldMax: time.Minute, Poll: 20 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	r := &rig{t: t, st: st, inst: storetest.Instance(t, st)}
	r.q = queue.New(st, r.inst, h, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.q.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(r.stop)
	return r
}

func (r *rig) accept(es ...store.Entry) int {
	r.t.Helper()
	n, err := r.q.Accept(r.t.Context(), store.Intake{Entries: es})
	if err != nil {
		r.t.Fatalf("accept: %v", err)
	}
	return n
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}

// account waits for an account and checks it against the tables.
func (r *rig) account(want store.Account) {
	r.t.Helper()
	var got store.Account
	var err error
	until(r.t, fmt.Sprintf("account %+v", want), func() bool {
		got, err = r.st.Account(r.t.Context())
		return err == nil && got == want
	})
	verify(r.t, r.st)
}

func verify(t testing.TB, st *store.Store) {
	t.Helper()
	bad, err := st.VerifyAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bad {
		t.Error(line)
	}
}

func outLane(portal int64) store.LaneKey {
	return store.LaneKey{School: "gym", Bridge: "mm", Portal: portal, Dir: store.DirOut}
}

func inLane(portal int64) store.LaneKey {
	return store.LaneKey{School: "gym", Bridge: "mm", Portal: portal, Dir: store.DirIn}
}

func entry(l store.LaneKey, n int) store.Entry {
	return store.Entry{Lane: l, Key: bridge.Key(fmt.Sprintf("$event-%d", n)), Kind: "text", Payload: fmt.Appendf(nil, "%d", n)}
}

// delivered is the usual end of a message.
func delivered(it store.Item) queue.Outcome {
	return queue.Outcome{Done: &store.Done{Verdict: store.Delivered, Links: []store.Link{{
		School: it.School, Bridge: it.Bridge, Portal: it.Portal, Dir: it.Dir, Key: it.Key, Kind: store.LinkMessage,
		Room: "!room:example.org", Event: "$event", Remote: bridge.MessageID("remote-" + string(it.Key)),
	}}}}
}

// journal records what was delivered, by lane.
type journal struct {
	mu   sync.Mutex
	seen map[store.LaneKey][]string
}

func (j *journal) add(it store.Item) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen == nil {
		j.seen = map[store.LaneKey][]string{}
	}
	j.seen[it.LaneKey] = append(j.seen[it.LaneKey], string(it.Payload))
}

func (j *journal) of(l store.LaneKey) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.seen[l])
}

func (j *journal) count() (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.seen {
		n += len(s)
	}
	return n
}
