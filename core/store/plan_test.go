package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// TestPlansStayRight asks the message map while it is empty, when PostgreSQL makes
// its plans and knows nothing, and again when it is full: no question may read
// more rows than it needs.
func TestPlansStayRight(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	s := must[*store.Store](t)(store.Open(t.Context(), store.Options{DSN: db.DSN}))
	i := must[*store.Instance](t)(s.AcquireInstance(t.Context()))
	const portals, each = 20, 100
	asked := 0
	ask := func(n int) {
		_, unknownRemote := s.LinkByRemote(t.Context(), 1, "unknown")
		_, unknownEvent := s.LinkByEvent(t.Context(), 1, "$unknown")
		_, remote := s.LinkByRemote(t.Context(), 1, bridge.MessageID(fmt.Sprintf("1-%d", n)))
		_, event := s.LinkByEvent(t.Context(), 1, id.EventID(fmt.Sprintf("$1-%d", n)))
		_, thread := s.LinksInThread(t.Context(), 1, bridge.MessageID(fmt.Sprintf("root-%d", n)))
		_, parts := s.LinksByRemote(t.Context(), 1, bridge.MessageID(fmt.Sprintf("1-%d", n)))
		for _, err := range []error{unknownRemote, unknownEvent, remote, event, thread, parts} {
			asked++
			if err != nil && !errors.Is(err, store.ErrNoRow) {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		ask(0)
	}
	for p := range int64(portals) {
		var in store.Intake
		for n := range each {
			in.Entries = append(in.Entries, store.Entry{Lane: lane(p), Key: bridge.Key(fmt.Sprint(n)), Kind: "text"})
		}
		var done store.Batch
		for n, it := range commit(t, i, store.Batch{Intakes: []store.Intake{in}}).Grown[0].Items {
			done.Ends = append(done.Ends, end(it, store.Delivered, "", store.Link{
				School: it.School, Bridge: it.Bridge, Portal: it.Portal, Dir: it.Dir, Key: it.Key, Kind: store.LinkMessage,
				Remote: bridge.MessageID(fmt.Sprintf("%d-%d", p, n)), Event: id.EventID(fmt.Sprintf("$%d-%d", p, n)),
				RootRemote: bridge.MessageID(fmt.Sprintf("root-%d", n)),
			}).Ends...)
		}
		commit(t, i, done)
	}
	for n := range each {
		ask(n)
	}
	ok(t, i.Release(t.Context()))
	ok(t, s.Close()) // the server counts what a connection did when it ends

	c := must[*pgx.Conn](t)(pgx.Connect(t.Context(), db.DSN))
	var scans, rows int
	wait(t, "the server's counters", func() bool {
		ok(t, c.QueryRow(t.Context(), `SELECT COALESCE(SUM(idx_scan), 0), COALESCE(SUM(idx_tup_read), 0)
FROM pg_stat_user_indexes WHERE relname = 'link'`).Scan(&scans, &rows))
		return scans >= asked
	})
	ok(t, c.Close(t.Context()))
	if rows > asked {
		t.Errorf("%d questions read %d rows", asked, rows)
	}
}
