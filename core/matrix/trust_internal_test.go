package matrix

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// A look-up that finds nothing soon after trouble is believed only when the
// homeserver is one that hides nothing.
func TestFindIsNotBelievedAfterTrouble(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind    string
		believe bool
	}{{"Dendrite", false}, {"Synapse", true}, {"", false}} {
		t.Run("kind "+tc.kind, func(t *testing.T) {
			t.Parallel()
			var down atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case down.Load():
					w.WriteHeader(http.StatusBadGateway)
				case r.URL.Path == "/_matrix/federation/v1/version" && tc.kind == "":
					w.WriteHeader(http.StatusNotFound)
				case r.URL.Path == "/_matrix/federation/v1/version":
					_, _ = fmt.Fprintf(w, `{"server":{"name":%q,"version":"1"}}`, tc.kind)
				default:
					_, _ = fmt.Fprint(w, `{"chunk":[],"start":"a"}`)
				}
			}))
			t.Cleanup(server.Close)
			now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			s, err := New(Options{URL: server.URL, ServerName: "hs.test", ASToken: "a", HSToken: "h", Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			find := func() error {
				_, found, err := s.Find(context.Background(), "!r:hs.test", "@_steg_mm_u:hs.test", "mark", now)
				if found {
					t.Error("found what is not there")
				}
				return err
			}
			if err := find(); err != nil {
				t.Fatalf("without trouble: %v", err)
			}
			down.Store(true)
			if err := find(); bridge.Classify(err) != bridge.ClassTemporary {
				t.Fatalf("while down: %v", err)
			}
			down.Store(false)
			err = find()
			if (err == nil) != tc.believe || (err != nil && bridge.Classify(err) != bridge.ClassTemporary) {
				t.Errorf("right after trouble: %v", err)
			}
			now = now.Add(trustPause + time.Second)
			if err := find(); err != nil {
				t.Errorf("long after trouble: %v", err)
			}
		})
	}
}
