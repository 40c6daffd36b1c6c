package matrix

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// A look-up that finds nothing soon after trouble is believed only when the
// homeserver is one that holds nothing back, or when nothing else came into the
// room.
func TestFindIsNotBelievedAfterTrouble(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		kind   string
		newest time.Duration // of the room's last event, from the start
		// ours is when we got to know that we sent it, from the first send of what is
		// looked for; 0 = we do not know.
		ours time.Duration
		// waits is until when the find is not believed.
		waits time.Duration
	}{
		"Synapse":                  {"Synapse", time.Second, 0, 0},
		"Dendrite, quiet":          {"Dendrite", -time.Minute, 0, hiddenPause},
		"Dendrite, busy":           {"Dendrite", time.Second, 0, redeliverPause},
		"Dendrite, just now":       {"Dendrite", -time.Second, 0, redeliverPause},
		"Dendrite, ours":           {"Dendrite", -time.Second, -time.Second, hiddenPause},
		"Dendrite, ours since":     {"Dendrite", time.Second, time.Second, redeliverPause},
		"Synapse, client API only": {"features", time.Second, 0, 0},
		"unknown, quiet":           {"", -time.Minute, 0, hiddenPause},
		"unknown, busy":            {"", time.Second, 0, redeliverPause},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var down atomic.Bool
			var stirred atomic.Int64
			newest := start.Add(c.newest).UnixMilli()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case down.Load():
					w.WriteHeader(http.StatusBadGateway)
				case r.URL.Path == "/_matrix/client/versions" && c.kind == "features":
					_, _ = fmt.Fprint(w, `{"versions":["v1.1"],"unstable_features":{"io.element.e2ee_forced.public":false}}`)
				case r.URL.Path == "/_matrix/client/versions":
					_, _ = fmt.Fprint(w, `{"versions":["v1.1"],"unstable_features":{"org.matrix.e2e_cross_signing":true}}`)
				case r.URL.Path == "/_matrix/federation/v1/version" && (c.kind == "" || c.kind == "features"):
					w.WriteHeader(http.StatusNotFound)
				case r.URL.Path == "/_matrix/federation/v1/version":
					_, _ = fmt.Fprintf(w, `{"server":{"name":%q,"version":"1"}}`, c.kind)
				case strings.Contains(r.URL.Path, "/send/"+stirType+"/"):
					stirred.Add(1)
					_, _ = fmt.Fprint(w, `{"event_id":"$stir"}`)
				case strings.Contains(r.URL.Query().Get("filter"), "senders"):
					_, _ = fmt.Fprint(w, `{"chunk":[],"start":"a"}`)
				default:
					_, _ = fmt.Fprintf(w, `{"chunk":[{"event_id":"$newest","origin_server_ts":%d}],"start":"a"}`, newest)
				}
			}))
			t.Cleanup(server.Close)
			now := start.Add(-redeliverPause)
			s, err := New(Options{URL: server.URL, ServerName: "hs.test", ASToken: "a", HSToken: "h", Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			if c.ours != 0 {
				s.unsure.put("mark", start)
				s.sent.put("!r:hs.test", sentEvent{"$newest", start.Add(c.ours)})
			}
			find := func() error {
				sent := start
				if now.Before(start) {
					sent = now
				}
				_, found, err := s.Find(t.Context(), "!r:hs.test", "@_steg_mm_u:hs.test", "mark", sent)
				if found {
					t.Error("found what is not there")
				}
				return err
			}
			err = find()
			if temporary, ok := errors.AsType[*bridge.TemporaryError](err); ok != (c.waits > 0) || ok && temporary.After != workPause {
				t.Errorf("right after the start: %v", err)
			}
			now = start
			if err := find(); err != nil {
				t.Fatalf("without trouble: %v", err)
			}
			down.Store(true)
			if err := find(); bridge.Classify(err) != bridge.ClassTemporary {
				t.Fatalf("while down: %v", err)
			}
			down.Store(false)
			for _, after := range []time.Duration{0, hiddenPause - time.Second, hiddenPause, redeliverPause - time.Second, redeliverPause, redeliverPause + stirPause} {
				if c.waits == redeliverPause && after == redeliverPause {
					c.waits += stirPause // what is left over gets a chance to come
				}
				now = start.Add(after)
				err := find()
				temporary, isTemporary := errors.AsType[*bridge.TemporaryError](err)
				switch {
				case after >= c.waits:
					if err != nil {
						t.Errorf("after %v: %v", after, err)
					}
				case c.waits == redeliverPause+stirPause && (stirred.Load() != 1 || temporary == nil || temporary.After != stirPause):
					t.Errorf("after %v: stirred %d times, %v", after, stirred.Load(), err)
				case !isTemporary || temporary.Shared || temporary.After <= 0:
					t.Errorf("after %v: %v", after, err)
				}
			}
		})
	}
}

// A proxy that cuts long polls is no trouble of the homeserver.
func TestCutLongPollIsNoTrouble(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGatewayTimeout)
	}))
	t.Cleanup(server.Close)
	s, err := New(Options{URL: server.URL, ServerName: "hs.test", ASToken: "a", HSToken: "h"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.sync(t.Context(), "s1", s.syncFilter(), false); err == nil {
		t.Fatal("no error")
	}
	if !s.trust.last.IsZero() {
		t.Error("noted as trouble")
	}
	if _, err := s.Profile(t.Context(), "@anna:hs.test"); err == nil {
		t.Fatal("no error")
	}
	if s.trust.last.IsZero() {
		t.Error("not noted as trouble")
	}
}

// The first attempt of a send that failed is remembered until the event is known.
func TestFirstAttemptIsRemembered(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprint(w, `{"event_id":"$sent"}`)
	}))
	t.Cleanup(server.Close)
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s, err := New(Options{URL: server.URL, ServerName: "hs.test", ASToken: "a", HSToken: "h", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	first := now
	send := intent.Send{Room: "!r:hs.test", As: "@_steg_mm_u:hs.test", Type: "m.room.message", TxnID: "mark", Marker: intent.Marker{ID: "mark"}, Content: struct{}{}}
	for range 3 {
		if _, err := s.Send(t.Context(), send); err == nil {
			t.Fatal("no error")
		}
		now = now.Add(time.Minute)
		if at, ok := s.unsure.get("mark"); !ok || !at.Equal(first) {
			t.Errorf("remembered %v, %t", at, ok)
		}
	}
	up.Store(true)
	if _, err := s.Send(t.Context(), send); err != nil {
		t.Fatal(err)
	}
	if s.unsure.has("mark") {
		t.Error("still unsure")
	}
	if ours, ok := s.sent.get("!r:hs.test"); !ok || ours != (sentEvent{"$sent", now}) {
		t.Errorf("knows %v", ours)
	}
}
