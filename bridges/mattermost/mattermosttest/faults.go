package mattermosttest

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// faults are what the server was told to do wrong.
type faults struct {
	mu       sync.Mutex
	login    string // the user whose calls fail
	left     int
	what     bridgetest.Fault
	hung     chan struct{} // closed to let go of the calls that hang
	dbAway   bool
	stale    int
	echo     bool
	twice    bool
	reorder  bool
	noResume bool
}

// end lets go of everything that hangs.
func (f *faults) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 0
	if f.hung != nil {
		close(f.hung)
		f.hung = nil
	}
}

// FailNext makes the next n calls of a user fail.
func (s *Server) FailNext(user string, n int, what bridgetest.Fault) {
	s.faults.end()
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.login, s.faults.left, s.faults.what = user, n, what
	s.faults.hung = make(chan struct{})
}

// DatabaseAway takes the server's database away, or gives it back.
func (s *Server) DatabaseAway(away bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.dbAway = away
}

// StaleSince makes the next n since answers wrongly empty, as the race of the
// server's cache does.
func (s *Server) StaleSince(n int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.stale = n
}

// NoResume makes the server forget broken connections at once, or not.
func (s *Server) NoResume(on bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.noResume = on
}

// EchoFirst holds back the answer to a new post until its event was written.
func (s *Server) EchoFirst(on bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.echo = on
}

// DuplicatePushes pushes every event twice.
func (s *Server) DuplicatePushes(on bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.twice = on
}

// ReorderPushes pushes each second event before the one that came first.
func (s *Server) ReorderPushes(on bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.reorder = on
}

func (f *faults) staleSince() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stale == 0 {
		return false
	}
	f.stale--
	return true
}

func (f *faults) away() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dbAway
}

func (f *faults) echoFirst() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.echo
}

// next tells how a call of user must fail, "" when it need not. writes says that
// the call creates or changes a message.
func (f *faults) next(user string, writes bool) (bridgetest.Fault, chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 || user != f.login || f.what == bridgetest.FaultAnswerLost && !writes {
		return "", nil
	}
	f.left--
	return f.what, f.hung
}

// fail answers a call in the wrong way and tells whether that was all.
func fail(w http.ResponseWriter, r *http.Request, what bridgetest.Fault, hung chan struct{}) bool {
	switch what {
	case bridgetest.FaultUnauthorized:
		writeError(w, refuse(http.StatusUnauthorized, "api.context.session_expired.app_error"))
	case bridgetest.FaultForbidden:
		writeError(w, noPermission())
	case bridgetest.FaultNotFound:
		writeError(w, refuse(http.StatusNotFound, "app.post.get.app_error"))
	case bridgetest.FaultRateLimited:
		w.Header().Set("Retry-After", strconv.Itoa(int(bridgetest.RetryAfter.Seconds())))
		http.Error(w, "limit exceeded", http.StatusTooManyRequests)
	case bridgetest.FaultServer:
		http.Error(w, "bad gateway", http.StatusBadGateway)
	case bridgetest.FaultTimeout:
		select {
		case <-r.Context().Done():
		case <-hung:
		}
		panic(http.ErrAbortHandler)
	case bridgetest.FaultAnswerLost: // only the answer gets lost
		return false
	case bridgetest.FaultCut, bridgetest.FaultDuplicate, bridgetest.FaultReorder, bridgetest.FaultEchoFirst, bridgetest.FaultRevoke:
		return false // no faults of calls
	default:
		return false // no fault
	}
	return true
}
