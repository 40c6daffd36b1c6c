package matrixtest

import (
	"net/http"

	"maunium.net/go/mautrix/id"
)

// HidePresence switches presence off: what the server is told it takes, and shows
// nothing of it.
func (s *Server) HidePresence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noPresence = true
}

func (s *Server) presence(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := id.UserID(c.PathValue("user"))
	u := s.users[who]
	switch {
	case u == nil:
		return refuse(http.StatusNotFound, "M_NOT_FOUND")
	case c.Method == http.MethodGet && s.Dialect == Dendrite:
		return ok(map[string]any{"presence": u.presence}) // "" of whom it knows nothing
	case c.Method == http.MethodGet && u.presence == "":
		return ok(map[string]any{"presence": "offline"})
	case c.Method == http.MethodGet:
		return ok(map[string]any{"presence": u.presence})
	case who != c.as:
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	if in := decode[map[string]string](c); !s.noPresence {
		u.presence = in["presence"]
	}
	return ok(struct{}{})
}
