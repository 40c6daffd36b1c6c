package engine

import (
	"hash/maphash"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
)

// names counts how often each name is used in a room, as people tell them apart.
// Of the network's people it forgets nobody who leaves or is renamed: their name is
// not free for others so soon.
type names struct {
	ghosts map[uint64]struct{}
	people map[uint64]int
}

func newNames() *names {
	return &names{ghosts: map[uint64]struct{}{}, people: map[uint64]int{}}
}

// nameSeed makes the hashes of this process.
var nameSeed = maphash.MakeSeed()

// nameHash is short for a name's skeleton; false when it has none.
func nameHash(name string) (uint64, bool) {
	s := policy.Skeleton(name)
	return maphash.String(nameSeed, s), s != ""
}

func shownAs(m intent.Member) string { return policy.CleanName(m.Name, m.User.Localpart()) }

// count notes that a person came (+1) or went (-1).
func (n *names) count(m intent.Member, by int) {
	if h, ok := nameHash(shownAs(m)); ok {
		if n.people[h] += by; n.people[h] <= 0 {
			delete(n.people, h)
		}
	}
}

// addGhost notes the name of somebody of a network.
func (n *names) addGhost(name string) {
	if h, ok := nameHash(name); ok {
		n.ghosts[h] = struct{}{}
	}
}

// shared reports whether somebody else in a room, on the network or on Matrix, has
// a name that looks like a person's.
func (c *memberCache) shared(room id.RoomID, m intent.Member) bool {
	h, ok := nameHash(shownAs(m))
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.names[room]
	if !ok || n == nil {
		return false
	}
	others := n.people[h]
	if self, in := c.rooms[room][m.User]; in {
		own, ok := h, true
		if self.Name != m.Name {
			own, ok = nameHash(shownAs(self))
		}
		if ok && own == h {
			others--
		}
	}
	_, ghost := n.ghosts[h]
	return ghost || others > 0
}

// The lengths of a name and an ID that stand together, in runes: no network may cut
// off the second.
const (
	namesakeName = 32
	namesakeID   = 24
)

// tellApart is how somebody is called whose name another in the room has, too: with
// what nobody else has. Whose server is another one's is named with it.
func (e *Engine) tellApart(m intent.Member) string {
	who := m.User.Localpart()
	if m.User.Homeserver() != e.hs.ServerName() {
		who = string(m.User)
	}
	return cut(shownAs(m), namesakeName) + " (" + cut(who, namesakeID) + ")"
}

func cut(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// shownOnNetwork is how a Matrix user is called on a network.
func (e *Engine) shownOnNetwork(room id.RoomID, m intent.Member) string {
	if !e.hs.Ours(m.User) && e.members.shared(room, m) {
		return e.tellApart(m)
	}
	return shownAs(m)
}
