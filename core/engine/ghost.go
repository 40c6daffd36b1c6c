package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

type ghostKey struct {
	school bridge.SchoolID
	bridge bridge.ID
	user   bridge.UserID
}

type roomUser struct {
	room id.RoomID
	user id.UserID
}

// ghostCache remembers ghosts that are ready and where they have joined, so that
// the normal path asks neither database nor homeserver. Bounded: when full it
// starts anew.
type ghostCache struct {
	mu     sync.Mutex
	ghosts map[ghostKey]store.Ghost
	joined map[roomUser]struct{}
}

const ghostCacheSize = 20_000

func newGhostCache() *ghostCache {
	return &ghostCache{ghosts: map[ghostKey]store.Ghost{}, joined: map[roomUser]struct{}{}}
}

func (c *ghostCache) get(k ghostKey) (store.Ghost, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.ghosts[k]
	return g, ok
}

func (c *ghostCache) put(g store.Ghost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ghosts) >= ghostCacheSize {
		clear(c.ghosts)
	}
	c.ghosts[ghostKey{g.School, g.Bridge, g.User}] = g
}

// refresh replaces a ghost that is remembered.
func (c *ghostCache) refresh(g store.Ghost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := ghostKey{g.School, g.Bridge, g.User}
	if _, ok := c.ghosts[k]; ok {
		c.ghosts[k] = g
	}
}

func (c *ghostCache) hasJoined(room id.RoomID, user id.UserID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.joined[roomUser{room, user}]
	return ok
}

func (c *ghostCache) setJoined(room id.RoomID, user id.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.joined) >= ghostCacheSize {
		clear(c.joined)
	}
	c.joined[roomUser{room, user}] = struct{}{}
}

// joinedIn lists the ghosts that may write in a room without further ado.
func (c *ghostCache) joinedIn(room id.RoomID) []id.UserID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []id.UserID
	for k := range c.joined {
		if k.room == room {
			out = append(out, k.user)
		}
	}
	return out
}

// forget makes the next message join its ghost again.
func (c *ghostCache) forget(room id.RoomID, user id.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.joined, roomUser{room, user})
}

// known returns a ghost that was made before, from memory or the database.
func (c *ghostCache) known(ctx context.Context, st *store.Store, s bridge.SchoolID, b bridge.ID, u bridge.UserID) (store.Ghost, error) {
	if g, ok := c.get(ghostKey{s, b, u}); ok {
		return g, nil
	}
	return st.Ghost(ctx, s, b, u)
}

// ensureGhost returns the ghost of a remote person, registered, named, and able
// to write in the room.
func (e *Engine) ensureGhost(ctx context.Context, p *store.Portal, room id.RoomID, user bridge.UserID) (store.Ghost, error) {
	k := ghostKey{p.School, p.Bridge, user}
	g, ok := e.ghosts.get(k)
	if !ok {
		var err error
		g, err = e.st.Ghost(ctx, p.School, p.Bridge, user)
		if errors.Is(err, store.ErrNoRow) {
			g, err = e.makeGhost(ctx, k)
		}
		if err != nil {
			return g, err
		}
		e.ghosts.put(g)
	}
	if e.ghosts.hasJoined(room, g.MXID) {
		return g, nil
	}
	if err := e.hs.EnsureJoined(ctx, room, g.MXID); err != nil {
		return g, fmt.Errorf("join ghost: %w", err)
	}
	// In this order: whoever locks the room meanwhile either finds the ghost, or has
	// locked it before letSpeak looks.
	e.ghosts.setJoined(room, g.MXID)
	if err := e.letSpeak(ctx, p, room, g.MXID); err != nil {
		e.ghosts.forget(room, g.MXID)
		return g, fmt.Errorf("let ghost write: %w", err)
	}
	return g, nil
}

// makeGhost registers the ghost of a person and sets the profile.
func (e *Engine) makeGhost(ctx context.Context, k ghostKey) (store.Ghost, error) {
	l, ok := e.logins[k.bridge]
	if !ok {
		return store.Ghost{}, fmt.Errorf("%w: bridge %s is not configured any more", bridge.ErrRejected, k.bridge)
	}
	info, err := l.client.User(ctx, k.user)
	switch {
	case errors.Is(err, bridge.ErrNotFound):
		info = &bridge.UserInfo{ID: k.user} // gone since; the message still crosses
	case err != nil:
		return store.Ghost{}, fmt.Errorf("read person: %w", err)
	}
	return e.registerGhost(ctx, l, k, *info)
}

// registerGhost registers the ghost of a person who is known.
func (e *Engine) registerGhost(ctx context.Context, l *login, k ghostKey, info bridge.UserInfo) (store.Ghost, error) {
	g := store.Ghost{School: k.school, Bridge: k.bridge, User: k.user, MXID: e.hs.GhostID(k.bridge, k.user)}
	if err := e.hs.EnsureGhost(ctx, g.MXID); err != nil {
		return g, fmt.Errorf("register ghost: %w", err)
	}
	return e.applyProfile(ctx, l, g, info)
}

