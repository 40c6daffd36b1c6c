package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	odd := errors.New("odd")
	tests := map[string]struct {
		err  error
		want bridge.Class
	}{
		"unknown":            {odd, bridge.ClassUnknown},
		"unsupported":        {bridge.ErrUnsupported, bridge.ClassPermanent},
		"too large":          {bridge.ErrTooLarge, bridge.ClassPermanent},
		"not found":          {bridge.ErrNotFound, bridge.ClassPermanent},
		"forbidden":          {bridge.ErrForbidden, bridge.ClassPermanent},
		"rejected":           {bridge.ErrRejected, bridge.ClassPermanent},
		"a file":             {fmt.Errorf("%w: %w", bridge.ErrFile, bridge.ErrTooLarge), bridge.ClassPermanent},
		"logged out":         {bridge.ErrLoggedOut, bridge.ClassLoggedOut},
		"temporary":          {&bridge.TemporaryError{Err: odd}, bridge.ClassTemporary},
		"cancelled":          {context.Canceled, bridge.ClassTemporary},
		"deadline":           {context.DeadlineExceeded, bridge.ClassTemporary},
		"wrapped permanent":  {fmt.Errorf("send: %w", bridge.ErrRejected), bridge.ClassPermanent},
		"wrapped temporary":  {fmt.Errorf("send: %w", &bridge.TemporaryError{Err: odd}), bridge.ClassTemporary},
		"wrapped logged out": {fmt.Errorf("send: %w", bridge.ErrLoggedOut), bridge.ClassLoggedOut},
		// A bridge that says "try again" is believed, whatever it saw below.
		"temporary forbidden": {&bridge.TemporaryError{Err: bridge.ErrForbidden}, bridge.ClassTemporary},
		"joined logged out":   {errors.Join(odd, bridge.ErrLoggedOut), bridge.ClassLoggedOut},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := bridge.Classify(tt.err); got != tt.want {
				t.Errorf("Classify(%v) = %v, want %v", tt.err, got, tt.want)
			}
		})
	}
}

func TestTemporaryErrorUnwraps(t *testing.T) {
	t.Parallel()
	below := errors.New("below")
	err := fmt.Errorf("send: %w", &bridge.TemporaryError{Err: below, After: time.Minute, Shared: true})
	if !errors.Is(err, below) {
		t.Errorf("the cause is lost in %v", err)
	}
	if want := "send: temporary: below"; err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
}
