package matrix

import (
	"context"
	"net/http"
	"time"

	"maunium.net/go/mautrix/id"
)

// typingTimeout bounds a request that is worth nothing later.
const typingTimeout = 5 * time.Second

// Typing shows in a room that a user of ours is writing, for so long at most; 0
// ends it. [bridge.ErrForbidden] when the user is not in the room. Homeservers keep
// it in memory only.
func (s *Service) Typing(ctx context.Context, room id.RoomID, user id.UserID, how time.Duration) error {
	body := map[string]any{"typing": how > 0}
	if how > 0 {
		body["timeout"] = how.Milliseconds()
	}
	return s.call(ctx, request{
		op: "show typing", method: http.MethodPut, as: user, body: body, timeout: typingTimeout, slow: true,
		path: path(clientV3, "rooms", string(room), "typing", string(user)),
	}, nil)
}
