package engine_test

import (
	"context"
	"sync"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// fakePresence is who the homeserver shows as being there.
type fakePresence struct {
	mu     sync.Mutex
	off    bool // it accepts and shows nothing
	stuck  bool // it never answers
	fail   error
	shown  map[id.UserID]event.Presence
	told   map[id.UserID]int
	sum    int // of told
	asked  int
	atOnce int
	most   int // largest number of requests at once
}

func (f *fakeMatrix) SetPresence(ctx context.Context, user id.UserID, p event.Presence) error {
	q := &f.presence
	q.mu.Lock()
	defer q.mu.Unlock()
	q.atOnce++
	q.most = max(q.most, q.atOnce)
	defer func() { q.atOnce-- }()
	if q.stuck {
		q.mu.Unlock()
		<-ctx.Done()
		q.mu.Lock()
		return ctx.Err()
	}
	if q.shown == nil {
		q.shown, q.told = map[id.UserID]event.Presence{}, map[id.UserID]int{}
	}
	q.sum++
	q.told[user]++
	if q.fail == nil && !q.off {
		q.shown[user] = p
	}
	return q.fail
}

func (f *fakeMatrix) PresenceOf(_ context.Context, user id.UserID) (event.Presence, error) {
	q := &f.presence
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	if p := q.shown[user]; p != "" {
		return p, nil
	}
	return event.PresenceOffline, nil
}

// shows tells whether the homeserver shows a user so; "" = it was told nothing of them.
func (q *fakePresence) shows(user id.UserID, p event.Presence) func() bool {
	return func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.shown[user] == p
	}
}

// times tells how often the homeserver was told of a user, and of all.
func (q *fakePresence) times(user id.UserID) (of, all int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.told[user], q.sum
}

func (q *fakePresence) set(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
}
