package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// bridgeInfoTypes are the names under which clients look for a room's bridge:
// the one of MSC2346 and the one from before it.
var bridgeInfoTypes = []string{event.StateBridge.Type, event.StateHalfShotBridge.Type}

// SetRoomInfo sets a room's name and topic, each only when it differs. A name of
// "" is left as it is.
func (s *Service) SetRoomInfo(ctx context.Context, room id.RoomID, name, topic string) error {
	if name != "" {
		if err := s.setText(ctx, room, "m.room.name", "name", name); err != nil {
			return err
		}
	}
	return s.setText(ctx, room, "m.room.topic", "topic", topic)
}

// Encrypted tells whether a room is encrypted (client-server API,
// m.room.encryption). A room that once was stays so.
func (s *Service) Encrypted(ctx context.Context, room id.RoomID) (bool, error) {
	_, err := s.state(ctx, room, event.StateEncryption.Type, "")
	if errors.Is(err, bridge.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetBridgeInfo tells clients which bridge a room belongs to; only when it
// differs.
func (s *Service) SetBridgeInfo(ctx context.Context, room id.RoomID, info intent.BridgeInfo) error {
	want := s.bridgeInfo(info)
	for _, typ := range bridgeInfoTypes {
		have, err := s.state(ctx, room, typ, info.StateKey)
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return err
		}
		if err == nil && sameJSON(have, want) {
			continue
		}
		if err := s.setState(ctx, room, typ, info.StateKey, want); err != nil {
			return fmt.Errorf("set bridge info: %w", err)
		}
	}
	return nil
}

func (s *Service) bridgeInfo(info intent.BridgeInfo) *event.BridgeEventContent {
	return &event.BridgeEventContent{
		BridgeBot: s.bot,
		Protocol:  event.BridgeInfoSection{ID: info.Protocol, DisplayName: info.ProtocolTxt},
		Network:   &event.BridgeInfoSection{ID: info.Network},
		Channel:   event.BridgeInfoSection{ID: info.Channel, DisplayName: info.ChannelName},
	}
}

// setText writes a state event with one text field when it differs.
func (s *Service) setText(ctx context.Context, room id.RoomID, typ, field, want string) error {
	content, err := s.state(ctx, room, typ, "")
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return err
	}
	if have := text(gjson.GetBytes(content, field)); have == want {
		return nil
	}
	return s.setState(ctx, room, typ, "", map[string]string{field: want})
}

func sameJSON(have []byte, want any) bool {
	encoded, err := json.Marshal(want)
	if err != nil {
		return false
	}
	var a, b any
	return json.Unmarshal(have, &a) == nil && json.Unmarshal(encoded, &b) == nil && reflect.DeepEqual(a, b)
}
