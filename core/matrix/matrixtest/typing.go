package matrixtest

import (
	"net/http"
	"slices"

	"maunium.net/go/mautrix/id"
)

// Type lets a person begin or end to write in a room.
func (s *Server) Type(room id.RoomID, who id.UserID, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setTyping(s.rooms[room], who, on)
}

// Typing lists who is writing in a room.
func (s *Server) Typing(room id.RoomID) []id.UserID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rooms[room].typing)
}

func (s *Server) typingNow(c *call) reply {
	in := decode[struct {
		Typing bool `json:"typing"`
	}](c)
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	if c.PathValue("user") != string(c.as) {
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	s.setTyping(r, c.as, in.Typing)
	return ok(struct{}{})
}

// setTyping is called under the lock.
func (s *Server) setTyping(r *room, who id.UserID, on bool) {
	if slices.Contains(r.typing, who) == on {
		return
	}
	if on {
		r.typing = append(r.typing, who)
	} else {
		r.typing = slices.DeleteFunc(r.typing, func(u id.UserID) bool { return u == who })
	}
	s.stream++
	r.typed = s.stream
	s.notify()
}

// typingSince is what /sync tells of who is writing, nil when nothing is new.
// Called under the lock.
func (r *room) typingSince(since int64, filter part) map[string]any {
	ev := &Event{Type: "m.typing"}
	if r.typed <= since || !filter.passes(ev) {
		return nil
	}
	content := map[string]any{"user_ids": append([]id.UserID{}, r.typing...)}
	return map[string]any{"events": []any{map[string]any{"type": ev.Type, "content": content}}}
}
