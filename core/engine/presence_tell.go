package engine

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	presenceTimeout = 5 * time.Second  // of a request
	presencePause   = time.Minute      // after one that has failed
	presenceOff     = time.Hour        // where the homeserver shows no presence
	presenceProof   = 25 * time.Second // what was told so long ago must still be shown
	presenceGoodbye = 2 * time.Second  // for all who are shown when the engine stops
)

// presence is who is there, and what the homeserver was told of it.
type presence struct {
	mu     sync.Mutex
	people map[id.UserID]*present
	until  time.Time // the homeserver is left alone
	proven bool      // it shows what it was told; read and written by the worker only
	wrote  map[ghostKey]int
	turn   int // of the last who wrote
	wake   chan struct{}
}

// present is one ghost.
type present struct {
	bridge     bridge.ID
	want, told event.Presence // told "" = nothing yet: an earlier run may have told anything
	since      time.Time      // when want changed
	at         time.Time      // when it was told
	gone       bool           // nobody watches it any more
}

func newPresence() *presence {
	return &presence{people: map[id.UserID]*present{}, wrote: map[ghostKey]int{}, wake: make(chan struct{}, 1)}
}

// saw notes that somebody has written: they are watched first.
func (q *presence) saw(k ghostKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn++
	q.wrote[k] = q.turn
	if len(q.wrote) > 4*presencePeople {
		maps.DeleteFunc(q.wrote, func(_ ghostKey, turn int) bool { return turn < q.turn-2*presencePeople })
	}
}

// recent lists who of a network has written, the last one first.
func (q *presence) recent(b bridge.ID) []ghostKey {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []ghostKey
	for k := range q.wrote {
		if k.bridge == b {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(x, y ghostKey) int { return cmp.Compare(q.wrote[y], q.wrote[x]) })
	return out
}

// set takes over who of a network is there; who is not in it is shown no longer.
func (q *presence) set(b bridge.ID, all map[id.UserID]event.Presence, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for user, p := range q.people {
		if _, ok := all[user]; ok || p.bridge != b || p.gone {
			continue
		}
		p.gone = true
		if p.want != event.PresenceOffline {
			p.want, p.since = event.PresenceOffline, now
		}
		if p.told == p.want {
			delete(q.people, user)
		}
	}
	for user, want := range all {
		p := q.people[user]
		if p == nil {
			p = &present{bridge: b}
			q.people[user] = p
		}
		if p.gone = false; p.want != want {
			p.want, p.since = want, now
		}
	}
	signal(q.wake)
}

// next returns whom to tell of now, the one who is overdue most, or how long until
// there is one.
func (q *presence) next(now time.Time, repeat time.Duration) (user id.UserID, p present, rest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if left := q.until.Sub(now); left > 0 {
		return "", p, left
	}
	rest = time.Hour
	for u, one := range q.people {
		due := one.since
		if one.told == one.want {
			if one.want == event.PresenceOffline {
				continue
			}
			due = one.at.Add(repeat)
		}
		if left := due.Sub(now); left < rest {
			user, p, rest = u, *one, left
		}
	}
	if rest > 0 {
		return "", p, rest
	}
	return user, p, 0
}

// tell notes what the homeserver was told.
func (q *presence) tell(user id.UserID, what event.Presence, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.people[user]
	if p == nil {
		return
	}
	if p.told, p.at = what, now; p.gone && p.told == p.want {
		delete(q.people, user)
	}
}

// pause leaves the homeserver alone. Then all who are there are told of again.
func (q *presence) pause(until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.until = until
	for _, p := range q.people {
		p.at = time.Time{}
	}
}

// shown lists whom the homeserver shows as being there, as far as is known.
func (q *presence) shown() []id.UserID {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []id.UserID
	for u, p := range q.people {
		if p.told != "" && p.told != event.PresenceOffline {
			out = append(out, u)
		}
	}
	return out
}

// tellPresence tells the homeserver who is there, until ctx ends.
func (e *Engine) tellPresence(ctx context.Context) {
	defer e.sayGoodbye(ctx)
	for {
		user, p, rest := e.presence.next(e.now(), e.opts.Limits.PresenceRepeat)
		if user != "" {
			e.tellOne(ctx, user, p)
			if !sleep(ctx, e.opts.Limits.PresenceRest) {
				return
			}
			continue
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-e.presence.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// errNoPresence: homeservers whose presence is off accept what they are told, and show
// nothing of it.
var errNoPresence = errors.New("the homeserver shows no presence: it is switched off there")

func (e *Engine) tellOne(ctx context.Context, user id.UserID, p present) {
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	err := e.provePresence(ctx, user, p)
	if err == nil {
		err = e.hs.SetPresence(ctx, user, p.want)
	}
	switch {
	case err == nil:
		e.presence.tell(user, p.want, e.now())
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
	case errors.Is(err, errNoPresence), errors.Is(err, bridge.ErrUnsupported):
		e.log.LogAttrs(ctx, slog.LevelInfo, "presence rests for an hour", slog.String("cause", err.Error()))
		e.presence.pause(e.now().Add(presenceOff))
	case bridge.Classify(err) == bridge.ClassPermanent:
		e.presence.tell(user, p.want, e.now()) // this one cannot be shown; the others can
	default:
		e.presence.pause(e.now().Add(presencePause))
	}
}

// provePresence looks, before the first is told again, whether it is still shown.
func (e *Engine) provePresence(ctx context.Context, user id.UserID, p present) error {
	if e.presence.proven || p.told != p.want || e.now().Sub(p.at) > presenceProof {
		return nil
	}
	seen, err := e.hs.PresenceOf(ctx, user)
	if err == nil && seen == event.PresenceOffline {
		return errNoPresence
	}
	e.presence.proven = err == nil
	return err
}

// sayGoodbye shows nobody as being there when the engine stops, as far as that is
// quickly done.
func (e *Engine) sayGoodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), presenceGoodbye)
	defer cancel()
	for _, user := range e.presence.shown() {
		if e.hs.SetPresence(ctx, user, event.PresenceOffline) != nil {
			return
		}
	}
}
