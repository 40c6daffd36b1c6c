package queue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// A backlog larger than memory waits on disk, also after a restart, and drains in
// order without filling memory.
func TestBacklogStaysOnDisk(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		const lanes, each, size, budget = 40, 50, 8 << 10, 256 << 10
		st := db.Open(t)
		var j journal
		var up atomic.Bool
		h := stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
			if !up.Load() {
				return queue.Outcome{Retry: &queue.Retry{Err: errors.New("down"), Shared: it.Portal%2 == 0, After: time.Hour}}
			}
			it.Payload = it.Payload[size:]
			j.add(it)
			return delivered(it)
		})
		tune := func(o *queue.Options) { o.Memory, o.Workers, o.BackoffMax = budget, 4, 2*time.Hour }
		r := start(t, st, h, tune)
		for n := range each {
			var es []store.Entry
			for p := range int64(lanes) {
				e := entry(outLane(p), n)
				e.Payload = append(make([]byte, size), e.Payload...)
				es = append(es, e)
			}
			r.accept(es...)
		}
		// One fetch of each worker may come on top, and the item of each lane that
		// is waiting for a commit (without its payload).
		const most = budget + 4*32*(size+500) + lanes*500
		if m := r.q.Stats().Memory; m > most {
			t.Errorf("%d bytes in memory while all wait", m)
		}
		r.stop()
		if err := r.inst.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		up.Store(true)
		next := start(t, st, h, tune)
		next.q.Wake(func(store.LaneKey) bool { return true })
		until(t, "all is delivered", func() bool {
			next.q.Wake(func(store.LaneKey) bool { return true })
			s := next.q.Stats()
			if s.Memory > most {
				t.Errorf("%d bytes in memory while draining", s.Memory)
			}
			return s.Delivered == lanes*each
		})
		next.account(store.Account{Received: lanes * each, Delivered: lanes * each})
		for p := range int64(lanes) {
			if got, want := fmt.Sprint(j.of(outLane(p))), fmt.Sprint(numbers(each)); got != want {
				t.Errorf("lane %d: %s", p, got)
			}
		}
	})
}

// BenchmarkBacklog lets b.N messages of 1 KiB wait in 1,000 lanes while their
// network is down, starts again, measures a lane that works meanwhile, and drains
// them. Run it with -benchtime 1000000x.
func BenchmarkBacklog(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchBacklog(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchBacklog(b, storetest.Postgres(b)) })
}

func benchBacklog(b *testing.B, db storetest.DB) {
	const lanes, batch = 1000, 50
	var up atomic.Bool
	st := db.Open(b)
	h := stepFunc(func(_ context.Context, it store.Item, _ queue.Attempt) queue.Outcome {
		if !up.Load() && it.Dir == store.DirOut {
			return queue.Outcome{Retry: &queue.Retry{Err: errors.New("down"), Shared: true}}
		}
		return delivered(it)
	})
	r := start(b, st, h)
	payload := make([]byte, 1024)
	began := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				from := next.Add(batch) - batch
				if from >= int64(b.N) {
					return
				}
				var es []store.Entry
				for n := from; n < min(from+batch, int64(b.N)); n++ {
					es = append(es, store.Entry{Lane: outLane(n%lanes + 1), Key: bridge.Key(fmt.Sprintf("$%016x-event", n*2654435761)), Kind: "text", Payload: payload})
				}
				r.accept(es...)
			}
		})
	}
	wg.Wait()
	accepted := time.Since(began)
	r.stop()
	if err := r.inst.Release(b.Context()); err != nil {
		b.Fatal(err)
	}
	began = time.Now()
	r = start(b, st, h)
	until(b, "all lanes are known", func() bool { return r.q.Stats().Busy == int64(min(lanes, b.N)) })
	started := time.Since(began)
	var slowest time.Duration
	for n := range 200 {
		began = time.Now()
		r.accept(entry(inLane(5000), n))
		until(b, "the fresh lane works", func() bool { return r.q.Stats().Delivered == int64(n+1) })
		slowest = max(slowest, time.Since(began))
	}

	began = time.Now()
	up.Store(true)
	r.q.Wake(func(store.LaneKey) bool { return true })
	b.ResetTimer()
	drained := func() bool { return r.q.Stats().Delivered == int64(b.N)+200 }
	for !drained() {
		pause(5 * time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/accepted.Seconds(), "accept/s")
	b.ReportMetric(started.Seconds(), "start-s")
	b.ReportMetric(float64(slowest.Milliseconds()), "fresh-max-ms")
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "drain/s")
	b.ReportMetric(peakMiB(b), "peak-MiB")
	verify(b, st)
}

// peakMiB is the most memory that this process ever had in RAM.
func peakMiB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		return 0
	}
	kb, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return 0
	}
	return kb / 1024
}
