package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// meter counts what arrives on one side, and checks order and doubles per lane.
type meter struct {
	mu      sync.Mutex
	changed chan struct{}
	count   int
	last    map[string]int
	faults  []string
	due     map[int]time.Time // when a message was handed in, where latency is measured
	took    []time.Duration
}

func newMeter() *meter {
	return &meter{changed: make(chan struct{}), last: map[string]int{}, due: map[int]time.Time{}}
}

// reset begins a run.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count, m.faults, m.took = 0, nil, nil
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
	m.count++
	if at, ok := m.due[n]; ok {
		m.took = append(m.took, now.Sub(at))
		delete(m.due, n)
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// state returns the count, and what is closed when it changes.
func (m *meter) state() (int, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count, m.changed
}

// lanes counts the lanes in which something has arrived.
func (m *meter) lanes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.last)
}

// percentile returns the p-th of 100 of the latencies.
func (m *meter) percentile(p int) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.took) == 0 {
		return 0
	}
	slices.Sort(m.took)
	return m.took[min(len(m.took)*p/100, len(m.took)-1)]
}

func (m *meter) problems() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.faults)
}
