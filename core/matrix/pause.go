package matrix

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// pauser waits longer after each failure.
type pauser struct{ next time.Duration }

func (p *pauser) reset() { p.next = 0 }

// wait waits a random part between a half and the whole of the pause, or until
// ctx ends.
func (p *pauser) wait(ctx context.Context) {
	p.waitOr(ctx, nil)
}

// waitOr is wait that ends when it is told to.
func (p *pauser) waitOr(ctx context.Context, end <-chan struct{}) {
	p.next = min(max(p.next*2, firstPause), lastPause)
	timer := time.NewTimer(p.next/2 + rand.N(p.next/2)) //nolint:gosec // spreads load, hides nothing
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-end:
	case <-ctx.Done():
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
