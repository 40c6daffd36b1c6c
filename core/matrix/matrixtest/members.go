package matrixtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"
)

func (s *Server) join(c *call) reply {
	target := c.PathValue("room")
	if strings.HasPrefix(target, "#") {
		room, found := s.lookUpAlias(c, id.RoomAlias(target))
		if !found {
			return refuse(http.StatusNotFound, "M_NOT_FOUND")
		}
		target = string(room)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[id.RoomID(target)]
	if r == nil {
		return refuse(http.StatusNotFound, "M_NOT_FOUND")
	}
	switch r.membership(c.as) {
	case "join":
	case "invite":
		s.setMembership(r, c.as, c.as, "join")
	case "ban":
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	default:
		if r.joinRule() != "public" {
			return refuse(http.StatusForbidden, "M_FORBIDDEN")
		}
		s.setMembership(r, c.as, c.as, "join")
	}
	return ok(map[string]any{"room_id": r.id})
}

func (s *Server) leave(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.roomOf(c)
	if denied.code != "" {
		return denied
	}
	if m := r.membership(c.as); m != "join" && m != "invite" {
		if s.Dialect == Dendrite {
			return refuse(http.StatusBadRequest, "M_UNKNOWN")
		}
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	s.setMembership(r, c.as, c.as, "leave")
	return ok(struct{}{})
}

func (s *Server) invite(c *call) reply {
	whom := decode[struct {
		User id.UserID `json:"user_id"`
	}](c).User
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	m := r.membership(whom)
	if p := r.powers(); p.of(c.as) < p.Invite || m == "join" || m == "ban" {
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	s.setMembership(r, c.as, whom, "invite")
	return ok(struct{}{})
}

func (s *Server) kick(c *call) reply {
	whom := decode[struct {
		User id.UserID `json:"user_id"`
	}](c).User
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	if p := r.powers(); p.of(c.as) < orFifty(p.Kick) || p.of(c.as) <= p.of(whom) {
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	s.setMembership(r, c.as, whom, "leave")
	return ok(struct{}{})
}

func (s *Server) members(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	chunk := []*Event{}
	for _, ev := range r.stateEvents() {
		if ev.Type == "m.room.member" {
			chunk = append(chunk, ev)
		}
	}
	return ok(map[string]any{"chunk": chunk})
}

func (s *Server) joinedRooms(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := []id.RoomID{}
	for _, r := range s.rooms {
		if r.membership(c.as) == "join" {
			rooms = append(rooms, r.id)
		}
	}
	slices.Sort(rooms)
	return ok(map[string]any{"joined_rooms": rooms})
}

// setMembership adds a member event with the user's profile. Called under the
// lock.
func (s *Server) setMembership(r *room, sender, whom id.UserID, membership string) {
	content := map[string]string{"membership": membership}
	if u := s.users[whom]; u != nil && (membership == "join" || membership == "invite") {
		if u.name != "" {
			content["displayname"] = u.name
		}
		if u.avatar != "" {
			content["avatar_url"] = u.avatar
		}
	}
	raw, _ := json.Marshal(content)
	key := string(whom)
	s.add(r, &Event{Type: "m.room.member", Sender: sender, StateKey: &key, Content: raw})
}
