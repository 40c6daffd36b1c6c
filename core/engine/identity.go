package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// What a network person writes appears as their own Matrix account, once a link
// between the two was approved: as long as the account is in the room, in the portals
// of that school alone, and never because of a name. Everything else of a person goes
// on as without a link: see double.go for sending, double_echo.go for what comes back.

// identities is what the database knows of links between accounts. Its maps are
// replaced, never changed in place.
type identities struct {
	mu       sync.RWMutex
	revision int64

	own   map[ghostKey]id.UserID   // approved: network account → Matrix account
	who   map[ownKey]bridge.UserID // the reverse
	acted map[ghostKey][]id.UserID // approved now or once
	actor map[ownKey]struct{}      // the reverse

	refused map[roomUser]time.Time // whom the homeserver did not let write, until when
	moved   map[ghostKey]struct{}  // whose rooms must be looked at: their link has changed
}

// ownKey is a Matrix account as it can be linked.
type ownKey struct {
	school bridge.SchoolID
	bridge bridge.ID
	user   id.UserID
}

const (
	// ownRefused is how long a person's account is not tried again in a room that
	// did not let it write.
	ownRefused     = 5 * time.Minute
	ownRefusedKept = 10_000
	// ownLatest is how long ago a change may be for people to be told, and for rooms
	// to be looked at after a start.
	ownLatest = 24 * time.Hour
)

func newIdentities() *identities {
	return &identities{revision: -1, refused: map[roomUser]time.Time{}, moved: map[ghostKey]struct{}{}}
}

// reloadIdentities reads the links again if another revision is in the database.
func (e *Engine) reloadIdentities(ctx context.Context) error {
	revision, err := e.st.IdentityRevision(ctx)
	if err != nil {
		return fmt.Errorf("read revision of identities: %w", err)
	}
	e.identities.mu.RLock()
	same := revision == e.identities.revision
	e.identities.mu.RUnlock()
	if same {
		return nil
	}
	all, err := e.st.ActedAs(ctx)
	if err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	e.identities.set(revision, all, e.now().Add(-ownLatest))
	e.poke()
	return nil
}

// set replaces all links. After a start, those that changed since a time count as
// changed.
func (c *identities) set(revision int64, all []store.Identity, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.own
	c.own, c.who = map[ghostKey]id.UserID{}, map[ownKey]bridge.UserID{}
	c.acted, c.actor = map[ghostKey][]id.UserID{}, map[ownKey]struct{}{}
	for _, i := range all {
		there, here := ghostKey{i.School, i.Bridge, i.User}, ownKey{i.School, i.Bridge, i.MXID}
		c.actor[here] = struct{}{}
		if !slices.Contains(c.acted[there], i.MXID) {
			c.acted[there] = append(c.acted[there], i.MXID)
		}
		if i.State == store.IdentityApproved {
			c.own[there], c.who[here] = i.MXID, i.User
		}
		if c.revision < 0 && i.Changed.After(since) {
			c.moved[there] = struct{}{}
		}
	}
	if c.revision >= 0 {
		for there, mxid := range c.own {
			if before[there] != mxid {
				c.moved[there] = struct{}{}
			}
		}
		for there := range before {
			if _, still := c.own[there]; !still {
				c.moved[there] = struct{}{}
			}
		}
	}
	c.revision = revision
	clear(c.refused)
}

// account returns the Matrix account of a network person, while a link holds.
func (c *identities) account(k ghostKey) (id.UserID, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	mxid, ok := c.own[k]
	return mxid, ok
}

// person returns whose Matrix account it is on a network, while a link holds.
func (c *identities) person(k ownKey) (bridge.UserID, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	user, ok := c.who[k]
	return user, ok
}

// accounts lists the Matrix accounts that may have sent for a network person.
func (c *identities) accounts(k ghostKey) []id.UserID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.acted[k]
}

// mayBeOurs reports whether events of a Matrix account may have been sent by us.
func (c *identities) mayBeOurs(k ownKey) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.actor[k]
	return ok
}

// refuse notes that the homeserver does not let an account write in a room.
func (c *identities) refuse(room id.RoomID, user id.UserID, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.refused) >= ownRefusedKept {
		clear(c.refused)
	}
	c.refused[roomUser{room, user}] = until
}

func (c *identities) isRefused(room id.RoomID, user id.UserID, now time.Time) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	until, ok := c.refused[roomUser{room, user}]
	return ok && now.Before(until)
}

// permit ends what refuse has noted.
func (c *identities) permit(room id.RoomID, user id.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.refused, roomUser{room, user})
}

// takeMoved returns those whose link has changed, once.
func (c *identities) takeMoved() []ghostKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []ghostKey
	for k := range c.moved {
		out = append(out, k)
	}
	clear(c.moved)
	return out
}

func (c *identities) putMoved(k ghostKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved[k] = struct{}{}
}

// linked returns the Matrix account that stands for a network person in a portal's
// school, if Steg may act for it.
func (e *Engine) linked(p *store.Portal, user bridge.UserID) (id.UserID, bool) {
	if !e.hs.Puppets() {
		return "", false
	}
	return e.identities.account(ghostKey{p.School, p.Bridge, user})
}

// presentAs returns the Matrix account of a network person that is in a room.
func (e *Engine) presentAs(ctx context.Context, p *store.Portal, room id.RoomID, user bridge.UserID) (id.UserID, bool, error) {
	mxid, ok := e.linked(p, user)
	if !ok {
		return "", false, nil
	}
	members, err := e.membersOf(ctx, room)
	switch {
	case err != nil && bridge.Classify(err) == bridge.ClassPermanent:
		return "", false, nil // then nobody can write there: the ghost will tell
	case err != nil:
		return "", false, err
	}
	return mxid, members[mxid].Membership == "join", nil
}

// writesAs returns the Matrix account as which a network person's posts appear in a
// room.
func (e *Engine) writesAs(ctx context.Context, p *store.Portal, room id.RoomID, user bridge.UserID) (id.UserID, bool, error) {
	if mxid, ok := e.linked(p, user); !ok || !e.mayWrite(p, room, mxid) {
		return "", false, nil
	}
	return e.presentAs(ctx, p, room, user)
}

// mayWrite reports whether nothing is known that keeps an account from writing. In a
// room that is locked for an announcing portal only administrators have the level for
// it; others get none, as it would also let them remove and pin.
func (e *Engine) mayWrite(p *store.Portal, room id.RoomID, mxid id.UserID) bool {
	if e.locked(room, p) && (!p.OwnRoom || !slices.Contains(e.school(p.School).Admins, mxid)) {
		return false
	}
	return !e.identities.isRefused(room, mxid, e.now())
}

// holds reports whether Steg may still act as an account on a network's behalf.
func (e *Engine) holds(school bridge.SchoolID, b bridge.ID, mxid id.UserID) bool {
	_, ok := e.identities.person(ownKey{school, b, mxid})
	return ok && e.hs.Puppets()
}

// endIdentities ends the links of a closed network account.
func (e *Engine) endIdentities(ctx context.Context, b bridge.ID, user bridge.UserID) error {
	ended, err := e.st.EndIdentities(ctx, b, user, "network")
	if err != nil {
		return fmt.Errorf("end identities of a closed account: %w", err)
	}
	var failed error
	for _, i := range ended {
		failed = errors.Join(failed, e.st.Audit(ctx, i.School, "network", fmt.Sprintf("ended identity %d: the account was closed", i.ID)))
	}
	if len(ended) > 0 {
		failed = errors.Join(failed, e.reloadIdentities(ctx))
	}
	return failed
}
