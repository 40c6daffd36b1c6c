package matrixtest

import (
	"encoding/json"
	"fmt"
	"slices"

	"maunium.net/go/mautrix/id"
)

// What people do. These act at once, without HTTP and without asking for rights,
// except where told.

// AddUser makes a person with an account on this server.
func (s *Server) AddUser(local, name string) id.UserID {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(local)
	s.users[u] = &user{name: name}
	return u
}

// Token is the access token of a person, for requests over HTTP.
func (s *Server) Token(u id.UserID) string { return "token-of-" + u.Localpart() }

// AddRoom makes a room of creator's with members in it.
func (s *Server) AddRoom(creator id.UserID, public bool, members ...id.UserID) id.RoomID {
	s.mu.Lock()
	defer s.mu.Unlock()
	req := newRoom{Version: "10"}
	if public {
		req.Preset = "public_chat"
	}
	r := s.makeRoom(creator, req, "")
	for _, u := range members {
		s.setMembership(r, u, u, "join")
	}
	return r.id
}

// Put adds an event; stateKey nil makes it a message event.
func (s *Server) Put(room id.RoomID, sender id.UserID, typ string, stateKey *string, content any) id.EventID {
	raw, err := json.Marshal(content)
	if err != nil {
		panic(fmt.Sprintf("content of an event: %v", err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ev := &Event{Type: typ, Sender: sender, StateKey: stateKey, Content: raw}
	s.add(s.rooms[room], ev)
	return ev.ID
}

// Say adds a text message.
func (s *Server) Say(room id.RoomID, sender id.UserID, body string) id.EventID {
	return s.Put(room, sender, "m.room.message", nil, map[string]string{"msgtype": "m.text", "body": body})
}

// Member sets a membership: "join", "invite", "leave", "ban".
func (s *Server) Member(room id.RoomID, sender, whom id.UserID, membership string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setMembership(s.rooms[room], sender, whom, membership)
}

// Redact removes an event.
func (s *Server) Redact(room id.RoomID, sender id.UserID, target id.EventID) id.EventID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addRedaction(s.rooms[room], sender, s.events[target], nil)
}

// Events lists a room's events of a type ("" = all), oldest first.
func (s *Server) Events(room id.RoomID, typ string) []*Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[room]
	if r == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.events), func(ev *Event) bool { return typ != "" && ev.Type != typ })
}

// Changed is closed when the next event is added. Take it, look, then wait.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// State reads a state event's content into into and tells whether there is one.
func (s *Server) State(room id.RoomID, typ, key string, into any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[room]
	if r == nil || r.state[stateKey{typ, key}] == nil {
		return false
	}
	return json.Unmarshal(r.state[stateKey{typ, key}].Content, into) == nil
}

// Membership is a user's membership of a room.
func (s *Server) Membership(room id.RoomID, u id.UserID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		return r.membership(u)
	}
	return "leave"
}

// Alias is the room of an alias, "" when there is none.
func (s *Server) Alias(alias id.RoomAlias) id.RoomID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aliases[alias]
}

// Rooms is how many rooms there are.
func (s *Server) Rooms() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms)
}

// Profile is a user's name and picture.
func (s *Server) Profile(u id.UserID) (name, avatar string, exists bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.users[u]
	if user == nil {
		return "", "", false
	}
	return user.name, user.avatar, true
}

// AddMedia stores a file and returns its mxc URL.
func (s *Server) AddMedia(mimeType string, body []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	media := fmt.Sprintf("media%d", len(s.media)+1)
	s.media[media] = upload{mimeType, body}
	return fmt.Sprintf("mxc://%s/%s", s.ServerName, media)
}
