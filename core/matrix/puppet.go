package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// ErrNoPuppets says that we may not act as people's own accounts.
var ErrNoPuppets = errors.New("there is no registration for double puppets (homeserver.double_puppets)")

// Puppets tells whether we may act as local users who are not ours.
func (s *Service) Puppets() bool { return s.opts.PuppetToken != "" }

// isPerson tells whether a user is somebody's own account.
func (n *names) isPerson(user id.UserID) bool { return user != "" && !n.Ours(user) }

// authorizationOf is the header that lets a request be made as its user. The
// registration for double puppets covers our own users too, because patterns that
// leave some out would need more than both homeservers know; it is never used for
// them.
func (s *Service) authorizationOf(r request) (string, error) {
	switch {
	case !r.puppet && !s.isPerson(r.as):
		return s.authorization, nil
	case !s.Puppets():
		return "", fmt.Errorf("%w: %w", bridge.ErrForbidden, ErrNoPuppets)
	}
	return "Bearer " + s.opts.PuppetToken, nil
}

// refused turns the refusal of a request as a person into one of this person alone:
// that the homeserver does not take that token stops nothing else.
func (s *Service) refused(r request, err error) error {
	if s.isPerson(r.as) && errors.Is(err, bridge.ErrLoggedOut) {
		re := &ResponseError{}
		_ = errors.As(err, &re) // a refusal always has one
		return fmt.Errorf("%w: %w: %w", bridge.ErrForbidden, ErrNotPuppet, re)
	}
	return err
}

// ErrNotPuppet says that the homeserver does not let us act as somebody.
var ErrNotPuppet = errors.New("the homeserver does not let us act for this person: is doublepuppets.yaml listed in its configuration, and was it restarted?")

// CanActAs asks whether the homeserver lets us act as a person, without doing
// anything. [bridge.ErrForbidden] when not, also when there is no such account.
func (s *Service) CanActAs(ctx context.Context, user id.UserID) error {
	answer, err := s.do(ctx, request{
		op: "ask whether we may act for a person", method: http.MethodGet, as: user, path: path(clientV3, "account", "whoami"),
	})
	if err != nil {
		return err
	}
	if s.Ours(user) || id.UserID(text(gjson.GetBytes(answer, "user_id"))) != user {
		return fmt.Errorf("%w: %w", bridge.ErrForbidden, ErrNotPuppet)
	}
	return nil
}

// checkPuppets asks whether the homeserver knows the token for double puppets.
func (s *Service) checkPuppets(ctx context.Context) bridge.Finding {
	_, err := s.do(ctx, request{
		op: "ask for double puppets", method: http.MethodGet, puppet: true, path: path(clientV3, "account", "whoami"),
	})
	if err != nil {
		return bridge.Finding{
			Level: bridge.LevelFail, What: "double puppets: " + err.Error(),
			Fix: "list the file of homeserver.double_puppets, too, in app_service_config_files (Synapse) or app_service_api.config_files (Dendrite), and restart the homeserver; \"steg registration -double-puppets -write\" writes it",
		}
	}
	return bridge.Finding{Level: bridge.LevelOK, What: "homeserver knows the token for double puppets"}
}
