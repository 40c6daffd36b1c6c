package matrix

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Dendrite 0.15.2, killed while it works on a send, may bring the event into the
// room only when its queues deliver again what nobody acknowledged:
//
//   - events that are in the room but that readers do not see yet: measured 28 to
//     30 s after the restart (JetStream's default, setup/jetstream/streams.go);
//   - events that were not in the room yet: measured 5 min 12 s to 5 min 16 s
//     after the restart, and more than half of all sends under way (AckWait in
//     roomserver/internal/input/input.go).
//
// Sending again is harmless in spite of the latter as long as nothing else came
// into the room: with the same content and the same [intent.Send.Time] Dendrite
// builds the same event, down to its ID. In 17 such sends none was doubled.
// Synapse answers after its commit and has no such queue.
//
// A process that was killed may leave requests behind that the homeserver is still
// working on when the next process looks. Synapse joins a repeat to the request
// under way, as both have the same transaction ID; Dendrite makes a second event.
const (
	startPause     = 10 * time.Second // a busy Dendrite needs a few seconds
	hiddenPause    = 35 * time.Second
	redeliverPause = 5*time.Minute + 30*time.Second
	// trustSkew is how far the homeserver's clock may be from ours here; a larger
	// one would make every room look busy.
	trustSkew = 2 * time.Second
)

// trust remembers when the homeserver was in trouble, and what it is.
type trust struct {
	started time.Time // when this process began
	mu      sync.Mutex
	began   time.Time // of the last trouble
	last    time.Time // sign of it
	known   bool      // whether it is known which homeserver this is
	instant bool      // what it took is there at once, or never
}

// trouble notes that the homeserver did not answer, or something in front of it
// did. It may have been restarted.
func (s *Service) trouble() {
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	now := s.now()
	if now.Sub(s.trust.last) > hiddenPause {
		s.trust.began = now
	}
	s.trust.last = now
}

// troubleUnless notes trouble unless it was the caller who gave up, or the
// request is one that proxies like to cut.
func (s *Service) troubleUnless(ctx context.Context, r request) {
	if ctx.Err() == nil && !r.slow {
		s.trouble()
	}
}

var errHidden = errors.New("the homeserver was in trouble or this process began a moment ago: waiting until a message that it may hold shows")

// certain returns nil when it can be believed that an event, which was looked
// for in room and not found, will not show up by itself any more (or that
// sending it again makes the same event). Otherwise a temporary error says when
// to look again.
func (s *Service) certain(ctx context.Context, room id.RoomID) error {
	s.trust.mu.Lock()
	now := s.now()
	began, since, age := s.trust.began, now.Sub(s.trust.last), now.Sub(s.trust.started)
	known, instant := s.trust.known, s.trust.instant
	s.trust.mu.Unlock()
	if since >= redeliverPause && age >= startPause {
		return nil
	}
	if !known {
		instant = s.learnKind(ctx)
	}
	switch {
	case instant:
		return nil
	case age < startPause:
		return &bridge.TemporaryError{Err: errHidden, After: startPause - age}
	case since >= redeliverPause:
		return nil
	case since < hiddenPause:
		return &bridge.TemporaryError{Err: errHidden, After: hiddenPause - since}
	}
	quiet, err := s.quiet(ctx, room, began)
	if err != nil || quiet {
		return err
	}
	return &bridge.TemporaryError{Err: errHidden, After: redeliverPause - since}
}

// quiet tells whether nothing came into a room since the trouble began: its last
// event is the last one that we know we sent, or older than the trouble.
func (s *Service) quiet(ctx context.Context, room id.RoomID, began time.Time) (bool, error) {
	page, err := s.messages(ctx, room, "", "", "{}", 1)
	if err != nil || len(page.events) == 0 {
		return err == nil, err
	}
	newest := page.events[0]
	if ours, ok := s.sent.get(room); ok && newest.Get("event_id").String() == string(ours) {
		return true, nil
	}
	return time.UnixMilli(newest.Get("origin_server_ts").Int()).Before(began.Add(-trustSkew)), nil
}

// learnKind asks which homeserver this is: Synapse has a feature of its own in
// GET /_matrix/client/versions, and others may tell by the server-server API, GET
// /_matrix/federation/v1/version, where that is served. One that does not say is
// treated with care.
func (s *Service) learnKind(ctx context.Context) (instant bool) {
	var features struct {
		Unstable map[string]any `json:"unstable_features"`
	}
	err := s.call(ctx, request{op: "read features", method: http.MethodGet, path: "/_matrix/client/versions"}, &features)
	if err != nil {
		return false
	}
	if _, instant = features.Unstable["io.element.e2ee_forced.public"]; !instant {
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
	}
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	s.trust.known, s.trust.instant = true, instant
	return instant
}
