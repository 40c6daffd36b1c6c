package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// ErrClash says that the homeserver reserves one of our users for another
// application service.
var ErrClash = errors.New("another application service owns this user: is the namespace of registration.yaml the one the homeserver has loaded, and is no other registration claiming it?")

// EnsureGhost registers a ghost, or the bot, unless that was done before.
func (s *Service) EnsureGhost(ctx context.Context, user id.UserID) error {
	if s.registered.has(user) {
		return nil
	}
	local, server, err := user.Parse()
	if err != nil || server != s.server || !s.Ours(user) {
		return fmt.Errorf("register ghost: not in our namespace: %w", bridge.ErrRejected)
	}
	err = s.call(ctx, request{
		op: "register ghost", method: http.MethodPost, path: path(clientV3, "register"),
		body: map[string]any{"type": "m.login.application_service", "username": local, "inhibit_login": true},
	}, nil)
	switch {
	case hasCode(err, "M_USER_IN_USE"):
	case hasCode(err, "M_EXCLUSIVE"):
		return fmt.Errorf("%w: %w", ErrClash, err)
	case err != nil:
		return err
	}
	s.registered.put(user, struct{}{})
	return nil
}
