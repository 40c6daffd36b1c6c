package integration_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

// TestWitness: after a cut, and after a start, a look-up is soon believed because
// Dendrite still runs, although others write in the room; not so after a kill, of
// Dendrite alone or of both.
func TestWitness(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	proxy := harnesstest.Proxy(t, strings.TrimPrefix(w.hs.URL, "http://"))
	w.Service = w.service(t, func(o *matrix.Options) { o.URL = proxy.URL() })
	room, ghost := w.room(t, "witness_busy")
	w.run(t)
	first := w.witness(t, 0)
	w.aloneInRoom(t)
	pause(t, 3*time.Second) // more than clocks may differ
	sent := time.Now()
	must(w.anna.Say(t.Context(), room, "busy"))(t)

	proxy.Hang(true)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := w.Send(t.Context(), message(room, ghost, "cut")); bridge.Classify(err) != bridge.ClassTemporary {
			t.Errorf("the connection was not cut: %v", err)
		}
	})
	pause(t, time.Second)
	proxy.CutAll()
	wg.Wait()
	proxy.Hang(false)
	cut := time.Now()
	again := w.service(t, func(*matrix.Options) {}) // as after a kill of Steg
	for name, s := range map[string]*matrix.Service{"cut": w.Service, "start": again} {
		wg.Go(func() {
			if after := later(t, s, room, ghost, sent); after != 0 {
				t.Errorf("%s: not believed for another %v", name, after)
			}
			took := time.Since(cut)
			t.Logf("%s: believed after %v", name, took)
			if took < 9*time.Second {
				t.Errorf("%s: believed too soon, after %v", name, took)
			}
		})
	}
	wg.Wait()
	if found := w.witness(t, 0); found != first {
		t.Errorf("set at %d, then again at %d", first, found)
	}

	check(t, w.hs.Kill())
	check(t, w.hs.Start(t.Context()))
	must(w.anna.Say(t.Context(), room, "still busy"))(t)
	again = w.service(t, func(*matrix.Options) {})
	for name, s := range map[string]*matrix.Service{"restart": w.Service, "start": again} {
		wg.Go(func() {
			if after := later(t, s, room, ghost, sent); after < 4*time.Minute {
				t.Errorf("%s: believed, or soon: %v", name, after)
			}
		})
	}
	wg.Wait()
	t.Logf("the next witness: %v later", time.Duration(w.witness(t, first)-first)*time.Millisecond)
}

// later looks until it is believed that nothing is there, and returns 0, or until
// that will take more than a minute.
func later(t *testing.T, s *matrix.Service, room id.RoomID, ghost id.UserID, sent time.Time) time.Duration {
	t.Helper()
	for t.Context().Err() == nil {
		_, _, err := s.Find(t.Context(), room, ghost, "cut", sent)
		temporary, ok := errors.AsType[*bridge.TemporaryError](err)
		switch {
		case err == nil:
			return 0
		case !ok:
			t.Errorf("look: %v", err)
			return 0
		case temporary.After > time.Minute:
			return temporary.After
		}
		pause(t, 500*time.Millisecond)
	}
	return 0
}

const witnessUser = id.UserID("@_steg_witness:hs.test")

// witness waits until a witness stands that was set after a time, and returns when
// it was set, in milliseconds.
func (w *world) witness(t *testing.T, after int64) int64 {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for time.Now().Before(deadline) {
		_, answer := w.request(t, http.MethodGet, "/user/"+string(witnessUser)+"/account_data/org.steg-bridge.witness.set", witnessUser, nil)
		if set := gjson.GetBytes(answer, "set").Int(); set > after {
			return set
		}
		pause(t, 200*time.Millisecond)
	}
	t.Fatal("no witness")
	return 0
}

// aloneInRoom wants the witness to be the only one in its room, and to stay so.
func (w *world) aloneInRoom(t *testing.T) {
	t.Helper()
	_, answer := w.request(t, http.MethodGet, "/directory/room/"+url.PathEscape("#_steg_witness:hs.test"), witnessUser, nil)
	room := gjson.GetBytes(answer, "room_id").String()
	_, answer = w.request(t, http.MethodGet, "/rooms/"+room+"/state", witnessUser, nil)
	for _, ev := range gjson.ParseBytes(answer).Array() {
		content := ev.Get("content")
		switch typ := ev.Get("type").String(); {
		case typ == "m.room.create" && content.Get("m\\.federate").Raw != "false",
			typ == "m.room.join_rules" && content.Get("join_rule").String() != "invite",
			typ == "m.room.member" && ev.Get("state_key").String() != string(witnessUser):
			t.Errorf("%s: %s", typ, content.Raw)
		}
	}
	if n := len(gjson.ParseBytes(answer).Array()); n < 5 {
		t.Errorf("%d state events", n)
	}
}
