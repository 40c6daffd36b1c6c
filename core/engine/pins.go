package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/store"
)

// Pins are a state that both sides share. Whoever hears of a change says so; then
// both lists are read and compared with what they last agreed about, which tells
// on which side something has changed. So it does not matter how often, how late or
// in which order changes are told, and nothing of it waits in the queue.

const (
	pinsWorkers = 4 // portals at once
	// pinsTries is how often a portal's pins are looked at again until all of them
	// are messages that have crossed.
	pinsTries = 4
)

// pins are the portals whose pins may have changed.
type pins struct {
	mu   sync.Mutex
	due  map[int64]pinsDue
	busy map[int64]bool
	wake chan struct{}
}

type pinsDue struct {
	at    time.Time
	tries int
}

func newPins() *pins {
	return &pins{due: map[int64]pinsDue{}, busy: map[int64]bool{}, wake: make(chan struct{}, 1)}
}

// look makes the pins of a portal be looked at soon.
func (q *pins) look(portal int64, at time.Time, tries int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.due[portal]; ok && tries > 0 {
		return // somebody has just told of a change
	}
	q.due[portal] = pinsDue{at, tries}
	signal(q.wake)
}

// done lets a portal that next has given out be looked at again.
func (q *pins) done(portal int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, portal)
	signal(q.wake)
}

// next returns a portal that is due, or how long until one is.
func (q *pins) next(now time.Time) (portal int64, tries int, rest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest = time.Hour
	for p, d := range q.due {
		if q.busy[p] {
			continue // done wakes us
		}
		if left := d.at.Sub(now); left > 0 {
			rest = min(rest, left)
			continue
		}
		delete(q.due, p)
		q.busy[p] = true
		if len(q.due) > 0 {
			signal(q.wake) // there may be work for another worker
		}
		return p, d.tries, 0
	}
	return 0, 0, rest
}

// PinsChanged implements [bridge.Sink].
func (s *sink) PinsChanged(chat bridge.ChatID) {
	if p := s.e.portals.chat(s.l.spec.ID, chat); p != nil {
		s.e.pins.look(p.ID, s.e.now().Add(s.e.opts.Limits.PinsPause), 0)
	}
}

// pinsChanged follows a room's list of pinned events.
func (e *Engine) pinsChanged(ev *intent.Event) {
	if ev.Type != event.StatePinnedEvents.Type || ev.StateKey == nil || ev.Sender == e.hs.Bot() {
		return
	}
	for _, p := range e.portals.room(ev.Room) {
		e.pins.look(p.ID, e.now().Add(e.opts.Limits.PinsPause), 0)
	}
}

// keepPins compares pins until ctx ends.
func (e *Engine) keepPins(ctx context.Context) {
	for {
		portal, tries, rest := e.pins.next(e.now())
		if portal == 0 {
			timer := time.NewTimer(rest)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-e.pins.wake:
			case <-timer.C:
			}
			timer.Stop()
			continue
		}
		e.lookAtPins(ctx, portal, tries)
		e.pins.done(portal)
	}
}

func (e *Engine) lookAtPins(ctx context.Context, portal int64, tries int) {
	p := e.portals.id(portal)
	if p == nil || p.Room == "" {
		return
	}
	whole, err := e.comparePins(ctx, p)
	if err != nil && ctx.Err() == nil {
		e.log.LogAttrs(ctx, slog.LevelDebug, "pins not compared", slog.Int64("portal", portal), slog.String("error", err.Error()))
	}
	if (err != nil || !whole) && tries < pinsTries {
		pause := e.opts.Limits.PinsPause << tries
		if t, ok := errors.AsType[*bridge.TemporaryError](err); ok {
			pause, tries = max(pause, t.After, time.Second), 0 // until it works
		}
		e.pins.look(portal, e.now().Add(pause), tries+1)
	}
}

// pinsName is where the pins are kept that both sides have agreed about.
func pinsName(p *store.Portal) string { return fmt.Sprintf("pins.%d", p.ID) }

