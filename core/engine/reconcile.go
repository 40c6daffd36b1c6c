package engine

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// How often the reconciler looks.
const (
	reconcileEvery = time.Second     // for changes that commands of another process made
	resolveEvery   = time.Minute     // for chats that the configuration names, by name or pattern
	resolveRetry   = 5 * time.Second // while some of them are not found
)

// Origins of portals.
const (
	originConfig  = "config"
	originPattern = "pattern"
	originCommand = "command"
)

// poke makes the reconciler look now.
func (e *Engine) poke() {
	signal(e.reconcile)
}

// signal wakes who waits on ch, unless it has been told already.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// reconcileLoop keeps portals as configuration and commands want them.
func (e *Engine) reconcileLoop(ctx context.Context) error {
	var resolved time.Time
	ticker := time.NewTicker(reconcileEvery)
	defer ticker.Stop()
	trouble := map[string]time.Time{}
	for {
		if err := e.reload(ctx); err != nil && ctx.Err() == nil {
			e.complain(ctx, trouble, "portals not read", 0, err)
		}
		if since := e.now().Sub(resolved); since > resolveEvery || (since > resolveRetry && e.unresolved()) {
			resolved = e.now()
			e.resolveAll(ctx, trouble)
		}
		e.settleAll(ctx, trouble)
		e.keepSpaces(ctx, trouble)
		e.followIdentities(ctx, trouble)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-e.reconcile:
		}
	}
}

// settlers is how many portals are settled at once: each takes a few requests.
const settlers = 8

// settleAll settles the portals that lack something.
func (e *Engine) settleAll(ctx context.Context, trouble map[string]time.Time) {
	var mu sync.Mutex // guards trouble
	var group errgroup.Group
	group.SetLimit(settlers)
	for _, p := range e.portals.all() {
		if ctx.Err() != nil {
			break
		}
		if !e.unsettled(p) {
			continue
		}
		group.Go(func() error {
			err := e.settle(ctx, p)
			if now := e.portals.id(p.ID); err == nil && now != nil && now.Mode != store.ModeOff && now.Paused == "" && e.misplaced(now) {
				err = e.settlePlace(ctx, now)
			}
			if err != nil && ctx.Err() == nil {
				mu.Lock()
				defer mu.Unlock()
				e.complain(ctx, trouble, "portal not ready", p.ID, err)
			}
			return nil
		})
	}
	_ = group.Wait() // no settler returns an error
}

// unsettled reports whether a portal may lack something.
func (e *Engine) unsettled(p *store.Portal) bool {
	if p.Mode == store.ModeOff {
		// That nothing crosses is made visible, but not in somebody else's room,
		// which goes on without us.
		ours := slices.ContainsFunc(e.portals.room(p.Room), func(o *store.Portal) bool { return o.OwnRoom })
		return ours && p.Applied != p.Mode
	}
	if p.Paused != "" {
		return onTheMove(p) && e.moves.due(p.ID, e.now())
	}
	return e.misplaced(p) || !p.Follows || (p.Room == "" && p.Origin != originPattern) || (p.Room != "" && p.Applied != p.Mode)
}

// complain logs the same trouble at most once a minute.
func (e *Engine) complain(ctx context.Context, last map[string]time.Time, what string, portal int64, err error) {
	key := fmt.Sprintf("%s/%d/%s", what, portal, err)
	if e.now().Sub(last[key]) < time.Minute {
		return
	}
	if len(last) > 1000 {
		clear(last)
	}
	last[key] = e.now()
	e.log.LogAttrs(ctx, slog.LevelWarn, what, slog.Int64("portal", portal), slog.String("error", err.Error())) //nolint:sloglint // callers pass constants
}

// applying stands for an applied mode while another is being applied.
const applying store.Mode = "applying"

// settle does what a portal still lacks. Most portals lack nothing.
func (e *Engine) settle(ctx context.Context, p *store.Portal) error {
	relay, ok := e.logins[p.Bridge]
	if !ok {
		return nil
	}
	if p.Mode != store.ModeOff && onTheMove(p) {
		return e.move(ctx, p)
	}
	if p.Mode != store.ModeOff && !p.Follows && relay.current() == bridge.StateConnected {
		l, err := e.loginOf(ctx, p)
		if err != nil {
			return err
		}
		if err := e.follow(ctx, p, l); err != nil {
			return err
		}
	}
	if p.Room == "" && p.Origin != originPattern {
		_, err := e.ensureRoom(ctx, p)
		return err
	}
	if p.Room != "" && p.Applied != p.Mode {
		if p.Applied == "" && !p.OwnRoom {
			if err := e.linkRoom(ctx, p); err != nil {
				return err
			}
			if now := e.portals.id(p.ID); now == nil || now.Paused != "" {
				return nil
			}
		}
		if p.Applied != "" && p.Applied != applying {
			// Should we stop half-way, the room's levels are not those of the mode before.
			if err := e.change(ctx, p.ID, func(p *store.Portal) error { p.Applied = applying; return nil }); err != nil {
				return err
			}
		}
		applied := p.Mode // it may be switched again meanwhile
		err := e.applyMode(ctx, p)
		if err != nil && bridge.Classify(err) == bridge.ClassTemporary {
			return err
		}
		// A room that does not let the bot set its levels is bridged all the same;
		// the mode holds, it is just not visible.
		if cerr := e.change(ctx, p.ID, func(p *store.Portal) error { p.Applied = applied; return nil }); cerr != nil {
			return cerr
		}
		if relay.caps.Puppets { // who has an account in the chat depends on the mode
			if err := e.st.WantMembers(ctx, p); err != nil {
				return err
			}
		}
		return err
	}
	return nil
}

// follow makes a chat's events reach the login, from now on.
func (e *Engine) follow(ctx context.Context, p *store.Portal, l *login) error {
	cursor := p.Cursor
	if f, ok := l.client.(bridge.Follower); ok {
		from, err := f.Follow(ctx, p.Chat)
		if err != nil {
			return fmt.Errorf("follow chat: %w", err)
		}
		if cursor == "" {
			cursor = from
		}
	}
	if err := e.st.WantMembers(ctx, p); err != nil { // what has changed so far was not told
		return err
	}
	return e.change(ctx, p.ID, func(p *store.Portal) error { p.Follows, p.Cursor = true, cursor; return nil })
}
