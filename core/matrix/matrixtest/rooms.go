package matrixtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"maunium.net/go/mautrix/id"
)

type newRoom struct {
	Preset          string         `json:"preset"`
	AliasName       string         `json:"room_alias_name"`
	Name            string         `json:"name"`
	Topic           string         `json:"topic"`
	Invite          []id.UserID    `json:"invite"`
	Version         string         `json:"room_version"`
	CreationContent map[string]any `json:"creation_content"`
	InitialState    []struct {
		Type    string          `json:"type"`
		Key     string          `json:"state_key"`
		Content json.RawMessage `json:"content"`
	} `json:"initial_state"`
	Levels json.RawMessage `json:"power_level_content_override"`
}

func (s *Server) createRoom(c *call) reply {
	req := decode[newRoom](c)
	s.mu.Lock()
	defer s.mu.Unlock()
	alias := id.RoomAlias("")
	if req.AliasName != "" {
		alias = id.NewRoomAlias(req.AliasName, s.ServerName)
		if !c.appsvc && s.reservedAlias(alias) {
			return refuse(http.StatusBadRequest, "M_EXCLUSIVE")
		}
		if _, taken := s.aliases[alias]; taken {
			return refuse(http.StatusBadRequest, "M_ROOM_IN_USE")
		}
	}
	return ok(map[string]any{"room_id": s.makeRoom(c.as, req, alias).id})
}

// makeRoom builds a room. Called under the lock.
func (s *Server) makeRoom(creator id.UserID, req newRoom, alias id.RoomAlias) *room {
	r := &room{id: id.RoomID(fmt.Sprintf("!room%d:%s", len(s.rooms)+1, s.ServerName)), state: map[stateKey]*Event{}, read: map[id.UserID]id.EventID{}}
	s.rooms[r.id] = r
	set := func(typ, key string, content any) {
		raw, _ := json.Marshal(content)
		s.add(r, &Event{Type: typ, Sender: creator, StateKey: &key, Content: raw})
	}
	create := map[string]any{"creator": creator, "room_version": req.Version}
	maps.Copy(create, req.CreationContent)
	set("m.room.create", "", create)
	s.setMembership(r, creator, creator, "join")
	if len(req.Levels) > 0 {
		set("m.room.power_levels", "", req.Levels)
	} else {
		set("m.room.power_levels", "", map[string]any{"users": map[id.UserID]int{creator: 100}, "invite": 0})
	}
	rule := "invite"
	if req.Preset == "public_chat" {
		rule = "public"
	}
	set("m.room.join_rules", "", map[string]any{"join_rule": rule})
	if alias != "" {
		s.aliases[alias] = r.id
		set("m.room.canonical_alias", "", map[string]any{"alias": alias})
	}
	for _, ev := range req.InitialState {
		set(ev.Type, ev.Key, ev.Content)
	}
	if req.Name != "" {
		set("m.room.name", "", map[string]any{"name": req.Name})
	}
	if req.Topic != "" {
		set("m.room.topic", "", map[string]any{"topic": req.Topic})
	}
	for _, u := range req.Invite {
		s.setMembership(r, creator, u, "invite")
	}
	return r
}

func (s *Server) reservedAlias(alias id.RoomAlias) bool {
	return len(alias) > 1+len(s.Prefix) && string(alias[1:1+len(s.Prefix)]) == s.Prefix
}

func (s *Server) resolveAlias(c *call) reply {
	room, found := s.lookUpAlias(c, id.RoomAlias(c.PathValue("alias")))
	if !found {
		return refuse(http.StatusNotFound, "M_NOT_FOUND")
	}
	return ok(map[string]any{"room_id": room, "servers": []string{s.ServerName}})
}

// lookUpAlias asks the application service about aliases of its own, as
// homeservers do.
func (s *Server) lookUpAlias(c *call, alias id.RoomAlias) (id.RoomID, bool) {
	s.mu.Lock()
	room, found := s.aliases[alias]
	s.mu.Unlock()
	if found || !s.reservedAlias(alias) {
		return room, found
	}
	if status, err := s.askAppservice(c.Context(), http.MethodGet, "/rooms/", string(alias)); err != nil || status != http.StatusOK {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	room, found = s.aliases[alias]
	return room, found
}
