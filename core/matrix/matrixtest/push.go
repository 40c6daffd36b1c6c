package matrixtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"maunium.net/go/mautrix/id"
)

// pushState is what waits for the application service.
type pushState struct {
	url      string
	waiting  []*Event
	attempts []Attempt
	wake     chan struct{}
}

// Attempt is a transaction as it was sent.
type Attempt struct {
	Txn    string
	Events []id.EventID
	Status int // 0 = no answer
}

// Connect pushes everything, also what happened before, to the application
// service at base, in order, again and again until it answers 200. Redactions
// only in the Synapse dialect.
func (s *Server) Connect(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.push.url == ""
	s.push.url = base
	if !first {
		return
	}
	s.push.wake = make(chan struct{}, 1)
	s.push.wake <- struct{}{}
	s.work.Go(s.pushLoop)
}

// Attempts lists the transactions sent so far.
func (s *Server) Attempts() []Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Attempt(nil), s.push.attempts...)
}

// Waiting is how many events are not pushed yet.
func (s *Server) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.push.waiting)
}

// queue adds an event that concerns the application service. Called under the
// lock.
func (s *Server) queue(r *room, ev *Event) {
	if ev.Type == "m.room.redaction" && s.Dialect == Dendrite {
		return
	}
	if !s.concerns(r, ev) {
		return
	}
	s.push.waiting = append(s.push.waiting, ev)
	if s.push.wake != nil {
		select {
		case s.push.wake <- struct{}{}:
		default:
		}
	}
}

func (s *Server) concerns(r *room, ev *Event) bool {
	if s.reserved(ev.Sender) || (ev.StateKey != nil && s.reserved(id.UserID(*ev.StateKey))) {
		return true
	}
	for key := range r.state {
		if key.typ == "m.room.member" && s.reserved(id.UserID(key.key)) && r.membership(id.UserID(key.key)) == "join" {
			return true
		}
	}
	return false
}

func (s *Server) pushLoop() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-s.done; cancel() }()
	for {
		select {
		case <-s.push.wake:
		case <-s.done:
			return
		}
		for s.pushSome(ctx) {
		}
	}
}

// pushSome sends one transaction until it is taken. It tells whether there was
// one.
func (s *Server) pushSome(ctx context.Context) bool {
	s.mu.Lock()
	limit := 50
	if s.Dialect == Synapse {
		limit = 100
	}
	evs := s.push.waiting[:min(limit, len(s.push.waiting))]
	s.mu.Unlock()
	if len(evs) == 0 {
		return false
	}
	txn := strconv.FormatInt(evs[0].stream, 10)
	for {
		status, _ := s.Push(ctx, txn, evs, nil)
		if status == http.StatusOK {
			break
		}
		pause := time.NewTimer(s.RetryPause)
		select {
		case <-pause.C:
		case <-s.done:
			pause.Stop()
			return false
		}
		if s.Dialect == Dendrite {
			// The same transaction grows by what came meanwhile.
			s.mu.Lock()
			evs = s.push.waiting[:min(limit, len(s.push.waiting))]
			s.mu.Unlock()
		}
	}
	s.mu.Lock()
	s.push.waiting = s.push.waiting[len(evs):]
	s.mu.Unlock()
	return true
}

// Push sends one transaction now, whatever it holds: events already pushed,
// others' events, nothing. It returns the status.
func (s *Server) Push(ctx context.Context, txn string, evs []*Event, ephemeral []map[string]any) (int, error) {
	if evs == nil {
		evs = []*Event{}
	}
	body := map[string]any{"events": evs}
	if ephemeral != nil {
		body["ephemeral"] = ephemeral
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	status, err := s.PushRaw(ctx, txn, raw)
	attempt := Attempt{Txn: txn, Status: status}
	for _, ev := range evs {
		attempt.Events = append(attempt.Events, ev.ID)
	}
	s.mu.Lock()
	s.push.attempts = append(s.push.attempts, attempt)
	s.mu.Unlock()
	return status, err
}

// PushRaw sends a transaction's body as it is.
func (s *Server) PushRaw(ctx context.Context, txn string, body []byte) (int, error) {
	return s.toAppservice(ctx, http.MethodPut, "/transactions/"+url.PathEscape(txn), body)
}

func (s *Server) askAppservice(ctx context.Context, method, path, last string) (int, error) {
	return s.toAppservice(ctx, method, path+url.PathEscape(last), nil)
}

func (s *Server) toAppservice(ctx context.Context, method, path string, body []byte) (int, error) {
	s.mu.Lock()
	base := s.push.url
	s.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, method, base+"/_matrix/app/v1"+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+s.HSToken)
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: s.Transport}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func (s *Server) ping(c *call) reply {
	if s.Dialect == Dendrite {
		return refuse(http.StatusNotFound, "M_UNRECOGNIZED")
	}
	if c.PathValue("id") != s.ID {
		return refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	s.mu.Lock()
	connected := s.push.url != ""
	s.mu.Unlock()
	if !connected {
		return refuse(http.StatusBadRequest, "M_URL_NOT_SET")
	}
	status, err := s.toAppservice(c.Context(), http.MethodPost, "/ping", []byte(`{}`))
	switch {
	case err != nil:
		return refuse(http.StatusBadGateway, "M_CONNECTION_FAILED")
	case status != http.StatusOK:
		return refuse(http.StatusBadGateway, "M_BAD_STATUS")
	}
	return ok(map[string]any{"duration_ms": 1})
}
