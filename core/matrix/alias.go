package matrix

import (
	"context"
	"net/http"

	"maunium.net/go/mautrix/id"
)

// ResolveAlias finds the room of an alias. [bridge.ErrNotFound] when there is
// none.
func (s *Service) ResolveAlias(ctx context.Context, alias id.RoomAlias) (id.RoomID, error) {
	var answer struct {
		Room id.RoomID `json:"room_id"`
	}
	err := s.call(ctx, request{
		op: "resolve alias", method: http.MethodGet, as: s.bot,
		path: path(clientV3, "directory", "room", string(alias)),
	}, &answer)
	return answer.Room, err
}
