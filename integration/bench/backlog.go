package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// backlogRow is a line of the table of backlogs.
type backlogRow struct {
	database string
	messages int
	accepted float64 // messages per second that went to disk
	filling  int64   // memory at most meanwhile
	stop     time.Duration
	ready    time.Duration // from the start of the program until it takes messages in
	socket   time.Duration // until it is connected to Mattermost
	resumed  time.Duration // from the homeserver's return until the first message
	drained  float64       // messages per second from the first to the last
	draining int64         // memory at most of the second process
	problems []string
}

// backlogs measures an outage of the homeserver.
func (b *bench) backlogs(ctx context.Context) error {
	for _, database := range b.databases() {
		err := b.on(ctx, "backlog", database, b.portals, func(s *stage) error { return s.backlog(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) backlog(ctx context.Context) error {
	r := backlogRow{database: s.database, messages: s.b.backlog}
	g, err := s.startWarm(ctx)
	if err != nil {
		return err
	}
	if err := drained(ctx, g, time.Minute); err != nil {
		return err
	}
	s.hs.meter.reset()
	s.hs.away.Store(true)
	s.hsServer.CloseClientConnections()
	s.say("the homeserver is away, %d messages are written", s.b.backlog)
	if err := s.fill(ctx, g, &r); err != nil {
		return err
	}
	began := time.Now()
	if err := s.stop(g); err != nil {
		return fmt.Errorf("stop with a backlog: %w", err)
	}
	r.stop = time.Since(began)
	s.say("starting with the backlog")
	sockets := s.mm.sockets.Load()
	if g, err = s.start(ctx, "gateway"); err != nil {
		return err
	}
	r.ready = time.Since(g.born)
	if err := s.socket(ctx, sockets+1); err != nil {
		return err
	}
	r.socket = time.Since(g.born)
	if err := poll(ctx, time.Minute, func() bool { return g.connected(ctx) }); err != nil {
		return fmt.Errorf("read what was missed: %w", err)
	}
	s.say("the homeserver is back")
	if err := s.drain(ctx, g, &r); err != nil {
		return err
	}
	s.b.lines.backlogs = append(s.b.lines.backlogs, r)
	return nil
}

// fill makes people write while nothing can be delivered. They write no faster
// than the gateway takes in: what a socket cannot carry is read afterwards channel
// by channel, which is another measurement.
func (s *stage) fill(ctx context.Context, g *gateway, r *backlogRow) error {
	const window, batch = 3000, 100
	before, err := g.account(ctx, "in")
	if err != nil {
		return err
	}
	in := inward(s.hs, s.mm, s.b.portals)
	start, accepted := time.Now(), 0
	// The account is what an operator sees. It is asked for rarely, as it takes the
	// time of the gateway that is measured.
	await := func(n int) error {
		var asked error
		err := poll(ctx, time.Minute, func() bool {
			if accepted < n {
				var a account
				a, asked = g.account(ctx, "in")
				accepted = a.received - before.received
			}
			return asked != nil || accepted >= n
		})
		if err != nil || asked != nil {
			return fmt.Errorf("accepted %d of %d messages: %w", accepted, n, errors.Join(asked, err))
		}
		return nil
	}
	for sent := 0; sent < s.b.backlog; sent += batch {
		if err := await(sent - window); err != nil {
			return err
		}
		if err := in.hand(ctx, sent, min(batch, s.b.backlog-sent)); err != nil {
			return err
		}
	}
	if err := await(s.b.backlog); err != nil {
		return err
	}
	r.accepted = float64(s.b.backlog) / time.Since(start).Seconds()
	used, err := g.usage()
	r.filling = used.hwm
	return err
}

// drain lets the homeserver return and waits until it has everything.
func (s *stage) drain(ctx context.Context, g *gateway, r *backlogRow) error {
	meter := s.hs.meter
	early := meter.arrivals()
	back := time.Now()
	s.hs.away.Store(false)
	if !meter.await(ctx, early+1, 5*time.Minute) {
		return fmt.Errorf("%w after the homeserver is back", errStuck)
	}
	r.resumed = time.Since(back)
	start := time.Now()
	for seen := early; !meter.await(ctx, s.b.backlog, time.Minute); {
		n := meter.arrivals()
		if n == seen || ctx.Err() != nil {
			return fmt.Errorf("%w: %d of %d", errStuck, n, s.b.backlog)
		}
		seen = n
	}
	r.drained = float64(s.b.backlog-early) / time.Since(start).Seconds()
	if err := drained(ctx, g, time.Minute); err != nil {
		return err
	}
	used, err := g.usage()
	if err != nil {
		return err
	}
	r.draining = used.hwm
	r.problems = meter.problems()
	if n := meter.arrivals(); n != s.b.backlog || early > 0 {
		r.problems = append(r.problems, fmt.Sprintf("%d messages arrived, %d of them while the homeserver was away, but %d were written", n, early, s.b.backlog))
	}
	return nil
}

// drained waits until the gateway has nothing left to do towards Matrix.
func drained(ctx context.Context, g *gateway, limit time.Duration) error {
	var last account
	err := poll(ctx, limit, func() bool {
		a, err := g.account(ctx, "in")
		last = a
		return err == nil && a.pending == 0
	})
	if err != nil {
		return fmt.Errorf("%w: %d wait", errStuck, last.pending)
	}
	if last.dead > 0 {
		return fmt.Errorf("%d dead letters", last.dead)
	}
	return nil
}
