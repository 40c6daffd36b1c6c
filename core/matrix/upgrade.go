package matrix

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

const typeTombstone = "m.room.tombstone"

// Tombstone reads who closed a room and where it goes on. [bridge.ErrNotFound] when
// nobody did.
func (s *Service) Tombstone(ctx context.Context, room id.RoomID) (intent.Tombstone, error) {
	if _, err := s.state(ctx, room, typeTombstone, ""); err != nil {
		return intent.Tombstone{}, fmt.Errorf("read where the room goes on: %w", err)
	}
	ev, err := s.wholeState(ctx, room, typeTombstone)
	if err != nil {
		return intent.Tombstone{}, fmt.Errorf("read where the room goes on: %w", err)
	}
	return intent.Tombstone{
		Sender: id.UserID(text(ev.Get("sender"))), Replacement: id.RoomID(text(ev.Get("content.replacement_room"))),
		At: time.UnixMilli(ev.Get("origin_server_ts").Int()),
	}, nil
}

// Creation reads how a room began that the bot is in.
func (s *Service) Creation(ctx context.Context, room id.RoomID) (intent.Creation, error) {
	ev, err := s.wholeState(ctx, room, "m.room.create")
	if err != nil {
		return intent.Creation{}, fmt.Errorf("read how the room began: %w", err)
	}
	return intent.Creation{
		Creator: id.UserID(text(ev.Get("sender"))), Predecessor: id.RoomID(text(ev.Get("content.predecessor.room_id"))),
	}, nil
}

// wholeState reads a state event with its sender, which its own endpoint does not
// tell everywhere.
func (s *Service) wholeState(ctx context.Context, room id.RoomID, typ string) (gjson.Result, error) {
	answer, err := s.do(ctx, request{
		op: "read room state", method: http.MethodGet, as: s.bot, path: path(clientV3, "rooms", string(room), "state"),
	})
	if err != nil {
		return gjson.Result{}, err
	}
	var found gjson.Result
	gjson.ParseBytes(answer).ForEach(func(_, ev gjson.Result) bool {
		if text(ev.Get("type")) == typ && text(ev.Get("state_key")) == "" {
			found = ev
		}
		return !found.Exists()
	})
	if !found.Exists() {
		return found, bridge.ErrNotFound
	}
	return found, nil
}

// MaySet reports whether a user has the power to write state events of a type.
func (s *Service) MaySet(ctx context.Context, room id.RoomID, user id.UserID, typ string) (bool, error) {
	creators, err := s.creators(ctx, room)
	if err != nil {
		return false, err
	}
	if slices.Contains(creators, user) {
		return true, nil
	}
	have, err := s.levels(ctx, room)
	if err != nil {
		return false, err
	}
	return have.of(user) >= have.needed(typ), nil
}

// Backlog reads what was said in a room so far that may cross, oldest first, as far as
// the bot may read it.
func (s *Service) Backlog(ctx context.Context, room id.RoomID) ([]intent.Event, error) {
	types := slices.DeleteFunc(crossingTypes(), func(typ string) bool { return typ == typeTombstone })
	return s.missed(ctx, room, "", position{}, types)
}
