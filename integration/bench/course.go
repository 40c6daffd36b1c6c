package main

import (
	"context"
	"fmt"
	"time"
)

// course is one direction's way through the measurement of a failing chat. The
// last chat is the one that fails, all others are measured.
type course struct {
	side

	database string
	fails    func(on bool)                                // lets sends to the last chat fail, or not
	disturb  func(ctx context.Context, from, n int) error // hands in messages for the last chat

	sent int // to the others
	ill  int // to the last chat

	took   [phases][]time.Duration // the others' messages
	healed time.Duration
}

// courses makes both directions.
func (s *stage) courses(f *fleet) []*course {
	last := s.b.portals - 1
	channel, room := channelID(last), roomOf(aliasOf(last))
	in := &course{
		side: inward(s.hs, s.mm, last), database: s.database,
		fails: func(on bool) { s.hs.sick.Store(when(on, room)) },
		disturb: func(_ context.Context, from, n int) error {
			for i := from; i < from+n; i++ {
				if err := s.mm.say(last, i); err != nil {
					return fmt.Errorf("push post: %w", err)
				}
			}
			return nil
		},
	}
	in.meter.setApart(room)
	out := &course{
		side: outward(f, s.mm, last, "others"), database: s.database,
		fails: func(on bool) { s.mm.sick.Store(when(on, channel)) },
		disturb: func(ctx context.Context, from, n int) error {
			return f.transaction(ctx, messages("failing", from, n, func(int) int { return last }))
		},
	}
	out.meter.setApart(channel)
	return []*course{in, out}
}

func when(on bool, name string) *string {
	if !on {
		return nil
	}
	return &name
}

// calm measures the others while all is well.
func (c *course) calm(ctx context.Context, seconds int) ([]time.Duration, error) {
	return c.measure(ctx, seconds, nil)
}

// storm measures the others while the last chat fails, in which people go on
// writing, and waits until all of that has arrived, too.
func (c *course) storm(ctx context.Context, seconds int) ([]time.Duration, error) {
	c.fails(true)
	const already = 20
	more := func(n int) error {
		err := c.disturb(ctx, c.ill, n)
		c.ill += n
		return err
	}
	if err := more(already); err != nil {
		return nil, err
	}
	took, err := c.measure(ctx, seconds, func(n int) error {
		if n%10 != 0 {
			return nil
		}
		return more(1)
	})
	early := c.meter.late()
	c.fails(false)
	if err != nil {
		return nil, err
	}
	if early > 0 {
		return nil, fmt.Errorf("%d messages arrived in the chat that fails", early)
	}
	start := time.Now()
	if err := poll(ctx, 5*time.Minute, func() bool { return c.meter.late() >= c.ill }); err != nil {
		return nil, fmt.Errorf("%s: %w: %d of %d in the chat that failed", c.name, errStuck, c.meter.late(), c.ill)
	}
	c.healed = time.Since(start)
	return took, nil
}

// measure hands in 100 messages per second and returns how long they took.
func (c *course) measure(ctx context.Context, seconds int, also func(n int) error) ([]time.Duration, error) {
	count := 100 * seconds
	if err := c.pace(ctx, c.sent, count, also); err != nil {
		return nil, err
	}
	c.sent += count
	err := c.room(ctx, c.sent)
	return c.meter.times(), err
}

// row is what the report shows.
func (c *course) row() failingRow {
	r := failingRow{database: c.database, direction: c.name, behind: c.ill, healed: c.healed, problems: c.meter.problems()}
	for n := range phases {
		r.p50[n], r.p99[n] = percentile(c.took[n], 50), percentile(c.took[n], 99)
	}
	if n := c.meter.arrivals() + c.meter.late(); n != c.sent+c.ill {
		r.problems = append(r.problems, fmt.Sprintf("%d messages arrived, but %d were written", n, c.sent+c.ill))
	}
	return r
}
