package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// Spaces: client-server API, "Spaces". A space is a room of type m.space. A room says
// by m.space.parent which space it belongs to, the space by m.space.child which rooms
// it has; the latter is what clients show.

const (
	typeChild  = "m.space.child"
	typeParent = "m.space.parent"
)

// parent is the content of m.space.parent in our rooms.
func (s *Service) parent() map[string]any {
	return map[string]any{"via": []string{s.server}, "canonical": true}
}

// joinRule is the content of m.room.join_rules.
func joinRule(p intent.Place) map[string]any {
	if p.Rule != intent.JoinSpace {
		return map[string]any{"join_rule": p.Rule}
	}
	return map[string]any{
		"join_rule": p.Rule,
		"allow":     []map[string]any{{"type": "m.room_membership", "room_id": p.Space}},
	}
}

// SetPlace sets who may join a room of ours and which space it belongs to, each only
// when it differs. Where only the invited may join, those who come later cannot read
// what was said before.
func (s *Service) SetPlace(ctx context.Context, room id.RoomID, p intent.Place) error {
	if p.Rule == intent.JoinInvite {
		have, err := s.state(ctx, room, "m.room.history_visibility", "")
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return err
		}
		if text(gjson.GetBytes(have, "history_visibility")) != string(event.HistoryVisibilityJoined) {
			content := map[string]any{"history_visibility": event.HistoryVisibilityJoined}
			if err := s.setState(ctx, room, "m.room.history_visibility", "", content); err != nil {
				return fmt.Errorf("close the history: %w", err)
			}
		}
	}
	if err := s.ensureState(ctx, room, "m.room.join_rules", "", joinRule(p)); err != nil {
		return fmt.Errorf("set who may join: %w", err)
	}
	if p.Former != "" && p.Former != p.Space {
		if err := s.ensureState(ctx, room, typeParent, string(p.Former), map[string]any{}); err != nil {
			return fmt.Errorf("leave the former space: %w", err)
		}
	}
	if p.Space == "" {
		return nil
	}
	if err := s.ensureState(ctx, room, typeParent, string(p.Space), s.parent()); err != nil {
		return fmt.Errorf("name the space: %w", err)
	}
	return nil
}

// ensureState writes a state event unless it is so already. Nothing there is as good
// as an empty content.
func (s *Service) ensureState(ctx context.Context, room id.RoomID, typ, key string, want map[string]any) error {
	have, err := s.state(ctx, room, typ, key)
	switch {
	case errors.Is(err, bridge.ErrNotFound):
		if len(want) == 0 {
			return nil
		}
	case err != nil:
		return err
	case sameJSON(have, want):
		return nil
	}
	return s.setState(ctx, room, typ, key, want)
}

// SetChildren makes a space of ours show these rooms, and takes out the others that
// the bot has put there. What others put there stays.
func (s *Service) SetChildren(ctx context.Context, space id.RoomID, rooms []id.RoomID) error {
	answer, err := s.do(ctx, request{
		op: "read the rooms of a space", method: http.MethodGet, as: s.bot, path: path(clientV3, "rooms", string(space), "state"),
	})
	if err != nil {
		return err
	}
	missing := slices.Clone(rooms)
	var extra []id.RoomID
	gjson.ParseBytes(answer).ForEach(func(_, ev gjson.Result) bool {
		room := id.RoomID(text(ev.Get("state_key")))
		if text(ev.Get("type")) != typeChild || len(ev.Get("content.via").Array()) == 0 {
			return true
		}
		if slices.Contains(rooms, room) {
			missing = slices.DeleteFunc(missing, func(r id.RoomID) bool { return r == room })
		} else if text(ev.Get("sender")) == string(s.bot) {
			extra = append(extra, room)
		}
		return true
	})
	for _, room := range missing {
		content := map[string]any{"via": []string{s.server}}
		if err := s.setState(ctx, space, typeChild, string(room), content); err != nil {
			return fmt.Errorf("put a room into a space: %w", err)
		}
	}
	for _, room := range extra {
		if err := s.setState(ctx, space, typeChild, string(room), map[string]any{}); err != nil {
			return fmt.Errorf("take a room out of a space: %w", err)
		}
	}
	return nil
}
