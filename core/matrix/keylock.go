package matrix

import (
	"context"
	"sync"
)

// keyLock lets one caller per key pass at a time.
type keyLock struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

func newKeyLock() *keyLock { return &keyLock{held: map[string]chan struct{}{}} }

// lock waits for its turn, or for ctx to end.
func (l *keyLock) lock(ctx context.Context, key string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		held, busy := l.held[key]
		if !busy {
			mine := make(chan struct{})
			l.held[key] = mine
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				delete(l.held, key)
				close(mine)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
