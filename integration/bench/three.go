package main

import (
	"context"
	"fmt"
	"time"
)

// threeRow is a line of the table of several processes.
type threeRow struct {
	direction string
	rate      float64
	cpu       time.Duration // per 1,000 messages, of all processes
	rss       int64         // of all processes
	problems  []string
}

// three measures three processes on one database.
func (b *bench) three(ctx context.Context) error {
	if b.database == "sqlite" {
		fmt.Println("three: several processes share a database on PostgreSQL only: left out")
		return nil
	}
	return b.on(ctx, "three", postgres, b.portals, func(s *stage) error { return s.three(ctx) })
}

func (s *stage) three(ctx context.Context) error {
	f := &fleet{}
	for _, name := range []string{"first", "second", "third"} {
		g, err := s.start(ctx, name)
		if err != nil {
			return err
		}
		f.all = append(f.all, g)
	}
	if err := s.warm(ctx); err != nil {
		return err
	}
	for _, side := range []side{inward(s.hs, s.mm, s.b.portals), outward(f, s.mm, s.b.portals, "three")} {
		s.say("three processes, %s, %d messages at full load", side.name, s.b.threeMessages)
		var got row
		if err := throughput(ctx, f, side, s.b.threeMessages, &got); err != nil {
			return err
		}
		r := threeRow{direction: side.name, rate: got.rate, cpu: got.cpu, rss: got.rss, problems: got.problems}
		for _, g := range f.all {
			if err := drained(ctx, g, time.Minute); err != nil {
				return err
			}
		}
		if n := side.meter.arrivals(); n != s.b.threeMessages {
			r.problems = append(r.problems, fmt.Sprintf("%d messages arrived, but %d were written", n, s.b.threeMessages))
		}
		s.b.lines.threes = append(s.b.lines.threes, r)
	}
	return nil
}
