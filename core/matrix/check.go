package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Check looks at the connection to the homeserver, both ways: is it there, does
// it know our token, is the name right, is the bot ours, does it reach us. When
// nothing listens on Options.Listen yet, Check listens there meanwhile. It stops
// at the first thing that makes the others pointless.
func (s *Service) Check(ctx context.Context) []bridge.Finding {
	var found []bridge.Finding
	add := func(level bridge.Level, what, fix string) {
		found = append(found, bridge.Finding{Level: level, What: what, Fix: fix})
	}
	const unknownToken = "list registration.yaml in app_service_config_files (Synapse) or app_service_api.config_files (Dendrite), and restart the homeserver"
	version, err := s.versions(ctx)
	switch {
	case errors.Is(err, bridge.ErrLoggedOut): // Synapse looks at the token here already
		add(bridge.LevelFail, "as_token: "+err.Error(), unknownToken)
		return found
	case err != nil:
		add(bridge.LevelFail, "homeserver: "+err.Error(), "start the homeserver, or correct homeserver.url in the configuration")
		return found
	}
	add(bridge.LevelOK, "homeserver answers, Matrix "+version, "")

	user, err := s.Whoami(ctx)
	if err != nil {
		add(bridge.LevelFail, "as_token: "+err.Error(), unknownToken)
		return found
	}
	add(bridge.LevelOK, "homeserver knows our as_token", "")
	if user.Homeserver() != s.server {
		add(bridge.LevelFail, fmt.Sprintf("server name: configured is %s, the homeserver is %s", s.server, user.Homeserver()),
			fmt.Sprintf("set homeserver.name to %s and write registration.yaml anew", user.Homeserver()))
		return found
	}
	if user == s.bot {
		add(bridge.LevelFail, "bot: is the registration's sender_localpart, which Synapse does not let sync",
			"write registration.yaml anew with `steg registration`")
	}
	if err := s.EnsureGhost(ctx, s.bot); err != nil {
		fix := "look at the homeserver's log"
		if errors.Is(err, ErrClash) {
			fix = "remove the other registration, or choose another bot name, and restart the homeserver"
		}
		add(bridge.LevelFail, "bot: "+err.Error(), fix)
		return found
	}
	add(bridge.LevelOK, "bot is registered", "")
	if s.Puppets() {
		found = append(found, s.checkPuppets(ctx))
	}
	return append(found, s.checkReached(ctx))
}

// checkReached asks the homeserver to ping us.
func (s *Service) checkReached(ctx context.Context) bridge.Finding {
	stop := s.answerPings(ctx)
	defer stop()
	err := s.ping(ctx)
	fail := func(what, fix string) bridge.Finding {
		return bridge.Finding{Level: bridge.LevelFail, What: "homeserver to us: " + what, Fix: fix}
	}
	switch {
	case err == nil:
		return bridge.Finding{Level: bridge.LevelOK, What: "homeserver reaches us"}
	case errors.Is(err, bridge.ErrUnsupported):
		return bridge.Finding{Level: bridge.LevelOK, What: "homeserver cannot test whether it reaches us (no ping)"}
	case hasCode(err, "M_URL_NOT_SET"):
		return fail("the registration it loaded has no url", "set url in registration.yaml and restart the homeserver")
	case hasCode(err, "M_CONNECTION_FAILED"), hasCode(err, "M_CONNECTION_TIMEOUT"):
		return fail("it gets no connection", "correct url in registration.yaml (as seen from the homeserver) or the listen address, and restart the homeserver")
	case hasCode(err, "M_BAD_STATUS"):
		return fail("something else answers, or its hs_token differs from ours", "give both sides the same registration.yaml and restart the homeserver")
	case hasStatus(err, http.StatusForbidden, ""):
		return fail("it knows our token under another registration id", "give both sides the same registration.yaml and restart the homeserver")
	}
	return fail(err.Error(), "look at the homeserver's log")
}

// answerPings listens in the place of a Run that is not running. Transactions
// are refused; the homeserver sends them again.
func (s *Service) answerPings(ctx context.Context) (stop func()) {
	if s.opts.Listen == "" {
		return func() {}
	}
	listener, err := s.listen(ctx)
	if err != nil {
		return func() {} // Run listens already, in this or another process
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.serve(ctx, listener, s.Handler(closedInbox{})) // the ping tells
	}()
	return func() { cancel(); <-done }
}

// Whoami is the user that our token stands for: the registration's own.
func (s *Service) Whoami(ctx context.Context) (id.UserID, error) {
	answer, err := s.do(ctx, request{
		op: "ask who we are", method: http.MethodGet, path: path(clientV3, "account", "whoami"),
	})
	if err != nil {
		return "", err
	}
	return id.UserID(text(gjson.GetBytes(answer, "user_id"))), nil
}

// versions asks for the newest version of the specification that the homeserver
// says it knows. Dendrite says less than it can.
func (s *Service) versions(ctx context.Context) (string, error) {
	answer, err := s.do(ctx, request{
		op: "ask for versions", method: http.MethodGet, path: "/_matrix/client/versions", timeout: 15 * time.Second,
	})
	if err != nil {
		return "", err
	}
	all := gjson.GetBytes(answer, "versions").Array()
	if len(all) == 0 {
		return "", fmt.Errorf("ask for versions: %w", errNotMatrix)
	}
	return text(all[len(all)-1]), nil
}

// ping makes the homeserver ping us (application service API, "Pinging").
func (s *Service) ping(ctx context.Context) error {
	return s.call(ctx, request{
		op: "ask for a ping", method: http.MethodPost, body: struct{}{},
		path: path(clientV1, "appservice", s.opts.ID, "ping"), slow: true,
	}, nil)
}
