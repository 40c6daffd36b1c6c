package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// meter counts what arrives on one side, and checks order and doubles per lane.
type meter struct {
	mu     sync.Mutex
	count  int
	want   int           // the count that somebody waits for; 0 = nobody
	enough chan struct{} // told when it is reached
	last   map[string]int
	faults []string
	due    map[int]time.Time // when a message was handed in, where latency is measured
	took   []time.Duration
	apart  string // a lane that is in trouble and does not count with the others
	behind int    // messages that arrived in it
}

func newMeter() *meter {
	return &meter{enough: make(chan struct{}, 1), last: map[string]int{}, due: map[int]time.Time{}}
}

// reset begins a run.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count, m.faults, m.took, m.behind = 0, nil, nil, 0
	clear(m.last)
	clear(m.due)
}

// handed notes when message n was given to the gateway.
func (m *meter) handed(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due[n] = time.Now()
}

// arrived notes a message on the other side. Numbers grow within a lane.
func (m *meter) arrived(lane string, n int) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if n < 0 {
		return
	}
	if last, ok := m.last[lane]; ok && n <= last && len(m.faults) < 5 {
		m.faults = append(m.faults, fmt.Sprintf("%d after %d in one portal", n, last))
	}
	m.last[lane] = n
	if lane == m.apart {
		m.behind++
		return
	}
	m.count++
	if at, ok := m.due[n]; ok {
		m.took = append(m.took, now.Sub(at))
		delete(m.due, n)
	}
	if m.want > 0 && m.count >= m.want {
		m.want = 0
		m.enough <- struct{}{}
	}
}

// arrivals returns how many have arrived.
func (m *meter) arrivals() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// await waits until n have arrived. The driver is not woken for each of them: it
// would take the time of the gateway that it measures. One waits at a time.
func (m *meter) await(ctx context.Context, n int, patience time.Duration) bool {
	m.mu.Lock()
	if m.count >= n {
		m.mu.Unlock()
		return true
	}
	m.want = n
	m.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-m.enough:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.want = 0; len(m.enough) > 0 {
		<-m.enough
	}
	return m.count >= n
}

// setApart names the lane that does not count with the others.
func (m *meter) setApart(lane string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apart = lane
}

// late returns how many have arrived in the lane that does not count.
func (m *meter) late() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.behind
}

// lanes counts the lanes in which something has arrived.
func (m *meter) lanes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.last)
}

// times returns the latencies since it was last asked.
func (m *meter) times() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	took := m.took
	m.took = nil
	return took
}

// percentile returns the p-th of 100 of the latencies.
func percentile(took []time.Duration, p int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)*p/100, len(took)-1)]
}

func (m *meter) problems() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.faults)
}
