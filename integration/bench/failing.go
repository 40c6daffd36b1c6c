package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// failingRow is a line of the table of one failing chat among many.
type failingRow struct {
	database, direction string
	alone50, alone99    time.Duration // all the way, when nothing fails
	with50, with99      time.Duration // the same chats while another one fails
	behind              int           // messages that waited in the failing chat
	healed              time.Duration // from its recovery until they had arrived
	problems            []string
}

// healthySeconds is how long the others are measured before and after.
const healthySeconds = 8

// failings measures what one failing chat does to the others.
func (b *bench) failings(ctx context.Context) error {
	for _, database := range b.first() {
		err := b.on(ctx, "failing", database, b.portals, func(s *stage) error { return s.failing(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

// failing measures both directions at the same time: first when all is well, then
// while the last chat fails, and again when all is well, so that a machine which
// becomes slower or faster meanwhile shows.
func (s *stage) failing(ctx context.Context) error {
	g, err := s.startWarm(ctx)
	if err != nil {
		return err
	}
	if err := drained(ctx, g, time.Minute); err != nil {
		return err
	}
	f := &fleet{all: []*gateway{g}}
	courses := s.courses(f)
	for _, c := range courses {
		c.meter.reset()
	}
	phases := []struct {
		say     string
		seconds int
		run     func(c *course, ctx context.Context, seconds int) error
	}{
		{"100 messages per second and direction, all is well", healthySeconds, (*course).calm},
		{"the same while a chat fails", s.b.failingSeconds, (*course).storm},
		{"and when it is well again", healthySeconds, (*course).calm},
	}
	for _, phase := range phases {
		s.say("%s", phase.say)
		group, inner := errgroup.WithContext(ctx)
		for _, c := range courses {
			group.Go(func() error { return phase.run(c, inner, phase.seconds) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	for _, c := range courses {
		s.b.lines.failings = append(s.b.lines.failings, c.row())
	}
	return nil
}
