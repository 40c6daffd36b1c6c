package matrix

import (
	"context"
	"net/http"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// presenceTimeout bounds a request that is worth nothing later.
const presenceTimeout = 5 * time.Second

// SetPresence shows that a user of ours is there (client-server API, "Presence").
// Synapse takes a user who does not sync for offline after 30 s, so it must be told
// again before; Dendrite shows it until it is told otherwise. A homeserver whose presence is off says nothing about it, see
// [Service.PresenceOf].
func (s *Service) SetPresence(ctx context.Context, user id.UserID, p event.Presence) error {
	return s.call(ctx, request{
		op: "set presence", method: http.MethodPut, as: user, body: map[string]any{"presence": p}, timeout: presenceTimeout, slow: true,
		path: path(clientV3, "presence", string(user), "status"),
	}, nil)
}

// PresenceOf tells what the homeserver shows of a user of ours; where presence is off,
// everybody is offline.
func (s *Service) PresenceOf(ctx context.Context, user id.UserID) (event.Presence, error) {
	var out struct {
		Presence event.Presence `json:"presence"`
	}
	err := s.call(ctx, request{
		op: "read presence", method: http.MethodGet, as: user, timeout: presenceTimeout, slow: true,
		path: path(clientV3, "presence", string(user), "status"),
	}, &out)
	if err == nil && out.Presence == "" { // Dendrite, of whom it knows nothing
		out.Presence = event.PresenceOffline
	}
	return out.Presence, err
}
