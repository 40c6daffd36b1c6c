package queue_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func TestDelivers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var j journal
		r := start(t, db.Open(t), stepFunc(func(_ context.Context, it store.Item, a queue.Attempt) queue.Outcome {
			if a.Uncertain || a.N > 0 {
				t.Errorf("item %d was never tried, told %+v", it.Seq, a)
			}
			j.add(it)
			return delivered(it)
		}))
		const lanes, each = 20, 50
		var wg sync.WaitGroup
		for p := range int64(lanes) {
			wg.Go(func() {
				for n := range each {
					if got := r.accept(entry(outLane(p), n)); got != 1 {
						t.Errorf("accepted %d", got)
					}
				}
			})
		}
		wg.Wait()
		r.account(store.Account{Received: lanes * each, Delivered: lanes * each})
		want := make([]string, each)
		for n := range each {
			want[n] = fmt.Sprint(n)
		}
		for p := range int64(lanes) {
			if got := j.of(outLane(p)); !slices.Equal(got, want) {
				t.Errorf("lane %d: %v", p, got)
			}
		}
	})
}
