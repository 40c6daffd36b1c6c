package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Where a school wants it, the bot marks as read what has reached the network, so
// that people on Matrix see that their messages have crossed. That is all that can be
// shown: who reads on the network, it tells nobody. A mark is worth little, so nothing
// of it is stored: after a restart the next message is marked again.
const (
	readMarkTimeout = 5 * time.Second
	readMarkRest    = 50 * time.Millisecond // between two requests: 20 a second at most
	readMarksKept   = 10_000                // portals and rooms that are remembered
)

// readMark is how far messages of a room have crossed.
type readMark struct {
	event id.EventID
	at    time.Time // when it was accepted, by which portals of a room compare
}

// readMarks is what has crossed and is to be marked.
type readMarks struct {
	mu      sync.Mutex
	crossed map[int64]readMark // the newest of a portal
	due     map[id.RoomID]struct{}
	wake    chan struct{}
}

func newReadMarks() *readMarks {
	return &readMarks{crossed: map[int64]readMark{}, due: map[id.RoomID]struct{}{}, wake: make(chan struct{}, 1)}
}

// markCrossed notes that a message has reached the network. It never blocks.
func (e *Engine) markCrossed(p *store.Portal, event id.EventID, accepted time.Time) {
	if e.school(p.School).ReadMarks {
		e.readMarks.note(p, readMark{event, accepted})
	}
}

func (r *readMarks) note(p *store.Portal, m readMark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.crossed[p.ID]; ok && m.at.Before(old.at) {
		return // it was deferred: later ones have crossed before it
	}
	if len(r.crossed) >= readMarksKept {
		clear(r.crossed)
	}
	r.crossed[p.ID] = m
	if len(r.due) < readMarksKept {
		r.due[p.Room] = struct{}{}
	}
	signal(r.wake)
}

// take returns the rooms that are to be marked.
func (r *readMarks) take() []id.RoomID {
	r.mu.Lock()
	defer r.mu.Unlock()
	rooms := slices.Collect(maps.Keys(r.due))
	clear(r.due)
	return rooms
}

// of tells how far a room may be marked: to what has crossed all of its portals that
// let messages out.
func (r *readMarks) of(linked []*store.Portal) (least readMark, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range linked {
		if p.Mode == store.ModeOff || !policy.Crosses(p.Mode, store.DirOut) {
			continue
		}
		m, crossed := r.crossed[p.ID]
		switch {
		case !crossed:
			return m, false
		case !ok, m.at.Before(least.at):
			least, ok = m, true
		case m.at.Equal(least.at) && m.event != least.event:
			return m, false // accepted together: the other portal is about to follow
		}
	}
	return least, ok
}

// keepReadMarks marks rooms until ctx ends: each at most once in a pause, however
// many messages cross.
func (e *Engine) keepReadMarks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.readMarks.wake:
		}
		if !sleep(ctx, e.opts.Limits.ReadMarkPause) {
			return
		}
		for _, room := range e.readMarks.take() {
			e.markRead(ctx, room)
			if !sleep(ctx, readMarkRest) {
				return
			}
		}
	}
}

func (e *Engine) markRead(ctx context.Context, room id.RoomID) {
	m, ok := e.readMarks.of(e.portals.room(room))
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readMarkTimeout)
	defer cancel()
	_ = e.hs.Read(ctx, room, m.event) // the next message is marked, too
}
