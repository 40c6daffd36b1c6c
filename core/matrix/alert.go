package matrix

import (
	"context"
	"errors"
	"maps"
	"slices"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// MayAlert reports whether a user may alert everybody in a room: clients and
// homeservers heed m.mentions.room only of who has the level notifications.room
// (client-server API, sender_notification_permission), and no homeserver refuses
// the event of others. raise lets the bot give a ghost that level when it can. It
// never gives more than a moderator's: a room that asks for more wants fewer.
func (s *Service) MayAlert(ctx context.Context, room id.RoomID, user id.UserID, raise bool) (bool, error) {
	have, err := s.levels(ctx, room)
	if errors.Is(err, bridge.ErrNotFound) {
		have, err = levels{}, nil // a room without power levels
	}
	if err != nil {
		return false, err
	}
	creators, err := s.creators(ctx, room)
	if err != nil {
		return false, err
	}
	need := have.toAlert()
	if have.of(user) >= need || slices.Contains(creators, user) {
		return true, nil
	}
	if _, _, ghost := s.ParseGhost(user); !ghost || !raise || need > levelModerator {
		return false, nil
	}
	err = s.setState(ctx, room, "m.room.power_levels", "", have.raised(user, need))
	if errors.Is(err, bridge.ErrForbidden) || errors.Is(err, bridge.ErrTooLarge) {
		return false, nil
	}
	return err == nil, err
}

// toAlert is the level that alerting everybody needs.
func (have levels) toAlert() int {
	if kinds, ok := have["notifications"].(map[string]any); ok {
		if level, ok := number(kinds["room"]); ok {
			return level
		}
	}
	return levelModerator
}

// raised returns the levels with a user's at a certain one.
func (have levels) raised(user id.UserID, to int) levels {
	want, users := maps.Clone(have), map[string]any{}
	if old, ok := have["users"].(map[string]any); ok {
		maps.Copy(users, old)
	}
	users[string(user)] = to
	want["users"] = users
	return want
}
