package matrix

import (
	"context"
	"encoding/json"
	"net/http"

	"maunium.net/go/mautrix/id"
)

// state reads the content of a state event as the bot. [bridge.ErrNotFound] when
// the room has none.
func (s *Service) state(ctx context.Context, room id.RoomID, typ, key string) (json.RawMessage, error) {
	return s.do(ctx, request{
		op: "read room state", method: http.MethodGet, as: s.bot, path: statePath(room, typ, key),
	})
}

// setState writes a state event as the bot.
func (s *Service) setState(ctx context.Context, room id.RoomID, typ, key string, content any) error {
	return s.call(ctx, request{
		op: "write room state", method: http.MethodPut, as: s.bot, path: statePath(room, typ, key), body: content,
	}, nil)
}

func statePath(room id.RoomID, typ, key string) string {
	if key == "" {
		return path(clientV3, "rooms", string(room), "state", typ)
	}
	return path(clientV3, "rooms", string(room), "state", typ, key)
}
