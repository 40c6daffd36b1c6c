package integration_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/matrix"
)

// counting counts the requests for a sync.
type counting struct {
	http.RoundTripper

	syncs atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/sync") {
		c.syncs.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}

// TestTyping shows typing both ways: Synapse pushes it, Dendrite tells it in the
// bot's sync. The log says what that costs.
func TestTyping(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, synapse)
			count := &counting{RoundTripper: http.DefaultTransport}
			w.Service = w.service(t, func(o *matrix.Options) { o.Typing, o.Transport = true, count })
			w.run(t)
			room, ghost := w.room(t, "typing")
			first := must(w.Send(t.Context(), message(room, ghost, "before-typing")))(t)
			w.seen(t, room, first)

			heard := func() int {
				w.inbox.mu.Lock()
				defer w.inbox.mu.Unlock()
				return w.inbox.typing
			}
			const changes = 10
			before := count.syncs.Load()
			for n := range changes {
				seen := heard()
				must(w.anna.UserTyping(t.Context(), room, n%2 == 0, 20*time.Second))(t)
				w.inbox.until(t, "typing is heard", func() bool { return heard() > seen })
			}
			t.Logf("%d requests of the sync for %d changes", count.syncs.Load()-before, changes)

			check(t, w.Typing(t.Context(), room, ghost, 10*time.Second))
		})
	}
}
