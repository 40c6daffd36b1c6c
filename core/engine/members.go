package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// memberCache holds the people in portal rooms as long as this process has watched
// them: what happened while it was away is asked for once per room. Our own users
// are left out: a room may have thousands, and nothing asks for all of them.
type memberCache struct {
	mu     sync.Mutex
	rooms  map[id.RoomID]map[id.UserID]intent.Member
	ghosts map[roomUser]intent.Member // those that were asked for: speakers in hub rooms
	names  map[id.RoomID]*names       // of all in the rooms, ours too
	// Counts of membership events, so that what is older is never kept. Ghosts have
	// one of their own: when thousands join, lists of people must be kept all the same.
	changes, ghostChanges int
}

// The bounds of the cache; when it is full it starts anew.
const (
	memberCacheRooms  = 5_000
	memberCacheGhosts = 10_000
)

func newMemberCache() *memberCache {
	return &memberCache{
		rooms: map[id.RoomID]map[id.UserID]intent.Member{}, ghosts: map[roomUser]intent.Member{}, names: map[id.RoomID]*names{},
	}
}

func (c *memberCache) room(room id.RoomID) (map[id.UserID]intent.Member, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.rooms[room]
	return m, ok
}

func (c *memberCache) get(room id.RoomID, user id.UserID) (intent.Member, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.rooms[room][user]
	return m, ok
}

// ghost returns what is remembered of one of our users.
func (c *memberCache) ghost(room id.RoomID, user id.UserID) (intent.Member, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.ghosts[roomUser{room, user}]
	return m, ok
}

// ghostAsOf returns the number of changes of our users so far, for keepGhost.
func (c *memberCache) ghostAsOf() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ghostChanges
}

// keepGhost remembers what was asked for after asOf, unless any of ours changed since.
func (c *memberCache) keepGhost(room id.RoomID, m intent.Member, asOf int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ghostChanges != asOf {
		return
	}
	if len(c.ghosts) >= memberCacheGhosts {
		clear(c.ghosts)
	}
	c.ghosts[roomUser{room, m.User}] = m
}

