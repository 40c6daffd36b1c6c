package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// Where a network gives Matrix people accounts of their own, each speaks for
// themselves there. The account is made when it is first needed, and its row is
// stored before it speaks: by that row its own words are known when they come back.
// While somebody's account cannot be had the bridge's own account speaks for them, as
// it does for everybody where there are no puppets.

// puppets is what this process knows of a login's puppets.
type puppets struct {
	making  chan struct{} // holds a token while one is being made
	changed chan struct{} // one was made, or has another secret

	mu      sync.Mutex
	byMXID  map[id.UserID]store.Puppet
	logins  map[bridge.UserID]*login    // clients that speak as them
	people  map[bridge.UserID]id.UserID // whom a user stands for, "" = is nobody's puppet
	inChat  map[chatPuppet]struct{}     // who is known to be a member
	refused map[string]refusal          // what is not tried again for a while
}

type refusal struct {
	until time.Time
	why   error
}

type chatPuppet struct {
	chat bridge.ChatID
	user bridge.UserID
}

const (
	// puppetsKept bounds what is remembered; when it is full it starts anew.
	puppetsKept = 20_000
	// puppetRetry is how long the bridge's own account speaks for somebody whose
	// account was refused.
	puppetRetry = 5 * time.Minute
)

func newPuppets() *puppets {
	return &puppets{
		making: make(chan struct{}, 1), changed: make(chan struct{}, 1), byMXID: map[id.UserID]store.Puppet{}, logins: map[bridge.UserID]*login{},
		people: map[bridge.UserID]id.UserID{}, inChat: map[chatPuppet]struct{}{}, refused: map[string]refusal{},
	}
}

// keep puts a value into one of the maps.
func keep[K comparable, V any](ps *puppets, m map[K]V, k K, v V) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(m) >= puppetsKept {
		clear(m)
	}
	m[k] = v
}

func recallFrom[K comparable, V any](ps *puppets, m map[K]V, k K) (V, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	v, ok := m[k]
	return v, ok
}

// accountFor returns the login that speaks for a Matrix user in a portal's chat: that
// of their puppet, or the bridge's own.
func (e *Engine) accountFor(ctx context.Context, p *store.Portal, l *login, user id.UserID) (*login, error) {
	if p.Direct() {
		return e.accountInDirect(ctx, l, user)
	}
	if !l.caps.Puppets || e.hs.Ours(user) {
		return l, nil
	}
	row, err := e.ensurePuppet(ctx, p, l, user)
	if err == nil {
		err = e.admit(ctx, p, l, row.User)
	}
	if err == nil {
		var own *login
		if own, err = e.openPuppet(ctx, l, row); err == nil {
			return own, nil
		}
	}
	if bridge.Classify(err) == bridge.ClassTemporary || ctx.Err() != nil || errors.Is(err, errBarred) {
		return nil, err
	}
	if !errors.Is(err, errRefusedLately) {
		e.log.LogAttrs(ctx, slog.LevelWarn, "no own account for a Matrix person, the bridge's account speaks",
			slog.Int64("portal", p.ID), slog.String("error", err.Error()))
	}
	return l, nil
}

// accountInDirect is accountFor for a direct chat, where nobody speaks for others.
func (e *Engine) accountInDirect(ctx context.Context, l *login, user id.UserID) (*login, error) {
	row, err := e.puppet(ctx, e.logins[l.spec.ID], user)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fmt.Errorf("%w: this Matrix person has no account there", bridge.ErrForbidden)
	}
	if err != nil {
		return nil, &bridge.TemporaryError{Err: err, Unsent: true}
	}
	return e.account(ctx, l, row.User)
}

// errBarred says that somebody on the network has closed a person's account there:
// then nobody else speaks for that person either.
var errBarred = errors.New("the account of this Matrix person was closed")

// errRefusedLately stands for a refusal that was told of before.
var errRefusedLately = errors.New("refused a moment ago")

// lately is why something was refused that shall not be tried again yet.
func (e *Engine) lately(l *login, what string) error {
	r, ok := recallFrom(l.puppets, l.puppets.refused, what)
	if !ok || !e.now().Before(r.until) {
		return nil
	}
	return fmt.Errorf("%w: %w", errRefusedLately, r.why)
}

// refuse notes an error that will not pass soon.
func (e *Engine) refuse(l *login, what string, err error) error {
	if bridge.Classify(err) != bridge.ClassTemporary {
		keep(l.puppets, l.puppets.refused, what, refusal{e.now().Add(puppetRetry), err})
	}
	return err
}

