package bridge_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// slow gives one byte after each pause.
type slow struct {
	pause time.Duration
	left  int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	<-time.NewTimer(s.pause).C
	s.left--
	p[0] = 'x'
	return 1, nil
}

func TestStallCutsOnlyWhatStandsStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stall := bridge.WithStall(t.Context(), time.Minute)
		// Two hours in all, but never a minute without a byte.
		if n, err := io.Copy(io.Discard, stall.Watch(&slow{pause: 50 * time.Second, left: 144})); n != 144 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
		if ctx.Err() != nil {
			t.Error("a transfer that goes on was cut")
		}
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), bridge.ErrStalled) {
			t.Errorf("the cause is %v", context.Cause(ctx))
		}
	})
}

func TestClosingTheBodyEndsTheWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stall := bridge.WithStall(t.Context(), time.Minute)
		if err := stall.WatchBody(io.NopCloser(strings.NewReader("x"))).Close(); err != nil {
			t.Error(err)
		}
		<-time.NewTimer(time.Hour).C
		if errors.Is(context.Cause(ctx), bridge.ErrStalled) {
			t.Error("a transfer that has ended was cut")
		}
	})
}
