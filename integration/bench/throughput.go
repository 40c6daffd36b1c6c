package main

import "context"

// throughput measures speed, latency, CPU and memory of one process.
func (b *bench) throughput(ctx context.Context) error {
	for _, database := range b.databases() {
		err := b.on(ctx, "throughput", database, b.portals, func(s *stage) error { return s.throughput(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

// throughput runs one gateway through all loads.
func (s *stage) throughput(ctx context.Context) error {
	g, err := s.startWarm(ctx)
	if err != nil {
		return err
	}
	f := &fleet{all: []*gateway{g}}
	in, out := inward(s.hs, s.mm, s.b.portals), outward(f, s.mm, s.b.portals, "full")
	rows := make([]row, 2)
	for i, side := range []side{in, out} {
		rows[i] = row{database: s.database, direction: side.name}
		s.say("%s, %d messages at full load", side.name, s.b.messages)
		if err := throughput(ctx, f, side, s.b.messages, &rows[i]); err != nil {
			return err
		}
	}
	slow := outward(f, s.mm, s.b.portals, "slow")
	for i, side := range []side{in, slow} {
		s.say("%s, 100 messages per second for %d s", side.name, s.b.seconds)
		if err := latency(ctx, g, side, s.b.seconds*100, &rows[i]); err != nil {
			return err
		}
	}
	s.b.lines.loads = append(s.b.lines.loads, rows...)
	return nil
}
