package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/store"
)

// Accept stores what concerns us of a homeserver transaction or a /sync answer
// and returns after the commit. Everything else is not ours to keep.
func (e *Engine) Accept(ctx context.Context, evs []intent.Event, syncToken *string) error {
	e.moves.taking.RLock()
	defer e.moves.taking.RUnlock()
	in := store.Intake{SyncToken: syncToken, Entries: make([]store.Entry, 0, len(evs))}
	if slices.ContainsFunc(evs, e.newsOfStranger) {
		// Another process, or this one a moment ago, may have linked the room.
		if err := e.reload(ctx); err != nil {
			return err
		}
	}
	for i := range evs {
		ev := &evs[i]
		if ev.Type == event.StateMember.Type && ev.StateKey != nil {
			if err := e.memberChanged(ctx, ev); err != nil {
				return err
			}
		}
		if err := e.tombstoned(ctx, ev); err != nil {
			return err
		}
		e.pinsChanged(ev)
		in.Entries = e.entries(in.Entries, ev)
	}
	if len(in.Entries) == 0 && syncToken == nil {
		return nil
	}
	if _, err := e.queue.Accept(ctx, in); err != nil {
		return fmt.Errorf("store events of the homeserver: %w", err)
	}
	return nil
}

// newsOfStranger reports whether an event may cross and is of an unknown room.
func (e *Engine) newsOfStranger(ev intent.Event) bool {
	return crosses(ev.Type) && len(e.portals.room(ev.Room)) == 0 && !e.hs.Ours(ev.Sender)
}

// crosses tells the types of events that lanes carry.
func crosses(typ string) bool {
	switch typ {
	case event.EventMessage.Type, event.EventRedaction.Type, event.EventSticker.Type,
		event.EventEncrypted.Type, event.EventReaction.Type:
		return true
	}
	return false
}

// entries appends the lane entries of one event.
func (e *Engine) entries(to []store.Entry, ev *intent.Event) []store.Entry {
	linked := e.portals.room(ev.Room)
	if len(linked) == 0 {
		return e.controlEntries(to, ev)
	}
	if !crosses(ev.Type) {
		return to
	}
	var from int64 // the portal that one of our own events came through
	if e.hs.Ours(ev.Sender) {
		if len(linked) == 1 {
			return to
		}
		m, ok := markerOf(ev.Raw)
		if !ok && ev.Type != event.EventRedaction.Type {
			return to // a notice of the bot
		}
		if ok && m.Portal == 0 {
			return to
		}
		from = m.Portal
	}
	for _, p := range linked {
		if p.ID == from || p.Mode == store.ModeOff {
			continue
		}
		to = append(to, store.Entry{
			Lane: lane(p, store.DirOut), Key: bridge.Key(ev.ID), Kind: kindMatrix, Payload: ev.Raw,
		})
	}
	return to
}

// controlEntries appends what is meant for the bot itself: invitations of our
// users, and messages in rooms that are no portals.
func (e *Engine) controlEntries(to []store.Entry, ev *intent.Event) []store.Entry {
	entry := store.Entry{Lane: control(""), Key: bridge.Key(ev.ID), Payload: ev.Raw}
	switch {
	case ev.Type == event.StateMember.Type && ev.StateKey != nil && e.hs.Ours(id.UserID(*ev.StateKey)) && !e.hs.Ours(ev.Sender):
		entry.Kind = kindInvite
	case ev.Type == event.EventMessage.Type && ev.StateKey == nil && !e.hs.Ours(ev.Sender):
		entry.Kind = kindCommand
	default:
		return to
	}
	return append(to, entry)
}

// markerOf reads our marker from an event of one of our own users.
func markerOf(raw json.RawMessage) (intent.Marker, bool) {
	var ev struct {
		Content struct {
			Marker *intent.Marker `json:"org.steg-bridge.marker"`
		} `json:"content"`
	}
	if err := json.Unmarshal(raw, &ev); err != nil || ev.Content.Marker == nil {
		return intent.Marker{}, false
	}
	return *ev.Content.Marker, true
}

// Reachable lets what waits for the homeserver go on.
func (e *Engine) Reachable(context.Context) {
	e.queue.Recovered()
}

// SyncToken returns the stored position of the bot's /sync.
func (e *Engine) SyncToken(ctx context.Context) (string, error) { return e.st.SyncToken(ctx) }
