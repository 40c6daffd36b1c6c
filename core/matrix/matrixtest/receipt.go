package matrixtest

import (
	"net/http"

	"maunium.net/go/mautrix/id"
)

// Read tells up to which event somebody has read a room; "" = nothing.
func (s *Server) Read(room id.RoomID, who id.UserID) id.EventID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[room].read[who]
}

func (s *Server) receipt(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	ev := s.events[id.EventID(c.PathValue("event"))]
	if c.PathValue("type") != "m.read" || ev == nil || ev.Room != r.id {
		return refuse(http.StatusBadRequest, "M_INVALID_PARAM")
	}
	r.read[c.as] = ev.ID
	return ok(struct{}{})
}
