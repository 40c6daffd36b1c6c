package queue_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// BenchmarkQueue accepts messages of 1 KiB for 1,000 lanes, one at a time, from
// 64 sources, and ends each with a message map row.
func BenchmarkQueue(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchQueue(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchQueue(b, storetest.Postgres(b)) })
}

func benchQueue(b *testing.B, db storetest.DB) {
	const lanes, sources = 1000, 64
	payload := make([]byte, 1024)
	for n := range payload {
		payload[n] = 'a' + byte(n%26)
	}
	r := start(b, db.Open(b), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		return delivered(it)
	}))
	var next atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range sources {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				r.accept(store.Entry{Lane: outLane(n%lanes + 1), Key: bridge.Key(fmt.Sprintf("$%016x-event", n*2654435761)), Kind: "text", Payload: payload})
			}
		})
	}
	wg.Wait()
	until(b, "all delivered", func() bool { return r.q.Stats().Delivered == int64(b.N) })
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	s := r.q.Stats()
	b.ReportMetric(float64(b.N)/float64(s.Commits), "msg/commit")
}

// BenchmarkLatency measures the time from the call of Accept to the start of the
// step, with 100 messages a second.
func BenchmarkLatency(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchLatency(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchLatency(b, storetest.Postgres(b)) })
}

func benchLatency(b *testing.B, db storetest.DB) {
	began := make(chan time.Time, 1)
	r := start(b, db.Open(b), stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		began <- time.Now()
		return delivered(it)
	}))
	payload := make([]byte, 1024)
	took := make([]time.Duration, b.N)
	for n := range b.N {
		pause(10 * time.Millisecond)
		from := time.Now()
		r.accept(store.Entry{Lane: outLane(int64(n % 1000)), Key: bridge.Key(fmt.Sprint("$", n)), Kind: "text", Payload: payload})
		took[n] = (<-began).Sub(from)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
