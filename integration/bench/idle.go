package main

import (
	"context"
	"fmt"
	"time"
)

// idleRow is a line of the table of gateways with nothing to do.
type idleRow struct {
	database        string
	portals, people int
	ready           time.Duration // from the start of the program until it takes messages in
	socket          time.Duration // until it is connected to Mattermost
	caughtUp        time.Duration // until it has asked every chat for what it missed
	rss             int64         // after a while without work
	hwm             int64         // at most, so far
	cpu             float64       // share of a core, without work
}

// idles measures a large gateway with nothing to do.
func (b *bench) idles(ctx context.Context) error {
	for _, database := range b.first() {
		err := b.on(ctx, "idle", database, b.idlePortals, func(s *stage) error { return s.idle(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) idle(ctx context.Context) error {
	r := idleRow{database: s.database, portals: s.b.idlePortals, people: s.b.idlePeople}
	s.say("writing %d portals and %d people", r.portals, r.people)
	if err := s.seed(ctx, "gateway", r.portals, r.people); err != nil {
		return err
	}
	s.say("starting")
	g, err := s.start(ctx, "gateway")
	if err != nil {
		return err
	}
	r.ready = time.Since(g.born)
	if err := s.socket(ctx, 1); err != nil {
		return err
	}
	r.socket = time.Since(g.born)
	if err := poll(ctx, 5*time.Minute, func() bool { return s.mm.history.listed.Load() >= int64(r.portals) }); err != nil {
		return fmt.Errorf("read what was missed: %w", err)
	}
	r.caughtUp = time.Since(g.born)
	s.say("nothing happens for %d s", s.b.idleSeconds)
	before, err := g.usage()
	if err != nil {
		return err
	}
	timer := time.NewTimer(time.Duration(s.b.idleSeconds) * time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	after, err := g.usage()
	if err != nil {
		return err
	}
	r.rss, r.hwm = after.rss, after.hwm
	r.cpu = (after.cpu - before.cpu).Seconds() / float64(s.b.idleSeconds)
	s.b.lines.idles = append(s.b.lines.idles, r)
	return nil
}
