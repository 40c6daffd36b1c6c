package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Where a school wants it, Matrix shows which people of the networks are there. Their
// networks are asked every minute, and the homeserver is told by one worker, beside the
// lanes (presence_tell.go). Nothing of it is stored, and a login or network that is away
// for some minutes is shown as nobody being there. Matrix has no word for busy: who does
// not want to be disturbed is shown as away.
const (
	// presencePeople is how many people are watched in all: homeservers forget who is
	// not told of again, and 20 requests a second keep so many shown. Those who have
	// written last come first.
	presencePeople = 300
	presenceRetry  = 2 * time.Second // how often a login is looked at that is not connected
	presenceAsk    = 30 * time.Second
)

// followPresence asks a network who is there, until ctx ends.
func (e *Engine) followPresence(ctx context.Context, l *login) {
	lister, ok := l.client.(bridge.PresenceLister)
	if !ok || !e.wantsPresence() {
		return
	}
	every := e.opts.Limits.PresenceEvery
	var heard time.Time
	for {
		pause := every
		if l.current() != bridge.StateConnected {
			pause = min(pause, presenceRetry)
		} else if err := e.askPresence(ctx, l, lister); err == nil {
			heard = e.now()
		} else if ctx.Err() == nil {
			e.log.LogAttrs(ctx, slog.LevelDebug, "presence not read", slog.String("bridge", string(l.spec.ID)), slog.String("error", err.Error()))
		}
		if e.now().Sub(heard) > 2*every {
			e.presence.set(l.spec.ID, nil, e.now())
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// wantsPresence reports whether any school does.
func (e *Engine) wantsPresence() bool {
	for _, s := range e.schools {
		if s.Presence {
			return true
		}
	}
	return false
}

// askPresence takes over who is there now.
func (e *Engine) askPresence(ctx context.Context, l *login, lister bridge.PresenceLister) error {
	ctx, cancel := context.WithTimeout(ctx, presenceAsk)
	defer cancel()
	ghosts, err := e.watched(ctx, l)
	if err != nil {
		return err
	}
	now := map[id.UserID]event.Presence{}
	if len(ghosts) > 0 {
		users := make([]bridge.UserID, 0, len(ghosts))
		for u := range ghosts {
			users = append(users, u)
		}
		all, err := lister.Presence(ctx, users)
		if err != nil {
			return err
		}
		for u, p := range all {
			if ghost, ok := ghosts[u]; ok {
				now[ghost] = shownPresence(p)
			}
		}
	}
	e.presence.set(l.spec.ID, now, e.now())
	return nil
}

// shownPresence is how Matrix calls it.
func shownPresence(p bridge.Presence) event.Presence {
	switch p {
	case bridge.PresenceOnline:
		return event.PresenceOnline
	case bridge.PresenceAway, bridge.PresenceBusy:
		return event.PresenceUnavailable
	case bridge.PresenceOffline:
	}
	return event.PresenceOffline
}

// watched lists whose presence is asked for: people with a ghost, of schools that want
// it, no programs. First those who have written since the start, the last one first.
func (e *Engine) watched(ctx context.Context, l *login) (map[bridge.UserID]id.UserID, error) {
	most := e.presenceShare()
	schools := e.showingPresence(l.spec.ID)
	out := map[bridge.UserID]id.UserID{}
	add := func(g *store.Ghost) {
		if len(out) < most && !g.Bot {
			out[g.User] = g.MXID
		}
	}
	for _, k := range e.presence.recent(l.spec.ID) {
		if !schools[k.school] {
			continue
		}
		switch g, err := e.ghosts.known(ctx, e.st, k.school, k.bridge, k.user); {
		case err == nil:
			add(&g)
		case !errors.Is(err, store.ErrNoRow):
			return nil, err
		}
	}
	for school := range schools {
		if len(out) >= most {
			break
		}
		all, err := e.st.Ghosts(ctx, school, l.spec.ID, most)
		if err != nil {
			return nil, err
		}
		for i := range all {
			add(&all[i])
		}
	}
	return out, nil
}

// sawWrite notes that somebody on a network has written.
func (e *Engine) sawWrite(p *store.Portal, user bridge.UserID) {
	if e.school(p.School).Presence {
		e.presence.saw(ghostKey{p.School, p.Bridge, user})
	}
}

// presenceShare is how many people of one network are watched.
func (e *Engine) presenceShare() int {
	able := 0
	for _, l := range e.logins {
		if l.caps.Presence {
			able++
		}
	}
	return presencePeople / max(able, 1)
}

// showingPresence lists the schools that want presence and have a chat on the network
// from which something may cross.
func (e *Engine) showingPresence(b bridge.ID) map[bridge.SchoolID]bool {
	out := map[bridge.SchoolID]bool{}
	for _, p := range e.portals.all() {
		if p.Bridge == b && p.Room != "" && p.Mode != store.ModeOff && policy.Crosses(p.Mode, store.DirIn) && e.school(p.School).Presence {
			out[p.School] = true
		}
	}
	return out
}
