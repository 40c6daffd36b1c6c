package kill_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/integration/check"
	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/worldtest"
)

// TestNothingIsLost lets teachers and pupils write while everything breaks.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	for _, kind := range world.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			if !worldtest.Long() {
				t.Parallel() // short runs wait more than they work
			}
			for _, p := range plans(kind) {
				t.Run(p.name, func(t *testing.T) { survive(t, kind, p) })
			}
		})
	}
}

// survive carries a plan out and compares both sides.
func survive(t *testing.T, kind world.Kind, p plan) {
	t.Helper()
	seed := seed(t)
	t.Logf("STEG_SEED=%d", seed)
	s := newStage(t, kind, p)
	load := &check.Load{People: s.people, Rate: p.rate, Patience: time.Minute}
	trouble := &breaker{w: s.w}
	began := time.Now()
	var sent []check.Sent
	for i, a := range p.acts {
		if a.settled {
			must(t, s.w.Gateway.Settled(within(t, p.patience)))
		}
		load.Seed, load.Chats, load.Writes = seed+uint64(i), a.chats(s.chats), nil
		if a.oneWay {
			load.Writes = func(person check.Person, chat check.Chat) bool {
				return slices.Index(s.chats, chat)%2 == int(person.Side)
			}
		}
		sent = append(sent, play(t, load, func(ctx context.Context) error { return trouble.run(ctx, a, load.Seed) })...)
	}
	loaded := time.Since(began)
	report := s.compare(t, p, sent, trouble.last)
	if err := report.Err(); err != nil {
		t.Errorf("%v\n%s", err, report.Detailed())
	}
	s.ownPosts(t)
	s.verify(t)
	t.Logf("%s on %s: %d portals, %d messages in %.0f s, all quiet after %.0f s, STEG_SEED=%d\n%s%s",
		p.name, kind, len(s.chats), len(sent), loaded.Seconds(), time.Since(began).Seconds(), seed, trouble.table(), report)
}

// play lets people write for as long as trouble goes on.
func play(t *testing.T, load *check.Load, trouble func(context.Context) error) []check.Sent {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sent []check.Sent
	var group errgroup.Group
	group.Go(func() (err error) {
		sent, err = load.Run(ctx)
		return err
	})
	group.Go(func() error {
		defer stop()
		return trouble(ctx)
	})
	must(t, group.Wait())
	return sent
}