// openPuppet returns the login that speaks as a puppet.
func (e *Engine) openPuppet(ctx context.Context, l *login, row store.Puppet) (*login, error) {
	if own, ok := recallFrom(l.puppets, l.puppets.logins, row.User); ok && own.spec.Login.Secret == row.Secret {
		return own, nil
	}
	spec := l.spec
	spec.Login = bridge.Login{ID: row.Login, Secret: row.Secret}
	client, err := spec.Bridge.Open(spec.Login)
	if err != nil { // sealed under another secret of the bridge
		row.Secret = ""
		err = errors.Join(err, e.savePuppet(ctx, l, row))
		return nil, &bridge.TemporaryError{Err: fmt.Errorf("open a Matrix person's account: %w", err), Unsent: true}
	}
	own := newLogin(spec, client)
	own.caps.SharedReactions, own.puppet = false, row.User
	keep(l.puppets, l.puppets.logins, row.User, own)
	return own, nil
}

// account returns the login that a message went with: the bridge's own for "".
func (e *Engine) account(ctx context.Context, l *login, user bridge.UserID) (*login, error) {
	if user == "" || user == l.puppet {
		return l, nil
	}
	l = e.logins[l.spec.ID] // it knows the puppets
	if own, ok := recallFrom(l.puppets, l.puppets.logins, user); ok {
		return own, nil
	}
	row, err := e.st.PuppetByUser(ctx, l.spec.ID, user)
	if err == nil && row.Secret == "" && l.caps.Puppets {
		row, err = e.makePuppet(ctx, l, row.MXID, row.Name)
	}
	switch {
	case err != nil:
		return nil, err
	case row.Secret == "":
		return l, nil // there are no puppets any more: the network says whether this may
	}
	return e.openPuppet(ctx, l, row)
}

// renewed notes that a puppet was not let in; the next attempt lets it in anew. Any
// other error is returned as it is.
func (e *Engine) renewed(ctx context.Context, l *login, err error) error {
	if l.puppet == "" || !errors.Is(err, bridge.ErrLoggedOut) {
		return err
	}
	relay := e.logins[l.spec.ID]
	row, rerr := e.st.PuppetByUser(ctx, l.spec.ID, l.puppet)
	if rerr == nil && row.Secret == l.spec.Login.Secret {
		row.Secret = ""
		rerr = e.savePuppet(ctx, relay, row)
	}
	relay.puppets.mu.Lock()
	delete(relay.puppets.logins, l.puppet)
	relay.puppets.mu.Unlock()
	return &bridge.TemporaryError{Err: errors.Join(err, rerr), Unsent: true}
}

// standsFor tells for whom a user of the network stands; "" when that is nobody's
// puppet. What a puppet does comes after its row, so that an answer stays true.
func (e *Engine) standsFor(ctx context.Context, l *login, user bridge.UserID) (id.UserID, error) {
	if user == "" {
		return "", nil
	}
	if mxid, ok := recallFrom(l.puppets, l.puppets.people, user); ok {
		return mxid, nil
	}
	row, err := e.st.PuppetByUser(ctx, l.spec.ID, user)
	if err != nil && !errors.Is(err, store.ErrNoRow) {
		return "", err
	}
	keep(l.puppets, l.puppets.people, user, row.MXID)
	return row.MXID, nil
}

// foundElsewhere looks, after an uncertain attempt, for a message that another
// account may have sent: until the last attempt the person may have spoken through
// the bridge's own, or have had one that cannot be used now.
func (e *Engine) foundElsewhere(
	ctx context.Context, relay, l *login, user id.UserID, m *bridge.Outgoing,
) (got bridge.Receipt, by bridge.UserID, found bool, err error) {
	finder, ok := relay.client.(bridge.Finder)
	if !m.Uncertain || !ok {
		return got, "", false, nil
	}
	if l == relay {
		row, err := e.puppet(ctx, relay, user)
		if err != nil {
			if errors.Is(err, store.ErrNoRow) {
				err = nil
			}
			return got, "", false, err
		}
		by = row.User
	}
	got, found, err = finder.Find(ctx, m, by)
	return got, by, found, err
}

// ownAccount is the Matrix account in a room that a network person should be addressed
// by instead of a ghost: that of whom a puppet stands for, or one that is linked to
// theirs. "" when there is none.
func (e *Engine) ownAccount(ctx context.Context, p *store.Portal, room id.RoomID, user bridge.UserID) (id.UserID, error) {
	if linked, ok, err := e.presentAs(ctx, p, room, user); err == nil && ok {
		return linked, nil
	}
	l, ok := e.logins[p.Bridge]
	if !ok || room == "" {
		return "", nil
	}
	own, err := e.standsFor(ctx, l, user)
	if err != nil || own == "" {
		return "", err
	}
	members, err := e.membersOf(ctx, room)
	if _, here := members[own]; !here {
		return "", err
	}
	return own, nil
}
