package matrix_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault matrixtest.Fault
		want  error // nil = temporary
		share bool
		after time.Duration
	}{
		"rate limit":        {fault: matrixtest.Fault{Status: 429, Code: "M_LIMIT_EXCEEDED", RetryAfter: 7 * time.Second}, share: true, after: 7 * time.Second},
		"rate limit, proxy": {fault: matrixtest.Fault{Status: 429, RetryAfter: 7 * time.Second}, share: true, after: 7 * time.Second},
		"operator's limit":  {fault: matrixtest.Fault{Status: 403, Code: "M_RESOURCE_LIMIT_EXCEEDED"}, share: true, after: time.Minute},
		"server error":      {fault: matrixtest.Fault{Status: 500, Code: "M_UNKNOWN"}},
		"unavailable":       {fault: matrixtest.Fault{Status: 503, Code: "M_UNKNOWN"}, share: true},
		"proxy error":       {fault: matrixtest.Fault{Status: 502}, share: true},
		"proxy 404":         {fault: matrixtest.Fault{Status: 404}, share: true},
		"proxy 403":         {fault: matrixtest.Fault{Status: 403}, share: true},
		"portal page":       {fault: matrixtest.Fault{Status: 200}, share: true},
		"redirect":          {fault: matrixtest.Fault{Status: 302}, share: true},
		"broken connection": {fault: matrixtest.Fault{}, share: true},
		"lost answer":       {fault: matrixtest.Fault{Do: true}, share: true},
		"hanging":           {fault: matrixtest.Fault{Hang: true}, share: true},
		"not found":         {fault: matrixtest.Fault{Status: 404, Code: "M_NOT_FOUND"}, want: bridge.ErrNotFound},
		"unknown path":      {fault: matrixtest.Fault{Status: 404, Code: "M_UNRECOGNIZED"}, want: bridge.ErrUnsupported},
		"forbidden":         {fault: matrixtest.Fault{Status: 403, Code: "M_FORBIDDEN"}, want: bridge.ErrForbidden},
		"too large":         {fault: matrixtest.Fault{Status: 413, Code: "M_TOO_LARGE"}, want: bridge.ErrTooLarge},
		"too large, old":    {fault: matrixtest.Fault{Status: 413, Code: "M_BAD_JSON"}, want: bridge.ErrTooLarge},
		"too large, proxy":  {fault: matrixtest.Fault{Status: 413}, want: bridge.ErrTooLarge},
		"token":             {fault: matrixtest.Fault{Status: 401, Code: "M_UNKNOWN_TOKEN"}, want: bridge.ErrLoggedOut},
		"token, 403":        {fault: matrixtest.Fault{Status: 403, Code: "M_UNKNOWN_TOKEN"}, want: bridge.ErrLoggedOut},
		"bad request":       {fault: matrixtest.Fault{Status: 400, Code: "M_BAD_JSON"}, want: bridge.ErrRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, matrixtest.Synapse, func(o *matrix.Options) { o.HTTPTimeout = 300 * time.Millisecond })
			if name != "hanging" {
				w = newWorld(t, matrixtest.Synapse)
			}
			w.hs.Break(1, "/profile/", c.fault)
			_, err := w.Profile(t.Context(), "@anna:hs.test")
			if err == nil {
				t.Fatal("no error")
			}
			temporary, isTemporary := errors.AsType[*bridge.TemporaryError](err)
			switch {
			case c.want != nil:
				if !errors.Is(err, c.want) || isTemporary {
					t.Errorf("%v is not %v", err, c.want)
				}
			case !isTemporary:
				t.Errorf("%v is not temporary", err)
			case temporary.Shared != c.share || temporary.After != c.after:
				t.Errorf("shared %v after %v, want %v %v", temporary.Shared, temporary.After, c.share, c.after)
			}
			for _, secret := range []string{"anna", "secret text", "as-token", "127.0.0.1"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q tells %q", err, secret)
				}
			}
		})
	}
}

func TestEndOfContextIsNoTroubleOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	w.hs.Break(1, "", matrixtest.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := w.Profile(ctx, "@anna:hs.test")
	if _, temporary := errors.AsType[*bridge.TemporaryError](err); temporary || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestServerAway(t *testing.T) {
	t.Parallel()
	s := offline(t)
	_, err := s.Profile(t.Context(), "@anna:school.example")
	if e, ok := errors.AsType[*bridge.TemporaryError](err); !ok || !e.Shared {
		t.Errorf("%v", err)
	}
}
