package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// UpdateLevels brings a room's power levels to what l asks for: it writes only
// when something differs, and leaves alone what others set, except for ghosts
// that no longer need a level. [bridge.ErrForbidden] says which level the bot
// needs. Rooms with more than about 1,000 speakers exceed the size of an event:
// [bridge.ErrTooLarge].
func (s *Service) UpdateLevels(ctx context.Context, room id.RoomID, l intent.Levels) error {
	have, err := s.levels(ctx, room)
	if err != nil {
		return err
	}
	creators, err := s.creators(ctx, room)
	if err != nil {
		return err
	}
	wanted := map[id.UserID]bool{}
	if l.WriteLocked {
		for _, user := range l.Speakers {
			wanted[user] = true
		}
	}
	idle := func(user id.UserID) bool {
		_, _, ghost := s.ParseGhost(user)
		return ghost && !wanted[user] && (!l.Keep || !l.WriteLocked)
	}
	want := have.with(l, idle, creators...)
	if have.equal(want) {
		return nil
	}
	err = s.setState(ctx, room, "m.room.power_levels", "", want)
	if errors.Is(err, bridge.ErrForbidden) {
		return fmt.Errorf("update power levels: the bot has level %d and needs %d or more in this room, set that there: %w",
			have.of(s.bot), max(have.needed("m.room.power_levels"), levelAdmin), err)
	}
	return err
}

// PowerLevel reads a user's power level in a room that the bot is in. Creators
// of version 12 rooms stand above all levels.
func (s *Service) PowerLevel(ctx context.Context, room id.RoomID, user id.UserID) (int, error) {
	creators, err := s.creators(ctx, room)
	if err != nil {
		return 0, err
	}
	if slices.Contains(creators, user) {
		return math.MaxInt32, nil
	}
	have, err := s.levels(ctx, room)
	if err != nil {
		return 0, err
	}
	return have.of(user), nil
}

func (s *Service) levels(ctx context.Context, room id.RoomID) (levels, error) {
	raw, err := s.state(ctx, room, "m.room.power_levels", "")
	if err != nil {
		return nil, fmt.Errorf("read power levels: %w", err)
	}
	have := levels{}
	if err := json.Unmarshal(raw, &have); err != nil {
		return nil, fmt.Errorf("read power levels: %w", bridge.ErrRejected)
	}
	return have, nil
}

// creators lists who stands above the power levels: nobody before room version
// 12, whose room IDs have no server part.
func (s *Service) creators(ctx context.Context, room id.RoomID) ([]id.UserID, error) {
	if strings.Contains(string(room), ":") {
		return nil, nil
	}
	create, err := s.createEvent(ctx, room)
	if err != nil {
		return nil, err
	}
	return append([]id.UserID{create.sender}, create.more...), nil
}
