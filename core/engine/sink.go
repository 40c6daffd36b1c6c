package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// sink takes what one client delivers.
type sink struct {
	e *Engine
	l *login
}

var _ bridge.Sink = (*sink)(nil)

// Deliver accepts the events of linked chats with their cursors in one commit.
func (s *sink) Deliver(ctx context.Context, evs ...bridge.Event) error {
	in := store.Intake{Entries: make([]store.Entry, 0, len(evs))}
	cursors := map[*store.Portal]bridge.Cursor{}
	for _, ev := range evs {
		h := ev.Head()
		key := people(s.l.spec.ID)
		if h.Chat != "" {
			p := s.e.portals.chat(s.l.spec.ID, h.Chat)
			if p == nil || p.Mode == store.ModeOff {
				continue
			}
			if h.Cursor != "" {
				cursors[p] = h.Cursor
			}
			key = lane(p, store.DirIn)
		}
		if h.Echo != "" || h.Key == "" {
			continue
		}
		if h.Chat != "" { // news of a puppet itself may come before its row
			own, err := s.e.standsFor(ctx, s.l, h.Sender)
			if err != nil {
				return fmt.Errorf("look up who is a puppet: %w", err)
			}
			if own != "" {
				continue // an echo of what somebody did through their own account
			}
		}
		kind, payload, err := encodeEvent(ev)
		if err != nil {
			return err
		}
		in.Entries = append(in.Entries, store.Entry{Lane: key, Key: h.Key, Kind: kind, Payload: payload})
	}
	for p, c := range cursors {
		if c != p.Cursor || len(in.Entries) > 0 {
			in.Cursors = append(in.Cursors, store.CursorMove{School: p.School, Bridge: p.Bridge, Chat: p.Chat, Cursor: c})
		}
	}
	if len(in.Entries) == 0 && len(in.Cursors) == 0 {
		return nil
	}
	if _, err := s.e.queue.Accept(ctx, in); err != nil {
		return fmt.Errorf("store events of bridge %s: %w", s.l.spec.ID, err)
	}
	return nil
}

// Followed lists the chats that the client must read, with the cursors as the
// database has them now.
func (s *sink) Followed(ctx context.Context) ([]bridge.Followed, error) {
	out, err := s.e.st.Followed(ctx, s.l.spec.ID, s.l.puppet)
	if err != nil {
		return nil, fmt.Errorf("bridge %s: %w", s.l.spec.ID, err)
	}
	return out, nil
}

// Mapped lists the known messages of a chat.
func (s *sink) Mapped(ctx context.Context, chat bridge.ChatID, since time.Time) ([]bridge.MessageID, error) {
	p := s.e.portals.chat(s.l.spec.ID, chat)
	if p == nil {
		return nil, nil
	}
	ids, err := s.e.st.Mapped(ctx, p.ID, since)
	if err != nil {
		return nil, fmt.Errorf("list mapped messages: %w", err)
	}
	return ids, nil
}

// State implements [bridge.Sink].
func (s *sink) State(ctx context.Context, st bridge.ConnState, cause error) {
	s.e.setState(ctx, s.l, st, cause)
}

// SpaceChanged lets a space be read again.
func (s *sink) SpaceChanged(space bridge.SpaceID) {
	s.e.spaces.want(s.l.spec.ID, space)
	s.e.poke()
}
