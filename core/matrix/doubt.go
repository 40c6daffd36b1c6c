package matrix

import (
	"context"
	"sync"
	"time"
)

// A homeserver that dies may not push what it had: Synapse, killed after it stored
// a transaction and before it sent it, sends that one only after the next failure
// (seen: one of 203 messages in a run with one kill -9, the transaction still in
// its table). The bot's /sync has them all.
// So whenever the connection to the homeserver was in doubt, and at each start,
// the sync reads everything that crosses once, from a position a minute or two back, and
// transactions wait for that: what they bring is younger.

// doubtPause is how long a transaction waits at most for the sync. Where the sync
// does not work, pushes must still come through.
const doubtPause = 10 * time.Second

// doubtTries is how often the homeserver may fail to answer before the sync goes
// on without reading everything.
const doubtTries = 3

// trail remembers a position of one to two minutes ago. What was said before it
// has been pushed, or waits in the homeserver's database.
type trail struct {
	back, mid position
	since     time.Time // when mid was taken
}

func (t *trail) add(p position, now time.Time) {
	switch {
	case t.back.token == "":
		t.back, t.mid, t.since = p, p, now
	case now.Sub(t.since) > time.Minute:
		t.back, t.mid, t.since = t.mid, p, now
	}
}

// doubt is whether the sync has yet to read everything.
type doubt struct {
	mu   sync.Mutex
	gone chan struct{} // closed when the doubt is gone; nil = there is none
}

// raise says that pushes may have been lost.
func (d *doubt) raise() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone == nil {
		d.gone = make(chan struct{})
	}
}

// settle says that the sync has read everything.
func (d *doubt) settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone != nil {
		close(d.gone)
		d.gone = nil
	}
}

func (d *doubt) exists() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gone != nil
}

// wait waits until there is no doubt, for doubtPause at most.
func (d *doubt) wait(ctx context.Context) {
	d.mu.Lock()
	gone := d.gone
	d.mu.Unlock()
	if gone == nil {
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
