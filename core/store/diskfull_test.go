package store_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

type stepFunc func(context.Context, store.Item, queue.Attempt) queue.Outcome

func (f stepFunc) Step(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome {
	return f(ctx, it, a)
}

// With a full disk nothing is accepted and nothing is lost; once there is space
// all goes on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t).Open(t)
	i := storetest.Instance(t, s)
	var mu sync.Mutex
	var got []bridge.Key
	arrived, gate := make(chan struct{}), make(chan struct{})
	q := queue.New(s, i, stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		if it.Key == "first" {
			close(arrived)
			<-gate
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, it.Key)
		l := link(it, bridge.MessageID("of "+it.Key))
		l.RootRemote = bridge.MessageID(bytes.Repeat([]byte("long"), 3000)) // the end needs space, too
		return queue.Outcome{Done: &store.Done{Verdict: store.Delivered, Links: []store.Link{l}}}
	}), queue.Options{})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := q.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer stop()
	if _, err := q.Accept(ctx, entries(lane(1), "first", "second")); err != nil {
		t.Fatal(err)
	}
	<-arrived
	s.LimitPages(t, 0)
	big := entries(lane(1), "third")
	big.Entries[0].Payload = bytes.Repeat([]byte("x"), 100_000)
	if n, err := q.Accept(ctx, big); n != 0 || !errors.Is(err, store.ErrDiskFull) || !store.Temporary(err) {
		t.Errorf("accepted %d, %v", n, err)
	}
	close(gate)
	wait(t, "the end cannot be stored", func() bool { return q.Stats().CommitErrors > 2 })
	mu.Lock()
	if !slices.Equal(got, []bridge.Key{"first"}) {
		t.Errorf("went on without a commit: %v", got)
	}
	mu.Unlock()
	verified(t, s, store.Account{Received: 2, Pending: 2})
	wantIs(t, q.Trouble(), store.ErrDiskFull)
	s.LimitPages(t, 1_000_000)
	wait(t, "all goes on", func() bool { return q.Stats().Delivered == 2 })
	if n, err := q.Accept(ctx, big); n != 1 || err != nil {
		t.Errorf("accepted %d, %v", n, err)
	}
	wait(t, "the last one", func() bool { return q.Stats().Delivered == 3 })
	verified(t, s, store.Account{Received: 3, Delivered: 3})
	ok(t, q.Trouble())
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(got, []bridge.Key{"first", "second", "third"}) {
		t.Errorf("delivered %v", got)
	}
}

func wait(t *testing.T, what string, ok func() bool) {
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
