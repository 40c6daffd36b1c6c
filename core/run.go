package core

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// Run serves until ctx ends, then stops in order: first what takes in, then the
// lanes, which finish their running steps. It returns nil after a graceful stop.
func (c *Core) Run(ctx context.Context) error {
	var listener net.Listener
	if c.opts.AdminListen != "" {
		var err error
		if listener, err = c.admin.Listen(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	// The queue outlives the intake, so that what is being taken in still commits.
	lanes, stopLanes := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLanes()
	var laneErr error
	var laneDone sync.WaitGroup
	laneDone.Go(func() {
		laneErr = c.queue.Run(lanes)
		if lanes.Err() == nil {
			cancel(fmt.Errorf("queue: %w", orEnded(laneErr)))
		}
	})

	var intake sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		intake.Go(func() {
			if err := run(ctx); ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, orEnded(err)))
			}
		})
	}
	start("matrix", func(ctx context.Context) error { return c.matrix.Run(ctx, c.engine) })
	start("engine", c.engine.Run)
	if listener != nil {
		start("admin", func(ctx context.Context) error { return c.admin.Serve(ctx, listener) })
	}
	intake.Wait()
	stopLanes()
	laneDone.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return laneErr
}

var errEnded = errors.New("ended unexpectedly")

func orEnded(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

// ownership remembers which logins this process holds.
type ownership struct {
	instance *store.Instance

	mu  sync.Mutex
	own map[bridge.ID]time.Time
}

// claim takes or keeps the login of a bridge for this process.
func (o *ownership) claim(ctx context.Context, b bridge.ID) (bool, error) {
	ok, err := o.instance.OwnLogin(ctx, b)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.own == nil {
		o.own = map[bridge.ID]time.Time{}
	}
	if ok && err == nil {
		o.own[b] = time.Now()
	} else {
		delete(o.own, b)
	}
	return ok, err
}

// has reports whether this process holds the login of a bridge.
func (o *ownership) has(b bridge.ID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.own[b]
	return ok
}
