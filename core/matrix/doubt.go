package matrix

import (
	"context"
	"sync"
	"time"
)

// A homeserver that dies loses pushes: Synapse keeps events that wait for another
// transaction in memory, after it has stored that they were handled
// (handlers/appservice.py, appservice/scheduler.py; measured: about one message
// in two hundred of those said around a kill -9). The bot's /sync has them all.
// So whenever the connection to the homeserver was in doubt, and at each start,
// the sync reads everything that crosses once, from its last position, and
// transactions wait for that: what they bring is younger.

// doubtPause is how long a transaction waits at most for the sync. Where the sync
// does not work, pushes must still come through.
const doubtPause = 10 * time.Second

// doubt is whether the sync has yet to read everything.
type doubt struct {
	mu     sync.Mutex
	gone   chan struct{} // closed when there is no doubt; nil = there is none
	broken bool
}

// raise says that pushes may have been lost.
func (d *doubt) raise() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.broken {
		d.broken, d.gone = true, make(chan struct{})
	}
}

// settle says that the sync has read everything.
func (d *doubt) settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		d.broken = false
		close(d.gone)
	}
}

func (d *doubt) exists() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken
}

// wait waits until there is no doubt, for doubtPause at most.
func (d *doubt) wait(ctx context.Context) {
	d.mu.Lock()
	broken, gone := d.broken, d.gone
	d.mu.Unlock()
	if !broken {
		return
	}
	timer := time.NewTimer(doubtPause)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	case <-ctx.Done():
	}
}
