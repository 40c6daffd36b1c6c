package matrix

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// creation is what we need of m.room.create.
type creation struct {
	sender id.UserID
	more   []id.UserID // additional_creators of version 12 rooms
}

// createEvent reads a room's m.room.create with its sender: since version 11 the
// content no longer names the creator.
func (s *Service) createEvent(ctx context.Context, room id.RoomID) (creation, error) {
	content, err := s.state(ctx, room, "m.room.create", "")
	if err != nil {
		return creation{}, fmt.Errorf("read who made the room: %w", err)
	}
	var c creation
	for _, user := range gjson.GetBytes(content, "additional_creators").Array() {
		c.more = append(c.more, id.UserID(user.String()))
	}
	if creator := gjson.GetBytes(content, "creator").String(); creator != "" {
		c.sender = id.UserID(creator)
		return c, nil
	}
	// The state endpoint gives only the content; the whole state has the sender.
	answer, err := s.do(ctx, request{
		op: "read who made the room", method: http.MethodGet, as: s.bot,
		path: path(clientV3, "rooms", string(room), "state"),
	})
	if err != nil {
		return creation{}, err
	}
	gjson.ParseBytes(answer).ForEach(func(_, ev gjson.Result) bool {
		if ev.Get("type").String() == "m.room.create" {
			c.sender = id.UserID(ev.Get("sender").String())
		}
		return c.sender == ""
	})
	if c.sender == "" {
		return creation{}, fmt.Errorf("read who made the room: %w", bridge.ErrNotFound)
	}
	return c, nil
}
