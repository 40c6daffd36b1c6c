package world

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Until calls holds again and again until it returns nil or ctx ends; then the
// error tells what was awaited and what holds said last.
func Until(ctx context.Context, what string, holds func(ctx context.Context) error) error {
	var last error
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		// The end of ctx is no news about the condition.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s: %w", what, errors.Join(context.Cause(ctx), last))
		}
	}
}
