package engine

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// typist is a Matrix user who writes in a portal's room.
type typist struct {
	portal int64
	user   id.UserID
}

// writing is how long they do, and when their network was last told.
type writing struct {
	since, told time.Time
	ended       bool
}

const (
	// typingAtMost ends what nobody has ended: homeservers tell only changes, and
	// they may have been lost.
	typingAtMost = 2 * time.Minute
	typingTick   = time.Second
)

// Ephemeral takes from the homeserver who is typing in a room. It never blocks;
// receipts stay where they are.
func (e *Engine) Ephemeral(_ context.Context, room id.RoomID, typ string, content json.RawMessage) {
	linked := e.portals.room(room)
	if len(linked) == 0 || typ != event.EphemeralEventTyping.Type || !e.opts.Typing {
		return
	}
	var now event.TypingEventContent
	if json.Unmarshal(content, &now) != nil {
		return
	}
	for _, p := range linked {
		if _, ok := e.logins[p.Bridge]; ok && policy.Crosses(p.Mode, store.DirOut) {
			e.typing.follow(p.ID, e.typists(p, now.UserIDs), e.now())
		}
	}
}

// typists are those of users whom a portal's network does not know by itself.
func (e *Engine) typists(p *store.Portal, users []id.UserID) []id.UserID {
	return slices.DeleteFunc(slices.Clone(users), func(u id.UserID) bool {
		b, _, ghost := e.hs.ParseGhost(u)
		return ghost && b == p.Bridge || !ghost && e.hs.Ours(u)
	})
}

// follow takes over who is typing in a portal's room.
func (t *typing) follow(portal int64, users []id.UserID, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, w := range t.out {
		if key.portal == portal && !slices.Contains(users, key.user) {
			w.ended = true
		}
	}
	for _, u := range users {
		key := typist{portal, u}
		if w, ok := t.out[key]; ok {
			w.since, w.ended = now, false
		} else if len(t.out) < typingKept {
			t.out[key] = &writing{since: now}
		}
	}
	signal(t.wake)
}

// step is one thing to tell a network.
type typingStep struct {
	typist

	on bool
}

// next lists what is to be told now, and notes it as told. left reports whether
// somebody is writing still.
func (t *typing) next(now time.Time) (steps []typingStep, left bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, w := range t.out {
		switch {
		case w.ended || now.Sub(w.since) > typingAtMost:
			delete(t.out, key)
			if !w.told.IsZero() {
				steps = append(steps, typingStep{key, false})
			}
		case now.Sub(w.told) >= bridge.TypingEvery:
			w.told = now
			steps = append(steps, typingStep{key, true})
		}
	}
	return steps, len(t.out) > 0
}

// tellTyping tells the networks who is writing on Matrix, until ctx ends. A
// network that is slow misses some of it.
func (e *Engine) tellTyping(ctx context.Context) {
	tick := time.NewTicker(typingTick)
	defer tick.Stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	slots := make(chan struct{}, typingWorkers)
	left := false
	for {
		due := tick.C
		if !left {
			due = nil // nothing goes on: sleep
		}
		select {
		case <-ctx.Done():
			return
		case <-e.typing.wake:
		case <-due:
		}
		var steps []typingStep
		steps, left = e.typing.next(e.now())
		for _, s := range steps {
			select {
			case slots <- struct{}{}:
				calls.Go(func() {
					defer func() { <-slots }()
					e.typingOut(ctx, s)
				})
			default:
			}
		}
	}
}

func (e *Engine) typingOut(ctx context.Context, s typingStep) {
	ctx, cancel := context.WithTimeout(ctx, typingTimeout)
	defer cancel()
	p := e.portals.id(s.portal)
	if p == nil || !e.open(ctx, p, store.DirOut) {
		return
	}
	l, ok := e.logins[p.Bridge]
	if !ok || l.current() != bridge.StateConnected {
		return
	}
	if row, err := e.puppet(ctx, l, s.user); err == nil && row.Secret != "" {
		if l, err = e.openPuppet(ctx, l, row); err != nil {
			return
		}
	} else if p.Direct() {
		return // nobody else is there to be shown
	}
	shower, ok := l.client.(bridge.Typist)
	if !ok {
		return
	}
	who, err := e.author(ctx, p, s.user)
	if err != nil {
		return
	}
	_ = shower.Typing(ctx, p.Chat, who, s.on) // what fails is worth nothing in a moment
}
