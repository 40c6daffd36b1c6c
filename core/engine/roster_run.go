package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// Who joins and leaves a chat is followed beside the lanes, so that ten thousand who
// join delay no message: a hint in a lane only notes that there is something to
// compare. Few workers compare, one small step at a time, and rest as long as each
// step took.

// membersHinted notes that the people of a chat have changed.
func (e *Engine) membersHinted(ctx context.Context, p *store.Portal, it store.Item, ev *bridge.Members) queue.Outcome {
	l, ok := e.logins[p.Bridge]
	if !ok || !l.caps.Members {
		return drop(it, policy.DropUnsupported)
	}
	here := l.current() == bridge.StateConnected // otherwise another process may compare
	if !here || !l.roster.noted(p.ID) {
		if err := e.st.WantMembers(ctx, p); err != nil {
			return retry(err)
		}
	}
	if here {
		l.roster.hinted(p.ID, ev.Joined, e.now().Add(rosterWait))
	}
	return delivered(it)
}

// followMembers compares the chats of a login with their rooms, until ctx ends.
func (e *Engine) followMembers(ctx context.Context, l *login) error {
	if !l.caps.Members {
		return nil
	}
	var group errgroup.Group
	for range rosterWorkers {
		group.Go(func() error {
			for e.compareNext(ctx, l) {
			}
			return nil
		})
	}
	tick := time.NewTicker(rosterScan)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return group.Wait()
		case <-l.roster.up:
			l.roster.forgetNoted()
			e.planMembers(l, func(int64) bool { return true })
		case <-tick.C:
		}
		if l.current() != bridge.StateConnected {
			continue
		}
		e.planMembers(l, func(portal int64) bool { return !l.roster.known(portal) })
		due, err := e.st.MembersDue(ctx, l.spec.ID)
		if err != nil {
			continue // the database is away: others say so
		}
		for _, portal := range due {
			l.roster.schedule(portal, e.now().Add(rosterWait))
		}
	}
}

// planMembers lets portals be compared, one after the other.
func (e *Engine) planMembers(l *login, which func(portal int64) bool) {
	at := e.now()
	for _, p := range e.portals.all() {
		if p.Bridge == l.spec.ID && showsMembers(p) && which(p.ID) {
			l.roster.schedule(p.ID, at)
			at = at.Add(rosterPace)
		}
	}
}

// showsMembers reports whether people of the network are shown in a portal's room.
func showsMembers(p *store.Portal) bool {
	return p.Room != "" && !p.Direct() && p.Follows && p.Paused == "" && policy.Crosses(p.Mode, store.DirIn)
}

// compareNext compares the portal that is due next. It is false when ctx has ended.
func (e *Engine) compareNext(ctx context.Context, l *login) bool {
	portal, anew, ok := l.roster.take(ctx, e.now)
	if !ok {
		return false
	}
	p := e.portals.id(portal)
	if p == nil || !showsMembers(p) {
		l.roster.drop(portal)
		return true
	}
	if l.current() != bridge.StateConnected {
		l.roster.done(portal, e.now(), rosterRetry, 0, true, anew)
		return true
	}
	c := &comparison{e: e, l: l, p: p, anew: anew}
	next, err := c.run(ctx)
	if t, ok := errors.AsType[*bridge.TemporaryError](err); ok {
		next = max(next, t.After)
	}
	fails := l.roster.done(portal, e.now(), next, c.took, err != nil, anew)
	if fails == 1 && ctx.Err() == nil { // the same trouble is told once
		e.log.LogAttrs(ctx, slog.LevelWarn, "members not followed, trying again",
			slog.Int64("portal", p.ID), slog.String("error", err.Error()))
	}
	return true
}
