package matrix

import (
	"context"
	"net/http"
	"time"

	"maunium.net/go/mautrix/id"
)

// readTimeout bounds a request that the next one makes up for.
const readTimeout = 5 * time.Second

// Read marks a room as read by the bot, up to an event and in all of its threads
// (client-server API, "Receipts"). [bridge.ErrForbidden] when the bot is not in it.
func (s *Service) Read(ctx context.Context, room id.RoomID, event id.EventID) error {
	return s.call(ctx, request{
		op: "mark as read", method: http.MethodPost, as: s.Bot(), body: struct{}{}, timeout: readTimeout, slow: true,
		path: path(clientV3, "rooms", string(room), "receipt", "m.read", string(event)),
	}, nil)
}
