package matrix

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Dendrite reads a room's queue only while something happens in the room: who
// reads it ends after a minute without anything new, although what was under way
// in a crash may still be in there, and starts with the next event that is sent to
// the room (roomserver/internal/input/input.go, _next and startWorkerForRoom). That
// event would be ours, sent again, and what it was to replace came with it: seen
// twice in 20 lanes that had stood for 5.5 minutes.
//
// So before a look-up is believed after a possible restart, when all that is left
// over is due, the bot sends an event that no client shows, and somebody looks once
// more.
const (
	stirType  = "org.steg-bridge.stir"
	stirPause = 10 * time.Second // what is due comes within milliseconds
)

// stir makes what a homeserver has left over for a room come. It returns nil when
// that has happened since a time for the event with a marker, else a temporary
// error that says when to look again.
func (s *Service) stir(ctx context.Context, room id.RoomID, marker string, since time.Time) error {
	now := s.now()
	at, ok := s.stirred.get(marker)
	switch {
	case ok && at.After(since) && now.Sub(at) >= stirPause:
		return nil
	case ok && at.After(since):
		return &bridge.TemporaryError{Err: errHidden, After: stirPause - now.Sub(at)}
	}
	_, err := s.sendOnce(ctx, room, request{
		op: "look for what is left over", method: http.MethodPut, as: s.bot, body: struct{}{},
		path: path(clientV3, "rooms", string(room), "send", stirType, stirType+"."+marker+"."+strconv.FormatInt(now.UnixNano(), 36)),
	})
	switch {
	case err == nil:
	case bridge.Classify(err) == bridge.ClassPermanent:
		return nil // the bot may not write there: nothing can be done
	default:
		return err
	}
	s.stirred.put(marker, now)
	return &bridge.TemporaryError{Err: errHidden, After: stirPause}
}
