package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// beside measures messages before and while something else goes on: 100 per second
// and direction, all the way.
type beside struct {
	fleet    *fleet
	sides    []side
	p50, p99 [][2]time.Duration // by side: before, while
	problems [][]string
	sent     int
}

// beside starts a gateway that has nothing left to do.
func (s *stage) beside(ctx context.Context, name string) (*beside, error) {
	g, err := s.startWarm(ctx)
	if err != nil {
		return nil, err
	}
	if err := drained(ctx, g, time.Minute); err != nil {
		return nil, err
	}
	m := &beside{fleet: &fleet{all: []*gateway{g}}}
	m.sides = []side{inward(s.hs, s.mm, s.b.portals), outward(m.fleet, s.mm, s.b.portals, name)}
	m.p50, m.p99 = make([][2]time.Duration, len(m.sides)), make([][2]time.Duration, len(m.sides))
	m.problems = make([][]string, len(m.sides))
	return m, nil
}

// measure is phase 0, before, or 1, while.
func (m *beside) measure(ctx context.Context, phase, seconds int) error {
	var group errgroup.Group
	for i, side := range m.sides {
		group.Go(func() error {
			side.meter.reset()
			if err := side.pace(ctx, m.sent, 100*seconds, nil); err != nil {
				return err
			}
			if err := side.room(ctx, 100*seconds); err != nil {
				return err
			}
			took := side.meter.times()
			m.p50[i][phase], m.p99[i][phase] = percentile(took, 50), percentile(took, 99)
			m.problems[i] = append(m.problems[i], side.meter.problems()...)
			return nil
		})
	}
	err := group.Wait()
	m.sent += 100 * seconds
	return err
}
