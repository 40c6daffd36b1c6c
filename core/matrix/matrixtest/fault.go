package matrixtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Fault is what happens to a request. The zero Fault breaks the connection
// before anything is done.
type Fault struct {
	// Status answers with an error, without doing anything.
	Status     int
	Code       string        // errcode; "" = a page of a proxy instead of a Matrix error
	RetryAfter time.Duration // told to the client

	Do   bool // do what was asked, and lose the answer
	Hang bool // keep the connection open without an answer until the client gives up
}

type scriptedFault struct {
	Fault
	match string
	left  int
}

// Request is a request that the server has seen.
type Request struct{ Method, Path, As string }

// maxSeen bounds what Requests remembers: a clock that jumps makes many.
const maxSeen = 100_000

// Break lets the next n requests whose path contains match ("" = any) suffer f.
func (s *Server) Break(n int, match string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &scriptedFault{Fault: f, match: match, left: n})
}

// Mend removes all faults that are left.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests lists the requests seen so far whose path contains match.
func (s *Server) Requests(match string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.seen {
		if strings.Contains(r.Path, match) {
			out = append(out, r)
		}
	}
	return out
}

func (s *Server) nextFault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) >= maxSeen {
		s.seen = append(s.seen[:0], s.seen[maxSeen/2:]...)
	}
	s.seen = append(s.seen, Request{r.Method, r.URL.Path, r.URL.Query().Get("user_id")})
	for _, f := range s.faults {
		if f.left > 0 && strings.Contains(r.URL.Path, f.match) {
			f.left--
			return &f.Fault
		}
	}
	return nil
}

func (f *Fault) serve(w http.ResponseWriter, r *http.Request, s *Server) {
	if f.Do {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	if f.Hang {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
	}
	if f.Status == 0 {
		panic(http.ErrAbortHandler) // breaks the connection
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	if f.Code == "" {
		http.Error(w, "<html>not a homeserver</html>", f.Status)
		return
	}
	write(w, refuse(f.Status, f.Code))
}
