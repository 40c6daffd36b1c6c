package matrix

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// answers is a homeserver that answers everything with one status, 0 = not at all,
// and counts the pings that it is asked for.
type answers struct {
	status atomic.Int64
	pings  atomic.Int64
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status := int(a.status.Load())
	if strings.HasSuffix(r.URL.Path, "/ping") {
		a.pings.Add(1)
	}
	if status == 0 {
		return nil, errors.New("no connection")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// reached counts how often it is told that the homeserver answers again.
type reached struct {
	closedInbox

	n atomic.Int64
}

func (r *reached) Reachable(context.Context) { r.n.Add(1) }

// welcoming runs a test beside a running welcome, with a clock that jumps.
func welcoming(t *testing.T, test func(t *testing.T, s *Service, hs *answers, box *reached)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		hs, box := &answers{}, &reached{}
		hs.status.Store(http.StatusOK)
		s, err := New(Options{URL: "http://hs.test", ServerName: "hs.test", ASToken: "a", HSToken: "h", Listen: "127.0.0.1:0", Transport: hs})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.welcome(ctx, box) })
		synctest.Wait()
		test(t, s, hs, box)
		cancel()
		wg.Wait()
	})
}

func TestToldWhenTheHomeserverIsBack(t *testing.T) {
	t.Parallel()
	welcoming(t, func(t *testing.T, s *Service, hs *answers, box *reached) {
		ask := func(status int, told int64) {
			t.Helper()
			hs.status.Store(int64(status))
			_, _ = s.Profile(t.Context(), "@anna:hs.test")
			synctest.Wait()
			if n := box.n.Load(); n != told {
				t.Errorf("told %d times after status %d, want %d", n, status, told)
			}
		}
		ask(200, 0)
		ask(0, 0)
		ask(502, 0)
		ask(404, 1) // an answer all the same
		ask(500, 1) // a request that it does not like
		ask(200, 1) // is no absence
		ask(503, 1) //
		ask(200, 1) // not more often than once a second
		sleep(t.Context(), backPause)
		synctest.Wait()
		ask(200, 2)
	})
}

func TestSilentHomeserverIsAskedForPings(t *testing.T) {
	t.Parallel()
	welcoming(t, func(t *testing.T, s *Service, hs *answers, _ *reached) {
		after := func(minutes int, pings int64) {
			t.Helper()
			sleep(t.Context(), time.Duration(minutes)*wakeEvery)
			synctest.Wait()
			if n := hs.pings.Load(); n != pings {
				t.Errorf("%d pings, want %d", n, pings)
			}
		}
		after(0, 1) // at the start
		after(2, 3)
		s.reach.pushed.Store(true) // a transaction came
		after(1, 3)
		after(1, 4)
		hs.status.Store(http.StatusNotFound) // one that knows no pings
		after(10, 5)
	})
}

// The sync does not sit out its pause when something else finds the homeserver.
func TestSyncGoesOnWhenTheHomeserverIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pause := pauser{next: lastPause}
		r := newReach()
		began := time.Now()
		go notify(r.resync)
		pause.waitOr(t.Context(), r.resync)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		pause.wait(t.Context())
		if waited := time.Since(began); waited < lastPause/2 {
			t.Errorf("waited only %v", waited)
		}
	})
}
