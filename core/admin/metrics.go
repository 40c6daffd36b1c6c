package admin

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// labels name a sum of lanes. Their number is that of bridges times schools
// times directions: it does not grow with portals or people.
type labels struct {
	bridge bridge.ID
	school bridge.SchoolID
	dir    store.Dir
}

// sums is the account of the lanes that share labels.
type sums struct {
	received, delivered, dropped, dead, pending int64
	oldest                                      float64 // age in seconds
}

// snapshot is the state at one scrape.
type snapshot struct {
	lanes    map[labels]*sums
	logins   []store.LoginState
	breakers []string
	up       float64 // 1 = the database answered
}

// metric describes one number of a sum.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*sums) float64
}

// delayBuckets are upper bounds in seconds, close together where the healthy
// values are.
var delayBuckets = []float64{
	.0002, .0004, .0006, .0008, .001, .00125, .0015, .00175, .002, .0025, .003, .004, .005, .0075, .01, .0125, .015, .02, .03, .05,
	.1, .25, 1, 5, 30, 300,
}

var perLane = []string{"bridge", "school", "direction"}

// laneMetrics lists the numbers of each sum of lanes.
func laneMetrics() []metric {
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, perLane, nil) }
	return []metric{
		{desc("steg_received_total", "Items accepted on disk."), counter, func(s *sums) float64 { return float64(s.received) }},
		{desc("steg_delivered_total", "Items delivered."), counter, func(s *sums) float64 { return float64(s.delivered) }},
		{desc("steg_dropped_total", "Items dropped by a named policy."), counter, func(s *sums) float64 { return float64(s.dropped) }},
		{desc("steg_dead", "Dead letters that wait for a human."), gauge, func(s *sums) float64 { return float64(s.dead) }},
		{desc("steg_pending", "Items accepted and not done yet."), gauge, func(s *sums) float64 { return float64(s.pending) }},
		{desc("steg_oldest_pending_seconds", "Age of the oldest item that is not done; 0 when none waits."), gauge, func(s *sums) float64 { return s.oldest }},
	}
}

var (
	loginDesc   = prometheus.NewDesc("steg_login_state", "1 for the state that a bridge's login is in.", []string{"bridge", "state"}, nil)
	breakerDesc = prometheus.NewDesc("steg_breaker_open", "1 for what all its lanes wait for: a bridge, or the homeserver.", []string{"breaker"}, nil)
	upDesc      = prometheus.NewDesc("steg_database_up", "1 when the database answered this scrape.", nil, nil)
)

// snapshot reads the numbers. It is never nil; an error says that they lack.
func (s *Server) snapshot(ctx context.Context) (*snapshot, error) {
	now := &snapshot{lanes: map[labels]*sums{}}
	if s.opts.OpenBreakers != nil {
		now.breakers = s.opts.OpenBreakers()
	}
	lanes, err := s.opts.Source.Lanes(ctx)
	if err != nil {
		return now, err
	}
	for _, lane := range lanes {
		key := labels{lane.Bridge, lane.School, lane.Dir}
		sum, ok := now.lanes[key]
		if !ok {
			sum = &sums{}
			now.lanes[key] = sum
		}
		sum.received += lane.Received
		sum.delivered += lane.Delivered
		sum.dropped += lane.Dropped
		sum.dead += lane.Dead
		sum.pending += lane.Pending()
		if !lane.Oldest.IsZero() {
			sum.oldest = max(sum.oldest, s.opts.Now().Sub(lane.Oldest).Seconds())
		}
	}
	if now.logins, err = s.opts.Source.Logins(ctx); err != nil {
		return now, err
	}
	now.up = 1
	return now, nil
}

var _ prometheus.Collector = (*snapshot)(nil)

// Describe implements [prometheus.Collector]: the snapshot is unchecked, because
// it lives for one scrape.
func (n *snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (n *snapshot) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, n.up)
	for _, m := range laneMetrics() {
		for key, sum := range n.lanes {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(sum), string(key.bridge), string(key.school), string(key.dir))
		}
	}
	type state struct {
		bridge bridge.ID
		state  bridge.ConnState
	}
	seen := map[state]bool{}
	for _, l := range n.logins {
		if key := (state{l.Bridge, l.State}); !seen[key] {
			seen[key] = true
			out <- prometheus.MustNewConstMetric(loginDesc, prometheus.GaugeValue, 1, string(l.Bridge), string(l.State))
		}
	}
	for _, name := range n.breakers {
		out <- prometheus.MustNewConstMetric(breakerDesc, prometheus.GaugeValue, 1, name)
	}
}
