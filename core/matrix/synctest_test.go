package matrix_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// Both directions without a network and with a clock that jumps, as tests of the
// engine use it; and the pause between failed syncs.
func TestWithoutNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hs := matrixtest.New(matrixtest.Options{Dialect: matrixtest.Synapse})
		defer hs.Close()
		s, err := matrix.New(matrix.Options{
			URL: "http://hs.test", ServerName: hs.ServerName, ASToken: hs.ASToken, HSToken: hs.HSToken,
			Transport: matrixtest.Transport(hs),
		})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{Service: s, hs: hs, inbox: newInbox()}
		hs.Options.Transport = matrixtest.Transport(w.Handler(w.inbox))
		hs.Connect("http://steg.test")

		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = w.Sync(ctx, w.inbox) })
		synctest.Wait() // the sync has its first position and waits for news
		room, ghost := w.portal(t, "bubble")
		anna := hs.AddUser("anna", "")
		hs.Break(3, "/sync", matrixtest.Fault{Status: 503, Code: "M_UNKNOWN"})
		target := hs.Say(room, anna, "x")
		hs.Redact(room, anna, target)
		if _, err := w.Send(t.Context(), message(room, ghost, "1")); err != nil {
			t.Fatal(err)
		}
		// Everything comes twice: by push, and by the sync after its pauses.
		<-time.NewTimer(10 * time.Second).C
		w.inbox.mu.Lock()
		if w.inbox.repeats == 0 {
			t.Error("the sync did not go on")
		}
		w.inbox.mu.Unlock()
		synctest.Wait()
		if got := len(w.inbox.ids("m.room.message")); got != 2 {
			t.Errorf("%d messages pushed", got)
		}
		if got := len(w.inbox.ids(redaction)); got != 1 {
			t.Errorf("%d redactions", got)
		}
		cancel()
		wg.Wait()
	})
}
