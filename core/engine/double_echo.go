package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// An event that we have sent as a person's own account comes back as if that person
// had written it, perhaps before the message map knows it, perhaps days later. It must
// not cross back. Its marker names the inbound item that made it; but the person's
// programs may copy the marker, as when they forward a message, and what they send so
// must cross. So the item decides:
//
//   - it made this event: it stays here;
//   - it has not ended: wait, for it will look before it sends again, and map it;
//   - it made other events, or there is none: this is a copy, or a forgery, and
//     crosses.

var errOriginUnderWay = errors.New("waiting for the network's message that may have made this one")

// echoLater is how often a marked event is looked at again behind a lane that waits
// for long.
const echoLater = 5 * time.Second

// cameBack tells whether an event of a person's own account is one that we sent. It
// returns the outcome for the lane, nil when the event is to cross.
func (e *Engine) cameBack(ctx context.Context, p *store.Portal, it store.Item, ev *matrixEvent) *queue.Outcome {
	mark := ev.copied
	if mark.Item == "" {
		return nil
	}
	from := e.portals.id(mark.Portal)
	if from == nil || from.Room != p.Room {
		return nil
	}
	if who := (ownKey{from.School, from.Bridge, ev.Sender}); !e.identities.mayBeOurs(who) {
		// Another process may have learnt of the link first, and sent this.
		if err := e.reloadIdentities(ctx); err != nil {
			out := retry(err)
			return &out
		}
		if !e.identities.mayBeOurs(who) {
			return nil
		}
	}
	fate, err := e.st.Fate(ctx, lane(from, store.DirIn), bridge.Key(mark.Item), ev.ID)
	if err != nil {
		out := retry(fmt.Errorf("look up what made an event: %w", err))
		return &out
	}
	if from.ID != p.ID { // a hub: it goes on to the other networks of the room
		if fate == store.FateMade || fate == store.FatePending {
			ev.marker.Hop = mark.Hop
		}
		return nil
	}
	var out queue.Outcome
	switch {
	case fate == store.FateMade, fate == store.FateLost, fate == store.FateOther && ev.Type == event.EventReaction.Type:
		// No program copies a reaction; one that was taken back meanwhile has no row.
		out = drop(it, policy.DropOrigin)
	case fate == store.FatePending && e.waiting(it):
		out = queue.Outcome{Retry: &queue.Retry{Err: errOriginUnderWay, After: soon}}
	case fate == store.FatePending:
		out = queue.Outcome{Defer: &queue.Defer{After: echoLater}}
	default:
		return nil
	}
	return &out
}