// asOf returns the number of changes so far, for fill.
func (c *memberCache) asOf() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// fill keeps a list that was asked for after asOf, unless anything changed since. Of
// ours it keeps the names.
func (c *memberCache) fill(room id.RoomID, members []intent.Member, ours func(id.UserID) bool, asOf int) map[id.UserID]intent.Member {
	set, used := map[id.UserID]intent.Member{}, newNames()
	for _, m := range members {
		if ours(m.User) {
			used.addGhost(m.Name)
			continue
		}
		set[m.User] = m
		used.count(m, 1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != asOf {
		return set
	}
	if len(c.rooms) >= memberCacheRooms {
		clear(c.rooms)
		clear(c.names)
	}
	if before := c.names[room]; before != nil {
		maps.Copy(used.ghosts, before.ghosts) // who has come meanwhile
	}
	c.rooms[room], c.names[room] = set, used
	return set
}

// forget drops the list of a room that was not watched.
func (c *memberCache) forget(room id.RoomID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rooms, room)
}

// changeGhost forgets what was remembered of one of our users, who is called name
// now.
func (c *memberCache) changeGhost(room id.RoomID, user id.UserID, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ghostChanges++
	delete(c.ghosts, roomUser{room, user})
	if c.names[room] == nil && len(c.names) < memberCacheRooms {
		c.names[room] = newNames() // the room may be being listed
	}
	if used := c.names[room]; used != nil {
		used.addGhost(name)
	}
}

// change replaces the set of a known room, so that readers need no lock.
func (c *memberCache) change(room id.RoomID, m intent.Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	old, ok := c.rooms[room]
	if !ok {
		return
	}
	set := make(map[id.UserID]intent.Member, len(old)+1)
	maps.Copy(set, old)
	if before, in := set[m.User]; in {
		c.names[room].count(before, -1)
	}
	if m.Membership == "join" || m.Membership == "invite" {
		set[m.User] = m
		c.names[room].count(m, 1)
	} else {
		delete(set, m.User)
	}
	c.rooms[room] = set
}

// membersOf returns the people who are in a room or invited, without our users.
func (e *Engine) membersOf(ctx context.Context, room id.RoomID) (map[id.UserID]intent.Member, error) {
	if set, ok := e.members.room(room); ok {
		return set, nil
	}
	asOf := e.members.asOf()
	list, err := e.hs.Members(ctx, room)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	return e.members.fill(room, list, e.hs.Ours, asOf), nil
}

// memberChanged follows a membership event of a portal's room.
func (e *Engine) memberChanged(ctx context.Context, ev *intent.Event) error {
	linked := e.portals.room(ev.Room)
	if len(linked) == 0 {
		return nil
	}
	var raw struct {
		Content event.MemberEventContent `json:"content"`
	}
	if err := json.Unmarshal(ev.Raw, &raw); err != nil {
		return nil //nolint:nilerr // a broken membership must not stop what follows it
	}
	user := id.UserID(*ev.StateKey)
	if e.hs.Ours(user) {
		e.members.changeGhost(ev.Room, user, raw.Content.Displayname)
		if raw.Content.Membership != event.MembershipJoin {
			e.ghosts.forget(ev.Room, user)
			e.hs.Forget(ev.Room, user)
		}
		return nil
	}
	e.members.change(ev.Room, intent.Member{
		User: user, Membership: string(raw.Content.Membership),
		Name: raw.Content.Displayname, Avatar: string(raw.Content.AvatarURL),
	})
	if err := e.peopleMoved(ctx, linked); err != nil {
		return err
	}
	if err := e.linkedMemberMoved(ctx, ev.Room, user); err != nil {
		return err
	}
	if slices.ContainsFunc(linked, func(p *store.Portal) bool { return p.Private }) {
		// The guard looks again at once.
		e.queue.Wake(func(k store.LaneKey) bool {
			return slices.ContainsFunc(linked, func(p *store.Portal) bool { return p.ID == k.Portal })
		})
	}
	return nil
}

// guard says why nothing may cross a private chat's portal now, "" when it may:
// everybody in its room must be entitled.
func (e *Engine) guard(ctx context.Context, p *store.Portal) (why string, err error) {
	if !p.Private || p.Room == "" {
		return "", nil
	}
	members, err := e.membersOf(ctx, p.Room)
	if err != nil {
		return "", err
	}
	users := make([]id.UserID, 0, len(members))
	for u := range members {
		users = append(users, u)
	}
	if n := policy.Strangers(users, e.entitledIn(p), e.hs.Ours); n > 0 {
		return fmt.Sprintf("%d in the room of this private chat are not entitled: name them under members, or remove them from the room", n), nil
	}
	return "", nil
}

// person returns the name and picture of a Matrix user in a room.
func (e *Engine) person(ctx context.Context, room id.RoomID, user id.UserID) (intent.Member, error) {
	if e.hs.Ours(user) {
		return e.ghostAsPerson(ctx, room, user), nil
	}
	if m, ok := e.members.get(room, user); ok {
		return m, nil
	}
	members, err := e.membersOf(ctx, room)
	if err != nil {
		return intent.Member{}, err
	}
	if m, ok := members[user]; ok {
		return m, nil
	}
	// Left meanwhile: the name may still be known.
	prof, err := e.hs.Profile(ctx, user)
	if err != nil {
		return intent.Member{User: user}, nil //nolint:nilerr // a name is not worth a message
	}
	return intent.Member{User: user, Name: prof.Name, Avatar: prof.Avatar}, nil
}

// ghostAsPerson returns the name and picture of one of our users, whose message
// goes on to another network.
func (e *Engine) ghostAsPerson(ctx context.Context, room id.RoomID, user id.UserID) intent.Member {
	if m, ok := e.members.ghost(room, user); ok {
		return m
	}
	asOf := e.members.ghostAsOf()
	prof, err := e.hs.Profile(ctx, user)
	if err != nil {
		return intent.Member{User: user} // a name is not worth a message
	}
	m := intent.Member{User: user, Name: prof.Name, Avatar: prof.Avatar}
	e.members.keepGhost(room, m, asOf)
	return m
}
