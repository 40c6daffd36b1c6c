package matrix

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// trustPause is how long after trouble a look-up that found nothing proves
// nothing. Dendrite 0.15.2 takes a send into its event queue, answers 200, and
// when it is killed before the event is in the room, it works the event off only
// when the queue delivers it again: measured 28 to 29 s after the restart (its
// JetStream consumers wait 30 s for an acknowledgement,
// setup/jetstream/streams.go). Synapse answers after the commit.
const trustPause = 35 * time.Second

// trust remembers when the homeserver was last in trouble.
type trust struct {
	mu       sync.Mutex
	troubled time.Time
	known    bool // whether it is known which homeserver this is
	instant  bool // what it answered 200 to is there at once, also after a crash
}

// trouble notes that the homeserver did not answer, or something in front of it
// did. It may have been restarted.
func (s *Service) trouble() {
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	s.trust.troubled = s.now()
}

// troubleUnless notes trouble unless it was the caller who gave up.
func (s *Service) troubleUnless(ctx context.Context) {
	if ctx.Err() == nil {
		s.trouble()
	}
}

var errHidden = errors.New("the homeserver was in trouble a moment ago: waiting until a message that it may hold shows")

// certain returns nil when a look-up that found nothing can be believed, else a
// temporary error that says when to look again.
func (s *Service) certain(ctx context.Context) error {
	s.trust.mu.Lock()
	rest := trustPause - s.now().Sub(s.trust.troubled)
	known, instant := s.trust.known, s.trust.instant
	s.trust.mu.Unlock()
	if rest <= 0 {
		return nil
	}
	if !known {
		instant = s.learnKind(ctx)
	}
	if instant {
		return nil
	}
	return &bridge.TemporaryError{Err: errHidden, After: rest}
}

// learnKind asks which homeserver this is (server-server API,
// GET /_matrix/federation/v1/version, which needs no federation). One that does
// not say is treated with care.
func (s *Service) learnKind(ctx context.Context) (instant bool) {
	var answer struct {
		Server struct {
			Name string `json:"name"`
		} `json:"server"`
	}
	err := s.call(ctx, request{op: "read server version", method: http.MethodGet, path: "/_matrix/federation/v1/version"}, &answer)
	if err != nil || answer.Server.Name == "" {
		return false
	}
	instant = !strings.EqualFold(answer.Server.Name, "dendrite")
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	s.trust.known, s.trust.instant = true, instant
	return instant
}
