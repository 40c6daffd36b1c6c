package kill_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// breaker breaks a world.
type breaker struct {
	w *world.World

	mu     sync.Mutex
	counts map[string]int
	last   time.Time // when the homeserver was back after it was last killed
}

// run breaks and repairs until the act is done. All kinds of trouble go on at the
// same time, so that they meet.
func (b *breaker) run(ctx context.Context, a act, seed uint64) error {
	group, ctx := errgroup.WithContext(ctx)
	number := uint64(0)
	add := func(count int, trouble func(context.Context, *rand.Rand) error) {
		number++
		random := rand.New(rand.NewPCG(seed, 1000+number))
		group.Go(func() error {
			for range count {
				// Each kind is spread over the whole act.
				if err := wait(ctx, random, a.takes/time.Duration(count)); err != nil {
					return err
				}
				if err := trouble(ctx, random); err != nil {
					return err
				}
			}
			return nil
		})
	}
	add(a.steg, b.killSteg)
	add(a.homeserver, func(ctx context.Context, _ *rand.Rand) error {
		err := b.killServer(ctx, string(b.w.Kind), b.w.Homeserver.Kill, b.w.Homeserver.Start)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.last = time.Now()
		return err
	})
	add(a.mattermost, func(ctx context.Context, _ *rand.Rand) error {
		return b.killServer(ctx, "mattermost", b.w.Mattermost.Kill, b.w.Mattermost.Start)
	})
	if wires := b.w.Wires; wires != nil {
		add(a.cutHomeserver, b.cut("from steg to homeserver", wires.ToHomeserver))
		add(a.cutSteg, b.cut("from homeserver to steg", wires.ToGateway))
		add(a.cutMattermost, b.cut("from steg to mattermost", wires.ToMattermost))
	}
	return group.Wait()
}

// did counts what was broken.
func (b *breaker) did(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		b.counts = make(map[string]int)
	}
	b.counts[what]++
}

// wait pauses for a random time around mean.
func wait(ctx context.Context, random *rand.Rand, mean time.Duration) error {
	timer := time.NewTimer(time.Duration(2 * random.Float64() * float64(mean)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// killSteg kills Steg and starts it at once. One start of four is hit again.
func (b *breaker) killSteg(ctx context.Context, random *rand.Rand) error {
	if err := b.w.Gateway.Kill(); err != nil {
		return err
	}
	b.did("kill steg")
	if random.IntN(4) == 0 {
		if err := b.killStarting(ctx, random); err != nil {
			return err
		}
	}
	return b.w.Gateway.Start(ctx)
}

// killStarting starts Steg and kills it at any moment of its start.
func (b *breaker) killStarting(ctx context.Context, random *rand.Rand) error {
	started := make(chan struct{})
	go func() {
		defer close(started)
		_ = b.w.Gateway.Start(ctx) // it dies before it is ready, as a rule
	}()
	err := wait(ctx, random, 200*time.Millisecond)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for gone := false; !gone; {
		// It may not exist yet, so it is killed until its start has ended.
		err = errors.Join(err, b.w.Gateway.Kill())
		select {
		case <-started:
			gone = !b.w.Gateway.Running()
		case <-tick.C:
		}
	}
	b.did("kill steg while it starts")
	return err
}

// killServer kills a server and starts it again.
func (b *breaker) killServer(ctx context.Context, name string, kill func() error, start func(context.Context) error) error {
	if err := kill(); err != nil {
		return err
	}
	b.did("kill " + name)
	if err := b.restart(ctx, name, start); err != nil {
		return fmt.Errorf("after a kill: %w", err)
	}
	return nil
}

// restart starts a server until it stays, as a service manager would. Dendrite
// 0.15.2 may crash when it starts after a kill: what its queue delivers again comes
// before its parts know each other (federationapi/consumers, sendPresence).
func (b *breaker) restart(ctx context.Context, name string, start func(context.Context) error) error {
	const attempts = 5
	var err error
	for range attempts {
		if err = start(ctx); err == nil || ctx.Err() != nil {
			break
		}
		b.did(name + " crashes by itself when it starts")
	}
	return err
}

// cut breaks a connection in one of several ways.
func (b *breaker) cut(name string, proxy *harness.Proxy) func(context.Context, *rand.Rand) error {
	return func(ctx context.Context, random *rand.Rand) error {
		const while = 500 * time.Millisecond
		var err error
		switch random.IntN(4) {
		case 0:
			proxy.CutAll()
		case 1: // nobody is there
			err = proxy.Refuse(ctx, true)
			proxy.CutAll()
			err = errors.Join(err, wait(ctx, random, while), proxy.Refuse(context.WithoutCancel(ctx), false))
		case 2: // what was asked is done, and nobody learns of it
			proxy.LoseAnswers(true)
			err = wait(ctx, random, while)
			proxy.LoseAnswers(false)
		case 3: // nothing moves, then all is lost
			proxy.Hang(true)
			err = wait(ctx, random, while)
			proxy.CutAll()
			proxy.Hang(false)
		}
		if err != nil {
			return fmt.Errorf("cut %s: %w", name, err)
		}
		b.did("cut " + name)
		return nil
	}
}

// table tells what was broken how often.
func (b *breaker) table() string {
	var text strings.Builder
	for _, what := range slices.Sorted(maps.Keys(b.counts)) {
		fmt.Fprintf(&text, "%s: %d\n", what, b.counts[what])
	}
	return text.String()
}
