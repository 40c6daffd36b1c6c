package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// That somebody is writing crosses beside the lanes: nothing of it is stored, and
// whatever would have to wait is dropped.
const (
	typingWaiting = 256              // notices from networks that wait for the homeserver
	typingWorkers = 4                // requests at once, each way
	typingTimeout = 5 * time.Second  // of one
	typingStale   = 3 * time.Second  // an older notice is worth nothing
	typingRefused = 10 * time.Minute // a ghost that may not is asked for again so rarely
	typingKept    = 10_000           // what is remembered of who is shown
)

// typingIn is a notice from a network.
type typingIn struct {
	bridge.Typing

	bridge bridge.ID
	came   time.Time
}

// typing is who is writing at this moment.
type typing struct {
	in chan typingIn

	mu    sync.Mutex
	shown map[roomUser]time.Time // ghosts: until when the homeserver need not be told again
	out   map[typist]*writing    // Matrix people, and ghosts of other networks
	wake  chan struct{}          // out has changed
}

func newTyping() *typing {
	return &typing{
		in: make(chan typingIn, typingWaiting), shown: map[roomUser]time.Time{},
		out: map[typist]*writing{}, wake: make(chan struct{}, 1),
	}
}

// Typing implements [bridge.Sink].
func (s *sink) Typing(t bridge.Typing) {
	if !s.e.opts.Typing {
		return
	}
	select {
	case s.e.typing.in <- typingIn{t, s.l.spec.ID, s.e.now()}:
	default:
	}
}

// showTyping shows on Matrix who is writing on the networks, until ctx ends.
func (e *Engine) showTyping(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-e.typing.in:
			e.typingIn(ctx, t)
		}
	}
}

func (e *Engine) typingIn(ctx context.Context, t typingIn) {
	ctx, cancel := context.WithTimeout(ctx, typingTimeout)
	defer cancel()
	p := e.portals.chat(t.bridge, t.Chat)
	if p == nil || p.Room == "" || e.now().Sub(t.came) > typingStale || !e.open(ctx, p, store.DirIn) {
		return
	}
	// As their own account it would come back as if somebody wrote on Matrix.
	if _, own, err := e.writesAs(ctx, p, p.Room, t.Sender); own || err != nil {
		return
	}
	// Only people with a ghost: typing makes none. Programs do not type by hand, and
	// another gateway's account would carry back what this one had told it.
	g, err := e.ghosts.known(ctx, e.st, p.School, p.Bridge, t.Sender)
	if err != nil || g.Bot {
		return
	}
	key := roomUser{p.Room, g.MXID}
	if !e.typing.due(key, t.For, e.now()) {
		return
	}
	if err := e.hs.Typing(ctx, p.Room, g.MXID, t.For); errors.Is(err, bridge.ErrForbidden) {
		e.typing.keep(key, e.now().Add(typingRefused)) // it is not in the room
	}
}

// due reports whether the homeserver must be told, and notes that it is.
func (t *typing) due(key roomUser, how time.Duration, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, shown := t.shown[key]
	if how == 0 {
		delete(t.shown, key)
		return shown
	}
	if now.Before(until) {
		return false
	}
	t.keepLocked(key, now.Add(how/2))
	return true
}

func (t *typing) keep(key roomUser, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keepLocked(key, until)
}

func (t *typing) keepLocked(key roomUser, until time.Time) {
	if len(t.shown) >= typingKept {
		clear(t.shown)
	}
	t.shown[key] = until
}

// wrote ends what is shown of somebody whose message has come.
func (e *Engine) wrote(p *store.Portal, user bridge.UserID, ghost id.UserID) {
	e.typing.mu.Lock()
	_, shown := e.typing.shown[roomUser{p.Room, ghost}]
	e.typing.mu.Unlock()
	if !shown {
		return
	}
	select {
	case e.typing.in <- typingIn{bridge.Typing{Chat: p.Chat, Sender: user}, p.Bridge, e.now()}:
	default:
	}
}

// open reports whether something may cross a portal at this moment.
func (e *Engine) open(ctx context.Context, p *store.Portal, dir store.Dir) bool {
	if p.Mode == store.ModeOff || p.Paused != "" || !policy.Crosses(p.Mode, dir) {
		return false
	}
	why, err := e.guard(ctx, p)
	return err == nil && why == ""
}
