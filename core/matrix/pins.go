package matrix

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Pinned lists the events that are pinned in a room (client-server API,
// m.room.pinned_events), in the room's order.
func (s *Service) Pinned(ctx context.Context, room id.RoomID) ([]id.EventID, error) {
	content, err := s.state(ctx, room, event.StatePinnedEvents.Type, "")
	if errors.Is(err, bridge.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pins: %w", err)
	}
	var out []id.EventID
	for _, pinned := range gjson.GetBytes(content, "pinned").Array() {
		if pinned.Type == gjson.String && pinned.Str != "" {
			out = append(out, id.EventID(pinned.Str))
		}
	}
	return out, nil
}

// SetPinned replaces the list of pinned events.
func (s *Service) SetPinned(ctx context.Context, room id.RoomID, pinned []id.EventID) error {
	if pinned == nil {
		pinned = []id.EventID{}
	}
	if err := s.setState(ctx, room, event.StatePinnedEvents.Type, "", &event.PinnedEventsEventContent{Pinned: pinned}); err != nil {
		return fmt.Errorf("write pins: %w", err)
	}
	return nil
}