// shownName is how a person's ghost is called; a program is shown as one.
func shownName(info bridge.UserInfo) string {
	name := policy.CleanName(info.Name, "Unknown")
	if info.Bot {
		name += " (bot)"
	}
	return name
}

// applyProfile makes a ghost look like its person and stores what was set.
func (e *Engine) applyProfile(ctx context.Context, l *login, g store.Ghost, info bridge.UserInfo) (store.Ghost, error) {
	changed := g.Bot != info.Bot
	g.Bot = info.Bot
	if name := shownName(info); name != g.Name {
		if err := e.hs.SetName(ctx, g.MXID, name); err != nil {
			return g, fmt.Errorf("set name of ghost: %w", err)
		}
		g.Name, changed = name, true
	}
	if info.AvatarKey != g.AvatarKey {
		if err := e.applyAvatar(ctx, l, g.MXID, info); err != nil {
			return g, err
		}
		g.AvatarKey, changed = info.AvatarKey, true
	}
	if !changed {
		return g, nil
	}
	if err := e.st.SaveGhost(ctx, g); err != nil {
		return g, fmt.Errorf("store ghost: %w", err)
	}
	return g, nil
}

// applyAvatar copies a person's picture. A picture that the homeserver refuses is
// left out: no message waits for a picture.
func (e *Engine) applyAvatar(ctx context.Context, l *login, ghost id.UserID, info bridge.UserInfo) error {
	opener, ok := l.client.(bridge.AvatarOpener)
	if info.AvatarKey == "" || !ok {
		if err := e.hs.ClearAvatar(ctx, ghost); err != nil && bridge.Classify(err) != bridge.ClassPermanent {
			return fmt.Errorf("clear picture of ghost: %w", err)
		}
		return nil
	}
	body, mimeType, err := opener.OpenAvatar(ctx, info.ID)
	if err != nil {
		if bridge.Classify(err) == bridge.ClassPermanent {
			return nil
		}
		return fmt.Errorf("read picture: %w", err)
	}
	defer body.Close() //nolint:errcheck // read only
	if _, err := e.hs.SetAvatar(ctx, ghost, body, mimeType); err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		return fmt.Errorf("set picture of ghost: %w", err)
	}
	return nil
}

// stepPeople follows a changed name or picture, if the person has a ghost.
func (e *Engine) stepPeople(ctx context.Context, it store.Item) queue.Outcome {
	ev, err := decodeEvent(it.Kind, it.Payload)
	change, ok := ev.(*bridge.UserChange)
	if err != nil || !ok {
		return drop(it, policy.DropType)
	}
	return e.userChanged(ctx, it, change)
}

func (e *Engine) userChanged(ctx context.Context, it store.Item, ev *bridge.UserChange) queue.Outcome {
	l, ok := e.logins[it.Bridge]
	if !ok {
		return drop(it, policy.DropOff)
	}
	followed := false
	if ev.Info.Gone {
		if err := e.endIdentities(ctx, it.Bridge, ev.Info.ID); err != nil {
			return retry(err)
		}
	}
	for _, school := range e.portals.schoolsOn(it.Bridge) {
		g, err := e.ghosts.known(ctx, e.st, school, it.Bridge, ev.Info.ID)
		if errors.Is(err, store.ErrNoRow) {
			continue
		}
		if err != nil {
			return retry(fmt.Errorf("look up ghost: %w", err))
		}
		g, err = e.applyProfile(ctx, l, g, ev.Info)
		if err == nil && ev.Info.Gone {
			err = e.retire(ctx, g)
		}
		switch {
		case err == nil:
			e.ghosts.put(g)
			followed = true
		case bridge.Classify(err) == bridge.ClassPermanent:
			return drop(it, policy.DropUnsupported)
		default:
			return retry(err)
		}
	}
	if !followed {
		return drop(it, policy.DropNotForUs)
	}
	return delivered(it)
}

// retire lets the ghost of a closed account leave the rooms of its network's chats.
// It comes back when the account does: then the chats list it again.
func (e *Engine) retire(ctx context.Context, g store.Ghost) error {
	rooms, err := e.hs.Rooms(ctx, g.MXID)
	if err != nil {
		return fmt.Errorf("list rooms of ghost: %w", err)
	}
	for _, room := range rooms {
		if !slices.ContainsFunc(e.portals.room(room), func(p *store.Portal) bool { return p.Bridge == g.Bridge }) {
			continue
		}
		e.ghosts.forget(room, g.MXID)
		if err := e.hs.Leave(ctx, room, g.MXID); err != nil {
			return fmt.Errorf("leave: %w", err)
		}
	}
	return nil
}
