package matrixtest

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"strconv"

	"maunium.net/go/mautrix/id"
)

// maxEvent is the size limit of an event in bytes.
const maxEvent = 65_536

// add appends an event and queues it for the application service. Called under
// the lock.
func (s *Server) add(r *room, ev *Event) {
	s.stream++
	ev.stream = s.stream
	ev.ID = id.EventID(fmt.Sprintf("$event%d", s.stream))
	ev.Room = r.id
	if ev.Time == 0 {
		ev.Time = s.Now().UnixMilli()
	}
	r.events = append(r.events, ev)
	s.events[ev.ID] = ev
	if ev.StateKey != nil {
		r.state[stateKey{ev.Type, *ev.StateKey}] = ev
	}
	s.queue(r, ev)
	s.notify()
}

// once keeps the answer under the transaction ID: shared by all users of the
// application service, as homeservers do. Dendrite does not protect requests
// that run at the same time.
func (s *Server) once(c *call, do func() (id.EventID, reply)) reply {
	key := c.Header.Get("Authorization") + c.URL.Path
	s.mu.Lock()
	if eventID, known := s.txns[key]; known {
		s.mu.Unlock()
		return ok(map[string]any{"event_id": eventID})
	}
	if s.Dialect == Dendrite {
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	eventID, denied := do()
	if denied.code != "" {
		return denied
	}
	s.txns[key] = eventID
	return ok(map[string]any{"event_id": eventID})
}

func (s *Server) tooLarge() reply {
	if s.Dialect == Dendrite {
		return refuse(http.StatusRequestEntityTooLarge, "M_BAD_JSON")
	}
	return refuse(http.StatusRequestEntityTooLarge, "M_TOO_LARGE")
}

func (s *Server) send(c *call) reply {
	return s.once(c, func() (id.EventID, reply) {
		r, denied := s.joinedRoom(c)
		if denied.code != "" {
			return "", denied
		}
		typ := c.PathValue("type")
		if p := r.powers(); p.of(c.as) < p.needed(typ, false) {
			return "", refuse(http.StatusForbidden, "M_FORBIDDEN")
		}
		if len(c.body) > maxEvent-500 {
			return "", s.tooLarge()
		}
		ev := &Event{Type: typ, Sender: c.as, Content: bytes.Clone(c.body)}
		ev.Time, _ = strconv.ParseInt(c.URL.Query().Get("ts"), 10, 64)
		s.add(r, ev)
		return ev.ID, reply{}
	})
}

func (s *Server) redact(c *call) reply {
	return s.once(c, func() (id.EventID, reply) {
		r, denied := s.joinedRoom(c)
		if denied.code != "" {
			return "", denied
		}
		target := s.events[id.EventID(c.PathValue("event"))]
		if target == nil || target.Room != r.id {
			if s.Dialect == Dendrite {
				return "", refuse(http.StatusBadRequest, "M_NOT_FOUND")
			}
			// Synapse takes it: the target may come later.
			ev := &Event{Type: "m.room.redaction", Sender: c.as, Redacts: id.EventID(c.PathValue("event")), Content: bytes.Clone(c.body)}
			s.add(r, ev)
			return ev.ID, reply{}
		}
		p := r.powers()
		if p.of(c.as) < p.needed("m.room.redaction", false) || (target.Sender != c.as && p.of(c.as) < orFifty(p.Redact)) {
			return "", refuse(http.StatusForbidden, "M_FORBIDDEN")
		}
		return s.addRedaction(r, c.as, target, c.body), reply{}
	})
}

// addRedaction empties target. Called under the lock.
func (s *Server) addRedaction(r *room, by id.UserID, target *Event, content []byte) id.EventID {
	if len(content) == 0 {
		content = []byte(`{}`)
	}
	ev := &Event{Type: "m.room.redaction", Sender: by, Redacts: target.ID, Content: bytes.Clone(content)}
	s.add(r, ev)
	emptied := *target
	emptied.Content = []byte(`{}`)
	emptied.Unsigned = map[string]any{"redacted_because": ev}
	// Pushes that are being made may still read the old one.
	s.events[target.ID] = &emptied
	for i := len(r.events) - 1; i >= 0; i-- {
		if r.events[i] == target {
			r.events[i] = &emptied
			break
		}
	}
	return ev.ID
}

func (s *Server) event(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	ev := s.events[id.EventID(c.PathValue("event"))]
	if ev == nil || ev.Room != r.id {
		return refuse(http.StatusNotFound, "M_NOT_FOUND")
	}
	return ok(ev)
}

func (s *Server) allState(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	return ok(r.stateEvents())
}

func (s *Server) stateEvent(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	ev := r.state[stateKey{c.PathValue("type"), c.PathValue("key")}]
	if ev == nil {
		return refuse(http.StatusNotFound, "M_NOT_FOUND")
	}
	return ok(ev.Content)
}

func (s *Server) setState(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	typ, key := c.PathValue("type"), c.PathValue("key")
	if p := r.powers(); p.of(c.as) < p.needed(typ, true) {
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	if len(c.body) > maxEvent-500 {
		return s.tooLarge()
	}
	if old := r.state[stateKey{typ, key}]; old != nil && bytes.Equal(old.Content, c.body) {
		return ok(map[string]any{"event_id": old.ID})
	}
	ev := &Event{Type: typ, Sender: c.as, StateKey: &key, Content: bytes.Clone(c.body)}
	s.add(r, ev)
	return ok(map[string]any{"event_id": ev.ID})
}
