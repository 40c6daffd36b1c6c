package engine

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

const (
	// directScan is how often puppets are looked for that do not listen yet.
	directScan = 5 * time.Second
	// directPace is the pause between two that begin to listen.
	directPace = 20 * time.Millisecond
)

// listener is a puppet that listens for direct chats.
type listener struct {
	secret string
	stop   context.CancelFunc
}

// hearDirects lets every puppet of a login listen, until ctx ends: a network tells of
// a direct chat only those who are in it.
func (e *Engine) hearDirects(ctx context.Context, l *login) {
	if !l.caps.Directs || !slices.ContainsFunc(e.opts.Schools, func(s School) bool { return s.Direct }) {
		return
	}
	var group sync.WaitGroup
	defer group.Wait()
	listening := map[bridge.UserID]listener{}
	tick := time.NewTicker(directScan)
	defer tick.Stop()
	for ctx.Err() == nil {
		if l.current() == bridge.StateConnected {
			e.startListeners(ctx, l, listening, &group)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-l.puppets.changed:
		}
	}
}

func (e *Engine) startListeners(ctx context.Context, l *login, listening map[bridge.UserID]listener, group *sync.WaitGroup) {
	rows, err := e.st.Puppets(ctx, l.spec.ID)
	if err != nil {
		return // the database is away: others say so
	}
	for _, row := range rows {
		if now, ok := listening[row.User]; ok {
			if now.secret == row.Secret {
				continue
			}
			now.stop()
			delete(listening, row.User)
		}
		if row.Secret == "" {
			if row, err = e.makePuppet(ctx, l, row.MXID, row.Name); err != nil {
				continue // told of where somebody needs it
			}
		}
		own, err := e.openPuppet(ctx, l, row)
		if err != nil {
			continue
		}
		inner, stop := context.WithCancel(ctx)
		listening[row.User] = listener{row.Secret, stop}
		group.Go(func() {
			defer stop()
			_ = e.supervise(inner, own) // ends with its context only
		})
		if !sleep(ctx, directPace) {
			return
		}
	}
}

// setPuppetState follows the connection of a puppet. There may be thousands: only
// what a human must know is told.
func (e *Engine) setPuppetState(ctx context.Context, l *login, s bridge.ConnState, cause error) {
	l.mu.Lock()
	before := l.state
	l.state = s
	l.mu.Unlock()
	switch {
	case s == bridge.StateLoggedOut && cause != nil:
		if err := e.renewed(ctx, l, cause); err != nil && before != s {
			e.log.LogAttrs(ctx, slog.LevelWarn, "a Matrix person's account is logged out, letting it in again",
				slog.String("bridge", string(l.spec.ID)), slog.String("error", err.Error()))
		}
	case s == bridge.StateConnected && before != s:
		e.queue.Wake(func(k store.LaneKey) bool {
			p := e.portals.id(k.Portal)
			return p != nil && p.Reader == l.puppet
		})
	}
}
