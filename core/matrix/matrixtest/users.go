package matrixtest

import (
	"net/http"

	"maunium.net/go/mautrix/id"
)

func (s *Server) register(c *call) reply {
	if !c.appsvc {
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	req := decode[struct {
		Type     string `json:"type"`
		Username string `json:"username"`
	}](c)
	wanted := s.user(req.Username)
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.Type != "m.login.application_service" || !s.reserved(wanted) {
		return refuse(http.StatusBadRequest, "M_EXCLUSIVE")
	}
	if _, exists := s.users[wanted]; exists {
		return refuse(http.StatusBadRequest, "M_USER_IN_USE")
	}
	s.users[wanted] = &user{name: req.Username}
	return ok(map[string]any{"user_id": wanted})
}

func (s *Server) profile(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[id.UserID(c.PathValue("user"))]
	if u == nil {
		return refuse(http.StatusNotFound, "M_NOT_FOUND")
	}
	body := map[string]string{}
	if u.name != "" {
		body["displayname"] = u.name
	}
	if u.avatar != "" {
		body["avatar_url"] = u.avatar
	}
	return ok(body)
}

func (s *Server) setProfile(c *call) reply {
	whose := id.UserID(c.PathValue("user"))
	if whose != c.as {
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	fields := decode[map[string]string](c)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[whose]
	switch field := c.PathValue("field"); field {
	case "displayname":
		u.name = fields[field]
	case "avatar_url":
		u.avatar = fields[field]
	default:
		return refuse(http.StatusNotFound, "M_UNRECOGNIZED")
	}
	for _, r := range s.rooms {
		if r.membership(whose) == "join" {
			s.setMembership(r, whose, whose, "join")
		}
	}
	return ok(struct{}{})
}
