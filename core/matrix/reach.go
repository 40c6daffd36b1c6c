package matrix

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// reach notices when the homeserver answers again. Whatever finds that out first
// tells all others, which would else sit out their own pauses.
type reach struct {
	away   atomic.Bool   // a request got no answer, and no other has got one since
	back   chan struct{} // it answers again
	resync chan struct{} // the same, for the sync
	pushed atomic.Bool   // a transaction has come lately
}

func newReach() reach {
	return reach{back: make(chan struct{}, 1), resync: make(chan struct{}, 1)}
}

// answered notes that the homeserver has answered a request.
func (r *reach) answered() {
	if r.away.Load() && r.away.CompareAndSwap(true, false) {
		notify(r.back)
	}
}

func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

const (
	// wakeEvery is how often a homeserver that pushes nothing is asked to.
	wakeEvery = time.Minute
	// backPause keeps a homeserver that comes and goes from waking everybody all
	// the time.
	backPause = time.Second
)

// welcome tells inbox, sync and homeserver whenever requests are answered again,
// until ctx ends.
//
// Synapse pauses up to eight minutes when it cannot push to us, which we do not see
// when only that way is cut; and tries at once when it has pinged us because we
// asked for it (synapse/rest/client/appservice_ping.py). Others do not know the
// request.
func (s *Service) welcome(ctx context.Context, inbox Inbox) {
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	pings := s.opts.Listen != "" && s.wake(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.reach.back:
			inbox.Reachable(ctx)
			notify(s.reach.resync)
			pings = pings && s.wake(ctx)
			sleep(ctx, backPause)
		case <-tick.C:
			if !s.reach.pushed.Swap(false) {
				pings = pings && s.wake(ctx)
			}
		}
	}
}

// wake asks the homeserver to ping us. It is false when that makes no sense.
func (s *Service) wake(ctx context.Context) bool {
	err := s.ping(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "no ping from the homeserver", slog.Any("error", err))
	}
	return !hasStatus(err, http.StatusNotFound, "")
}
