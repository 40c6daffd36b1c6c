package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// row is a line of the table.
type row struct {
	database, direction string
	rate                float64       // messages per second, sustained
	p50, p99            time.Duration // taken in to send starts, as the gateway counts
	through50           time.Duration // handed in to arrived, as the stubs see it
	through99           time.Duration
	cpu                 time.Duration // per 1,000 messages at full load
	cpuSlow             time.Duration // per 1,000 messages at 100 per second
	rss                 int64
	problems            []string
}

// side is one direction under load: how a message is handed in, and where it
// arrives.
type side struct {
	name      string
	direction string // in the gateway's metrics
	meter     *meter
	window    int // messages on their way at most
	batch     int // handed in at once
	hand      func(ctx context.Context, from, count int) error
}

// throughput drives a side at full load and measures.
func throughput(ctx context.Context, f *fleet, s side, messages int, r *row) error {
	s.meter.reset()
	before, err := f.usage()
	if err != nil {
		return err
	}
	start := time.Now()
	for sent := 0; sent < messages; sent += s.batch {
		if err := s.room(ctx, sent-s.window); err != nil {
			return err
		}
		if err := s.hand(ctx, sent, s.batch); err != nil {
			return err
		}
	}
	if err := s.room(ctx, messages); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := f.usage()
	if err != nil {
		return err
	}
	r.rate = float64(messages) / took.Seconds()
	r.cpu = (after.cpu - before.cpu) * 1000 / time.Duration(messages)
	r.rss = max(r.rss, after.hwm)
	r.problems = append(r.problems, s.meter.problems()...)
	return nil
}

// errStuck says that messages did not arrive.
var errStuck = errors.New("messages do not arrive")

// room waits until at least n messages have arrived.
func (s side) room(ctx context.Context, n int) error {
	const patience = 20 * time.Second
	if s.meter.await(ctx, n, patience) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w: %d of %d in %v", s.name, errStuck, s.meter.arrivals(), n, patience)
}

// latency drives a side with 100 messages per second and measures what the
// gateway adds.
func latency(ctx context.Context, g *gateway, s side, messages int, r *row) error {
	s.meter.reset()
	counts, err := g.delays(ctx, s.direction)
	if err != nil {
		return err
	}
	before, err := g.usage()
	if err != nil {
		return err
	}
	if err := s.pace(ctx, 0, messages, nil); err != nil {
		return err
	}
	if err := s.room(ctx, messages); err != nil {
		return err
	}
	after, err := g.usage()
	if err != nil {
		return err
	}
	took := s.meter.times()
	r.through50, r.through99 = percentile(took, 50), percentile(took, 99)
	counted, err := g.delays(ctx, s.direction)
	if err != nil {
		return err
	}
	counted = counted.since(counts)
	r.p50, r.p99 = counted.percentile(50), counted.percentile(99)
	r.cpuSlow = (after.cpu - before.cpu) * 1000 / time.Duration(messages)
	r.problems = append(r.problems, s.meter.problems()...)
	return nil
}

// pace hands in 100 messages per second. also, when not nil, is called with each.
func (s side) pace(ctx context.Context, from, count int, also func(n int) error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := from; n < from+count; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		s.meter.handed(n)
		if err := s.hand(ctx, n, 1); err != nil {
			return err
		}
		if also == nil {
			continue
		}
		if err := also(n); err != nil {
			return err
		}
	}
	return nil
}

// outward hands Matrix messages to the gateway, in transactions.
func outward(f *fleet, mm *mattermost, portals int, run string) side {
	return side{
		name: "Matrix to Mattermost", direction: "out", meter: mm.meter, window: 2000, batch: 100, // as Synapse does
		hand: func(ctx context.Context, from, count int) error {
			return f.transaction(ctx, messages(run, from, count, func(n int) int { return n % portals }))
		},
	}
}

// messages makes what people write in rooms; run keeps the IDs of their events apart.
func messages(run string, from, count int, portal func(n int) int) []event {
	events := make([]event, 0, count)
	for n := from; n < from+count; n++ {
		events = append(events, event{
			ID: fmt.Sprintf("$%s-%d", run, n), Room: roomOf(aliasOf(portal(n))), Type: "m.room.message",
			Sender: pupil, Time: time.Now().UnixMilli(),
			Content: map[string]any{
				"msgtype": "m.text", "body": fmt.Sprintf("A message of **ordinary** length, as people write it #n%d", n),
				"format":         "org.matrix.custom.html",
				"formatted_body": fmt.Sprintf("A message of <strong>ordinary</strong> length, as people write it #n%d", n),
			},
		})
	}
	return events
}

// inward makes people of the network write.
func inward(hs *homeserver, mm *mattermost, portals int) side {
	return side{
		name: "Mattermost to Matrix", direction: "in", meter: hs.meter, window: 2000, batch: 10,
		hand: func(_ context.Context, from, count int) error {
			for n := from; n < from+count; n++ {
				if err := mm.say(n%portals, n); err != nil {
					return fmt.Errorf("push post: %w", err)
				}
			}
			return nil
		},
	}
}

// aliasOf is the local part of the alias of a portal, as the Mattermost bridge
// names it.
func aliasOf(n int) string { return "_steg_mm_" + "gym." + channelName(n) }
