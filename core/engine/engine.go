package engine

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Options is what New needs.
type Options struct {
	Store      *store.Store
	Homeserver Homeserver
	Commander  Commander
	Bridges    []BridgeSpec
	Clients    map[bridge.ID]bridge.Client // one per bridge
	Schools    []School
	Limits     Limits
	Log        *slog.Logger
	Now        func() time.Time
	// Own reports whether this process may run the login of a bridge; with one
	// process always true.
	Own func(ctx context.Context, b bridge.ID) (bool, error)
	// Typing lets it cross that somebody is writing.
	Typing bool
	// Observe is told how long after it came a message's first send starts; nil =
	// nobody wants to know.
	Observe func(b bridge.ID, d store.Dir, took time.Duration)
}

// Engine is the logic between lanes, portals, ghosts and logins.
type Engine struct {
	opts      Options
	st        *store.Store
	hs        Homeserver
	log       *slog.Logger
	now       func() time.Time
	queue     Queue
	logins    map[bridge.ID]*login
	schools   map[bridge.SchoolID]*School
	portals   *portals
	ghosts    *ghostCache
	members   *memberCache
	clean     *clean
	transfers *transfers
	typing    *typing
	pins      *pins
	readMarks *readMarks
	presence  *presence
	spaces    *spaces
	moves     *moves
	making    *keyedLocks[int64]    // rooms being made or changed, by portal
	gathering *keyedLocks[spaceKey] // spaces being made or changed
	// identities are the links of people's accounts; toldIdentities is the revision of
	// which the reconciler has told who must know.
	identities     *identities
	toldIdentities int64

	mu     sync.Mutex
	loops  map[int64]*policy.Loop
	recent map[store.LaneKey]time.Time // when a step of the lane last ran

	reconcile chan struct{} // wakes the reconciler
}

// New makes an engine. Attach gives it its queue before Run.
func New(opts Options) (*Engine, error) {
	e := &Engine{
		opts: opts, st: opts.Store, hs: opts.Homeserver, log: opts.Log, now: opts.Now,
		logins:     map[bridge.ID]*login{},
		schools:    map[bridge.SchoolID]*School{},
		portals:    newPortals(),
		ghosts:     newGhostCache(),
		members:    newMemberCache(),
		clean:      newClean(),
		typing:     newTyping(),
		pins:       newPins(),
		readMarks:  newReadMarks(),
		presence:   newPresence(),
		transfers:  newTransfers(),
		spaces:     newSpaces(),
		moves:      newMoves(),
		identities: newIdentities(), toldIdentities: -1,
		making:    newKeyedLocks[int64](),
		gathering: newKeyedLocks[spaceKey](),
		loops:     map[int64]*policy.Loop{},
		recent:    map[store.LaneKey]time.Time{},
		reconcile: make(chan struct{}, 1),
	}
	for i := range opts.Schools {
		e.schools[opts.Schools[i].ID] = &opts.Schools[i]
	}
	for _, spec := range opts.Bridges {
		client, ok := opts.Clients[spec.ID]
		if !ok {
			return nil, fmt.Errorf("bridge %s has no client", spec.ID)
		}
		e.logins[spec.ID] = newLogin(spec, client)
	}
	return e, nil
}

// Attach gives the engine its queue, whose handler the engine is. Call it once,
// before Run and before anything is accepted.
func (e *Engine) Attach(q Queue) { e.queue = q }

// Load reads the portals. Call it before the first Accept.
func (e *Engine) Load(ctx context.Context) error { return e.reload(ctx) }

// Run supervises the logins and reconciles portals until ctx ends, then returns
// nil when all of it has stopped.
func (e *Engine) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.reconcileLoop(ctx) })
	for _, l := range e.logins {
		g.Go(func() error { return e.supervise(ctx, l) })
		g.Go(func() error { return e.followMembers(ctx, l) })
		g.Go(func() error { e.hearDirects(ctx, l); return nil })
		g.Go(func() error { e.followPresence(ctx, l); return nil })
	}
	for range pinsWorkers {
		g.Go(func() error { e.keepPins(ctx); return nil })
	}
	g.Go(func() error { e.tellTyping(ctx); return nil })
	for range typingWorkers {
		g.Go(func() error { e.showTyping(ctx); return nil })
	}
	g.Go(func() error { e.keepReadMarks(ctx); return nil })
	g.Go(func() error { e.tellPresence(ctx); return nil })
	return g.Wait()
}

// school returns a school's settings; the zero school when it left the
// configuration while its portals remain.
func (e *Engine) school(sid bridge.SchoolID) *School {
	if s, ok := e.schools[sid]; ok {
		return s
	}
	return &School{ID: sid}
}

// admin reports whether user is an admin of any school.
func (e *Engine) admin(user id.UserID) bool {
	for _, s := range e.schools {
		if slices.Contains(s.Admins, user) {
			return true
		}
	}
	return false
}

// ran notes that a step of a lane ran just now, and ranLately tells: then the
// message map may lack a row whose commit is under way.
func (e *Engine) ran(k store.LaneKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recent[k] = e.now()
}

func (e *Engine) ranLately(k store.LaneKey) bool {
	const commitTime = 2 * time.Second
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now().Sub(e.recent[k]) < commitTime
}

// noteLoop counts a fresh message of a portal and reports a loop.
func (e *Engine) noteLoop(portal int64, inbound bool, sent time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	l, ok := e.loops[portal]
	if !ok {
		l = &policy.Loop{Limit: e.opts.Limits.LoopPerMinute}
		e.loops[portal] = l
	}
	return l.Note(inbound, sent, e.now())
}
