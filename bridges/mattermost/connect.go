package mattermost

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	sweepers      = 8                // channels that are swept at once
	relistEvery   = 30 * time.Second // how often the core is asked what it follows
	relistPuppets = 10 * time.Minute
	relistSoon    = 200 * time.Millisecond // while a new link is being made
	relistPause   = 5 * time.Second        // between events of unknown channels
	expectAtMost  = time.Minute
)

// connect holds one connection until it breaks.
func (c *client) connect(ctx context.Context, sink bridge.Sink) error {
	me, err := c.lookAtSelf(ctx)
	if err != nil {
		return err
	}
	c.people.forget() // names may have changed hands meanwhile
	c.teams.clear()   // and teams been archived or restored
	followed, err := sink.Followed(ctx)
	if err != nil {
		return err
	}
	from := c.takeResumption()
	ws, err := c.dial(ctx, from)
	if err != nil {
		c.leaveResumption(from)
		return c.explain(ctx, err, "")
	}
	defer ws.close()

	f := newFeed(c, me, sink, followed)
	if more, err := f.meetDirects(ctx); err != nil {
		return err
	} else if more {
		if followed, err = sink.Followed(ctx); err != nil {
			return err
		}
		f.reconcile(followed)
	}
	r := &reader{feed: f, ws: ws, from: from}
	group, inner := errgroup.WithContext(ctx)
	stop := context.AfterFunc(inner, ws.close)
	defer stop()
	group.Go(func() error {
		defer f.end()
		return r.run(inner)
	})
	// What was read is delivered even when the connection has broken meanwhile.
	group.Go(func() error { return f.deliver(ctx) })
	group.Go(func() error { return keepAlive(inner, ws, c.net.cfg.Keepalive) })
	group.Go(func() error { return f.relist(inner) })
	for range c.sweepers() {
		group.Go(func() error { return f.sweepLoop(inner) })
	}
	err = group.Wait()
	c.leaveResumption(resumption{connection: r.connection, next: r.next, clean: f.clean()})
	return err
}

func (c *client) takeResumption() resumption {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	c.last = resumption{}
	return last
}

func (c *client) leaveResumption(r resumption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = r
}

// keepAlive asks the server regularly whether the socket still hears.
func keepAlive(ctx context.Context, ws *socket, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := ws.ping(); err != nil {
				return classify(err)
			}
		}
	}
}

// expect tells a running connection that a channel is being linked.
func (c *client) expect(chat bridge.ChatID) {
	c.mu.Lock()
	c.expected[chat] = millis(c.net.deps.Now().Add(expectAtMost))
	c.mu.Unlock()
	signal(c.poke)
}

// expecting tells whether a channel is being linked that is not among chats yet.
func (c *client) expecting(followed []bridge.Followed) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range followed {
		delete(c.expected, l.Chat)
	}
	now := millis(c.net.deps.Now())
	for chat, until := range c.expected {
		if until < now {
			delete(c.expected, chat)
		}
	}
	return len(c.expected) > 0
}

// relist asks the core from time to time what it follows.
func (f *feed) relist(ctx context.Context) error {
	pause, rests := f.c.relistPauses()
	every := pause
	last := f.c.net.deps.Now()
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		case <-f.c.poke:
		case <-f.strangers:
			if rest := rests - f.c.net.deps.Now().Sub(last); rest > 0 {
				// The bot may sit in channels that nobody has linked.
				timer.Stop()
				pause = min(pause, rest)
				continue
			}
		}
		timer.Stop()
		if _, err := f.meetDirects(ctx); err != nil {
			return err
		}
		followed, err := f.sink.Followed(ctx)
		if err != nil {
			return err
		}
		f.reconcile(followed)
		last, pause = f.c.net.deps.Now(), every
		if f.c.expecting(followed) {
			pause = relistSoon
		}
	}
}

// relistPauses are how often the core is asked what it follows, and how long events
// of unknown channels rest at least. The direct channels of puppets tell of
// themselves, and each puppet of its own.
func (c *client) relistPauses() (every, rest time.Duration) {
	if c.puppet {
		return relistPuppets, 0
	}
	return relistEvery, relistPause
}

// sweepers is how many channels are swept at once.
func (c *client) sweepers() int {
	if c.puppet {
		return 1
	}
	return sweepers
}

// forgetSelf makes the next use ask for the server's switches again.
func (c *client) forgetSelf() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.self = nil
}
