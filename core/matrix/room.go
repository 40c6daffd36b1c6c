package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// createRoom is the body of /createRoom.
type createRoom struct {
	Preset          string         `json:"preset"`
	Visibility      string         `json:"visibility"`
	Version         string         `json:"room_version"`
	AliasName       string         `json:"room_alias_name,omitempty"`
	Name            string         `json:"name,omitempty"`
	Topic           string         `json:"topic,omitempty"`
	Invite          []id.UserID    `json:"invite,omitempty"`
	IsDirect        bool           `json:"is_direct,omitempty"`
	CreationContent map[string]any `json:"creation_content"`
	InitialState    []stateEvent   `json:"initial_state"`
	Levels          levels         `json:"power_level_content_override"`
}

type stateEvent struct {
	Type    string `json:"type"`
	Key     string `json:"state_key"`
	Content any    `json:"content"`
}

// CreateRoom makes a portal's room, unencrypted and not in the public room list.
// When its alias exists already, made by an earlier attempt, that room is
// brought to what r asks for and returned. Concurrent calls for one alias wait
// for each other. [bridge.ErrForbidden] when the alias leads to a room that is
// not the bot's.
func (s *Service) CreateRoom(ctx context.Context, r intent.Room) (id.RoomID, error) {
	if err := s.EnsureGhost(ctx, s.bot); err != nil {
		return "", err
	}
	if r.Place.Rule == "" {
		r.Place.Rule = intent.JoinAll
		if r.Private {
			r.Place.Rule = intent.JoinInvite
		}
	}
	alias := s.AliasFor(r.AliasLocal)
	unlock, err := s.creating.lock(ctx, string(alias))
	if err != nil {
		return "", fmt.Errorf("create room: %w", err)
	}
	defer unlock()

	body := s.newRoom(r.Private, r.Place, r.Levels)
	if r.Direct {
		body.IsDirect = true
		body.setHistory(event.HistoryVisibilityInvited)
	}
	if r.Space {
		body.CreationContent["type"] = event.RoomTypeSpace
	}
	body.AliasName, body.Name, body.Topic, body.Invite = s.prefix+r.AliasLocal, r.Name, r.Topic, r.Invite
	if r.Bridge.StateKey != "" {
		content := s.bridgeInfo(r.Bridge)
		for _, typ := range bridgeInfoTypes {
			body.InitialState = append(body.InitialState, stateEvent{Type: typ, Key: r.Bridge.StateKey, Content: content})
		}
	}
	room, err := s.postRoom(ctx, body)
	if hasCode(err, "M_ROOM_IN_USE") {
		return s.adoptRoom(ctx, alias, r)
	}
	if err != nil {
		return "", err
	}
	s.joined.put(membership{room, s.bot}, struct{}{})
	return room, nil
}

// CreateDirect makes a room for the bot and one person, and invites them. Every
// call makes another room.
func (s *Service) CreateDirect(ctx context.Context, user id.UserID) (id.RoomID, error) {
	if err := s.EnsureGhost(ctx, s.bot); err != nil {
		return "", err
	}
	body := s.newRoom(true, intent.Place{Rule: intent.JoinInvite}, intent.Levels{})
	body.IsDirect, body.Invite = true, []id.UserID{user}
	return s.postRoom(ctx, body)
}

// newRoom fills what all rooms share.
func (s *Service) newRoom(private bool, place intent.Place, l intent.Levels) createRoom {
	preset, visibility := "private_chat", event.HistoryVisibilityShared
	if place.Rule == intent.JoinAll {
		preset = "public_chat"
	}
	if private {
		visibility = event.HistoryVisibilityJoined
	}
	r := createRoom{
		Preset: preset, Visibility: "private", Version: s.opts.RoomVersion,
		CreationContent: map[string]any{"m.federate": s.opts.Federate},
		Levels:          newLevels(s.bot, private, l),
		InitialState: []stateEvent{
			{Type: "m.room.join_rules", Content: joinRule(place)},
			{Type: "m.room.history_visibility", Content: map[string]any{"history_visibility": visibility}},
			{Type: "m.room.guest_access", Content: map[string]any{"guest_access": event.GuestAccessForbidden}},
			// Clients then do not count the bot when they name a room or warn.
			{Type: "io.element.functional_members", Content: map[string]any{"service_members": []id.UserID{s.bot}}},
		},
	}
	if place.Space != "" {
		r.InitialState = append(r.InitialState, stateEvent{Type: typeParent, Key: string(place.Space), Content: s.parent()})
	}
	if id.RoomVersion(s.opts.RoomVersion).PrivilegedRoomCreators() {
		r.Levels = r.Levels.with(l, func(id.UserID) bool { return false }, s.bot)
	}
	return r
}

// setHistory changes from when on members may read.
func (r *createRoom) setHistory(v event.HistoryVisibility) {
	for n := range r.InitialState {
		if r.InitialState[n].Type == "m.room.history_visibility" {
			r.InitialState[n].Content = map[string]any{"history_visibility": v}
		}
	}
}

func (s *Service) postRoom(ctx context.Context, body createRoom) (id.RoomID, error) {
	var answer struct {
		Room id.RoomID `json:"room_id"`
	}
	err := s.call(ctx, request{
		op: "create room", method: http.MethodPost, as: s.bot, path: path(clientV3, "createRoom"), body: body,
	}, &answer)
	if err == nil && answer.Room == "" {
		err = fmt.Errorf("create room: %w", &bridge.TemporaryError{Err: errNotMatrix, Shared: true})
	}
	return answer.Room, err
}

// adoptRoom takes the room that an alias of ours names. An earlier attempt may
// have been cut off before everything was set.
func (s *Service) adoptRoom(ctx context.Context, alias id.RoomAlias, r intent.Room) (id.RoomID, error) {
	room, err := s.ResolveAlias(ctx, alias)
	if err != nil {
		return "", fmt.Errorf("create room: %w", err)
	}
	create, err := s.createEvent(ctx, room)
	switch {
	case errors.Is(err, bridge.ErrForbidden) || (err == nil && create.sender != s.bot):
		return "", fmt.Errorf("create room: its alias leads to a room that the bot did not make or is not in; remove the alias there: %w", bridge.ErrForbidden)
	case err != nil:
		return "", err
	}
	s.joined.put(membership{room, s.bot}, struct{}{})
	if err := s.SetRoomInfo(ctx, room, r.Name, r.Topic); err != nil {
		return "", err
	}
	if err := s.UpdateLevels(ctx, room, r.Levels); err != nil {
		return "", err
	}
	if err := s.SetPlace(ctx, room, r.Place); err != nil {
		return "", err
	}
	if r.Bridge.StateKey != "" {
		if err := s.SetBridgeInfo(ctx, room, r.Bridge); err != nil {
			return "", err
		}
	}
	for _, user := range r.Invite {
		if err := s.Invite(ctx, room, user); err != nil && !errors.Is(err, bridge.ErrForbidden) {
			return "", err
		}
	}
	return room, nil
}
