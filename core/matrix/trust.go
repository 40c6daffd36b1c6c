package matrix

import (
	"context"
	"errors"
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
//     roomserver/internal/input/input.go); in a room where nothing happens then
//     not before the next event, see [Service.stir].
//
// Sending again is harmless in spite of the latter as long as nothing else came
// into the room: with the same content and the same [intent.Send.Time] Dendrite
// builds the same event, down to its ID. In 17 such sends none was doubled.
// Synapse answers after its commit and has no such queue.
//
// Without a restart nothing is left over; see [witness] for how that is known.
//
// A process that was killed, or a connection that was cut, may leave requests behind
// that the homeserver is still working on when somebody looks. Synapse joins a repeat
// to the request under way, as both have the same transaction ID; Dendrite makes a
// second event.
const (
	workPause      = 10 * time.Second // a busy Dendrite needs a few seconds
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
	silent  time.Time // when the homeserver last did not answer in time
	known   bool      // whether it is known which homeserver this is
	instant bool      // what it took is there at once, or never
}

// trouble notes that the homeserver did not answer, or something in front of it
// did. It may have been restarted.
func (s *Service) trouble() { s.troubleSince(s.now()) }

// troubleSince notes trouble that began at some time after the given one.
func (s *Service) troubleSince(began time.Time) {
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	now := s.now()
	if now.Sub(s.trust.last) > hiddenPause || began.Before(s.trust.began) {
		s.trust.began = began
	}
	s.trust.last = now
}

// silence notes that the homeserver, or what stands behind a proxy, took a request
// and did not answer in time. It may be stuck, and go on with it much later.
func (s *Service) silence() {
	s.trouble()
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	s.trust.silent = s.trust.last
}

// broke notes what a failed round trip says, unless it was the caller who gave up,
// or the request is one that proxies like to cut.
func (s *Service) broke(ctx context.Context, r request, err error) {
	s.reach.away.Store(true)
	switch {
	case ctx.Err() != nil || r.slow:
	case errors.Is(plain(err), errTimeout) && !unsent(err):
		s.silence()
	default:
		s.trouble()
	}
}

var errHidden = errors.New("the homeserver was in trouble or this process began a moment ago: waiting until a message that it may hold shows")

// certain returns nil when it can be believed that an event, first sent into room at
// a time and now not found, will not show up by itself any more (or that sending it
// again makes the same event). Otherwise a temporary error says when to look again.
//
// Our own start is trouble too: what happened before it we have not seen.
func (s *Service) certain(ctx context.Context, room id.RoomID, marker string, sent time.Time) error {
	// What goes wrong here is noted as trouble, and makes us careful.
	if instant, _ := s.learnKind(ctx); instant {
		return nil
	}
	calm, answering, _ := s.calm()
	if calm < workPause {
		return &bridge.TemporaryError{Err: errHidden, After: workPause - calm}
	}
	settled := false
	if answering >= redeliverPause {
		saw := s.witnessed(ctx)
		switch age := s.now().Sub(saw.set); {
		case saw.vouches(sent) && age >= hiddenPause:
			return nil
		case saw.vouches(sent): // readers may not see yet what came right after a restart
			return &bridge.TemporaryError{Err: errHidden, After: hiddenPause - age}
		}
		settled = saw.settled
	}
	calm, _, began := s.calm() // the witness may have told of a restart
	if calm < hiddenPause && !settled {
		return &bridge.TemporaryError{Err: errHidden, After: hiddenPause - calm}
	}
	trouble := s.now().Add(-calm)
	if calm >= redeliverPause && trouble.Before(sent) {
		return nil // nothing has happened since
	}
	if sent.Before(s.trust.started) && sent.Before(began) {
		began = sent // by an earlier process, and who knows what came in between
	}
	quiet, err := s.quiet(ctx, room, marker, began)
	if err != nil || quiet {
		return err
	}
	if calm >= redeliverPause || settled {
		return s.stir(ctx, room, marker, trouble)
	}
	return &bridge.TemporaryError{Err: errHidden, After: redeliverPause - calm}
}

// calm tells for how long there was no trouble, for how long the homeserver has
// answered all it took, and when the last trouble began.
func (s *Service) calm() (calm, answering time.Duration, began time.Time) {
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	now := s.now()
	calm, began = now.Sub(s.trust.started), s.trust.started
	if since := now.Sub(s.trust.last); since <= calm {
		calm, began = since, s.trust.began
	}
	return calm, now.Sub(s.trust.silent), began
}

// quiet tells whether nothing came into a room since an event was first sent to it:
// the room's last event is one of ours that we knew of by then, or it is older than
// the trouble.
func (s *Service) quiet(ctx context.Context, room id.RoomID, marker string, began time.Time) (bool, error) {
	page, err := s.messages(ctx, room, "", "", "{}", 1)
	if err != nil || len(page.events) == 0 {
		return err == nil, err
	}
	newest := page.events[0]
	if ours, ok := s.sent.get(room); ok && newest.Get("event_id").String() == string(ours.id) {
		first, ok := s.unsure.get(marker)
		return ok && !ours.at.After(first), nil
	}
	return time.UnixMilli(newest.Get("origin_server_ts").Int()).Before(began.Add(-trustSkew)), nil
}
