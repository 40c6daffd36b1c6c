package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// TestManyAskAtOnce lets many ask the message map at the same moment, some of whom
// give up: each gets the answer to its own question.
func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.Instance(t, s)
		const portals, each = 3, 40
		for p := range int64(portals) {
			var keys []string
			for n := range each {
				keys = append(keys, fmt.Sprint(n))
			}
			var done store.Batch
			for _, it := range commit(t, i, store.Batch{Intakes: []store.Intake{entries(lane(p), keys...)}}).Grown[0].Items {
				link := store.Link{
					School: it.School, Bridge: it.Bridge, Portal: it.Portal, Dir: it.Dir, Key: it.Key, Kind: store.LinkMessage,
					// The same IDs in all portals, as networks and hubs have them.
					Remote: bridge.MessageID("m" + it.Key), Event: id.EventID("$" + it.Key),
				}
				second := link // a further part of the same message, made later
				second.Key += "-2"
				done.Ends = append(done.Ends, end(it, store.Delivered, "", link, second).Ends...)
			}
			commit(t, i, done)
		}
		var wg sync.WaitGroup
		for n := range portals * each * 2 {
			portal, key := int64(n%portals), n/portals // every second key is unknown
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				if n%7 == 0 {
					cancel() // whoever waits for this one must not be left alone
				}
				defer cancel()
				for _, ask := range []func() (store.Link, error){
					func() (store.Link, error) {
						return s.LinkByRemote(ctx, portal, bridge.MessageID(fmt.Sprintf("m%d", key)))
					},
					func() (store.Link, error) { return s.LinkByEvent(ctx, portal, id.EventID(fmt.Sprintf("$%d", key))) },
				} {
					l, err := ask()
					switch {
					case n%7 == 0 && errors.Is(err, context.Canceled):
					case key >= each:
						wantIs(t, err, store.ErrNoRow)
					case err != nil:
						t.Errorf("message %d of portal %d: %v", key, portal, err)
					case l.Portal != portal || l.Key != bridge.Key(fmt.Sprint(key)):
						t.Errorf("asked for message %d of portal %d, got %s of %d", key, portal, l.Key, l.Portal)
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestAskingFails tells everybody when the database does not answer.
func TestAskingFails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := must[*store.Store](t)(store.Open(t.Context(), store.Options{DSN: db.DSN}))
		ok(t, s.Close())
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := s.LinkByRemote(t.Context(), 1, "m"); err == nil || errors.Is(err, store.ErrNoRow) {
					t.Errorf("error %v", err)
				}
			})
		}
		wg.Wait()
	})
}