// comparePins brings the pins of both sides together. It reports false when some are
// messages that have not crossed, perhaps yet.
func (e *Engine) comparePins(ctx context.Context, p *store.Portal) (whole bool, err error) {
	l, err := e.loginOf(ctx, p)
	if err != nil {
		return true, err
	}
	pinner, ok := l.client.(bridge.Pinner)
	in, out := e.open(ctx, p, store.DirIn), e.open(ctx, p, store.DirOut)
	if !ok || !in && !out {
		return true, nil
	}
	b := &pinBoard{e: e, p: p, events: map[bridge.MessageID]id.EventID{}, gone: map[id.EventID]bool{}}
	if err := b.read(ctx, pinner); err != nil {
		return false, err
	}
	agreed := slices.DeleteFunc(slices.Clone(b.agreed), func(m bridge.MessageID) bool { return b.events[m] == "" })
	list := slices.DeleteFunc(slices.Clone(b.room), func(ev id.EventID) bool { return in && b.gone[ev] })
	changed := len(list) < len(b.room)
	for _, m := range b.all() {
		there, here, before := slices.Contains(b.remote, m), slices.Contains(b.matrix, m), slices.Contains(b.agreed, m)
		on := there
		switch {
		case there == here:
		case there != before && in:
			if changed = true; there {
				list = append(list, b.events[m])
			} else {
				list = slices.DeleteFunc(list, func(ev id.EventID) bool { return ev == b.events[m] })
			}
		case there == before && out:
			on = here
			if err := pinner.Pin(ctx, p.Chat, m, here); err != nil && !errors.Is(err, bridge.ErrNotFound) {
				return false, err
			}
		default:
			continue // the mode keeps it on its side
		}
		agreed = slices.DeleteFunc(agreed, func(a bridge.MessageID) bool { return a == m })
		if on {
			agreed = append(agreed, m)
		}
	}
	if changed {
		if err := e.hs.SetPinned(ctx, p.Room, list); err != nil {
			return false, err
		}
	}
	slices.Sort(agreed)
	if slices.Equal(agreed, b.agreed) {
		return b.whole, nil
	}
	return b.whole, e.remember(ctx, p, pinsName(p), agreed)
}

// pinBoard is what is pinned on both sides, as far as it has crossed.
type pinBoard struct {
	e *Engine
	p *store.Portal

	room                   []id.EventID // all of the room's
	remote, matrix, agreed []bridge.MessageID
	events                 map[bridge.MessageID]id.EventID
	gone                   map[id.EventID]bool // pinned in the room, and removed
	whole                  bool
}

func (b *pinBoard) read(ctx context.Context, pinner bridge.Pinner) error {
	there, err := pinner.Pinned(ctx, b.p.Chat)
	if err != nil {
		return fmt.Errorf("read pins of the network: %w", err)
	}
	if b.room, err = b.e.hs.Pinned(ctx, b.p.Room); err != nil {
		return err
	}
	if b.agreed, err = recall[[]bridge.MessageID](ctx, b.e, b.p, pinsName(b.p)); err != nil {
		return err
	}
	b.whole = true
	for _, m := range there {
		known, err := b.crossed(ctx, m)
		if err != nil {
			return err
		}
		if b.whole = b.whole && known; known {
			b.remote = append(b.remote, m)
		}
	}
	for _, ev := range b.room {
		l, err := b.e.st.LinkByEvent(ctx, b.p.ID, ev)
		switch {
		case err == nil && l.Removed:
			b.gone[ev] = true
			continue
		case err == nil && l.Room != b.p.Room:
			continue
		case errors.Is(err, store.ErrNoRow): // perhaps it is crossing at this moment
			b.whole = false
			continue
		case err == nil && l.Remote == "":
			continue
		case err != nil:
			return err
		}
		b.matrix = append(b.matrix, l.Remote)
		b.events[l.Remote] = ev
	}
	for _, m := range b.agreed {
		if _, err := b.crossed(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// crossed looks for the event of a message.
func (b *pinBoard) crossed(ctx context.Context, m bridge.MessageID) (bool, error) {
	l, err := b.e.st.LinkByRemote(ctx, b.p.ID, m)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return false, nil
	case err != nil:
		return false, err
	case l.Removed || l.Event == "" || l.Room != b.p.Room:
		return true, nil // nothing to wait for
	}
	if b.events[m] == "" {
		b.events[m] = l.Event
	}
	return true, nil
}

// all lists the messages that have an event, each once.
func (b *pinBoard) all() []bridge.MessageID {
	var out []bridge.MessageID
	for _, m := range slices.Concat(b.remote, b.matrix, b.agreed) {
		if b.events[m] != "" && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
