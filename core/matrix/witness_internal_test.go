package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// witnessWorld is a Dendrite, a clock, and one Steg process after the other.
type witnessWorld struct {
	*testing.T
	hs  *fakeDendrite
	now time.Time
	*Service
}

var witnessEpoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func newWitnessWorld(t *testing.T) *witnessWorld {
	t.Helper()
	w := &witnessWorld{T: t, hs: newFakeDendrite(t), now: witnessEpoch}
	w.start()
	return w
}

// start starts another Steg process.
func (w *witnessWorld) start() {
	w.Helper()
	s, err := New(Options{
		URL: w.hs.url, ServerName: "hs.test", ASToken: "a", HSToken: "h", Now: func() time.Time { return w.now },
	})
	if err != nil {
		w.Fatal(err)
	}
	w.Service = s
}

// tend tends the witness for some time, as Run does.
func (w *witnessWorld) tend(d time.Duration) {
	w.Helper()
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Second) {
		if _, err := w.tendWitness(w.Context()); err != nil {
			w.Fatal(err)
		}
	}
}

// waits wants a look-up that finds nothing to be believed exactly from the given
// time on. The clock goes on meanwhile.
func (w *witnessWorld) waits(what string, sent time.Time, want time.Duration) {
	w.Helper()
	begin := w.now
	for _, at := range []time.Duration{0, workPause - time.Second, workPause, hiddenPause - time.Second, want - time.Second, want} {
		if at < 0 || at > want {
			continue
		}
		w.now = begin.Add(at)
		_, _, err := w.Find(w.Context(), "!r:hs.test", "@_steg_mm_u:hs.test", "mark", sent)
		temporary, ok := errors.AsType[*bridge.TemporaryError](err)
		switch {
		case at == want && err != nil:
			w.Errorf("%s: after %v: %v", what, at, err)
		case at < want && (!ok || temporary.After <= 0 || temporary.After > redeliverPause):
			w.Errorf("%s: after %v: %v", what, at, err)
		}
	}
}

// cut breaks a connection.
func (w *witnessWorld) cut(status int) {
	w.Helper()
	w.hs.fail("/profile/", status)
	if _, err := w.Profile(w.Context(), "@anna:hs.test"); err == nil {
		w.Error("no error")
	}
	w.hs.fail("", 0)
}

func TestStartWithoutWitness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent, newest time.Duration // from our start
		want         time.Duration
	}{
		"quiet room":                  {-time.Minute, -2 * time.Minute, hiddenPause},
		"busy since we began":         {-time.Minute, time.Second, redeliverPause},
		"busy before we began":        {-time.Minute, -30 * time.Second, redeliverPause},
		"sent by us in a quiet room":  {time.Second, -time.Minute, hiddenPause},
		"sent by us in a lively room": {time.Second, 2 * time.Second, redeliverPause},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWitnessWorld(t)
			w.hs.newest = witnessEpoch.Add(c.newest)
			w.waits(name, witnessEpoch.Add(c.sent), c.want)
		})
	}
}

// A witness of an earlier Steg process shows that only Steg has died.
func TestStartWithWitness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tended time.Duration // by the earlier process
		sent   time.Duration // from the beginning
		both   bool          // the homeserver has died too
		want   time.Duration
	}{
		"sent before it was set":               {time.Minute, -time.Second, false, redeliverPause},
		"sent when it was set":                 {time.Minute, 2 * time.Second, false, redeliverPause},
		"sent while it stood":                  {time.Minute, 30 * time.Second, false, workPause},
		"sent before, not quite settled":       {redeliverPause, -time.Second, false, redeliverPause},
		"sent before, but all has shown up":    {redeliverPause + 3*time.Second, -time.Second, false, workPause},
		"the homeserver has died too":          {time.Minute, 30 * time.Second, true, redeliverPause},
		"the homeserver has died too, settled": {redeliverPause + time.Minute, time.Minute, true, redeliverPause},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWitnessWorld(t)
			w.tend(c.tended)
			w.hs.newest = w.now // the room is busy
			if c.both {
				w.hs.restart()
			}
			w.start()
			w.waits(name, witnessEpoch.Add(c.sent), c.want)
		})
	}
}

func TestCutWithWitness(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]time.Duration{
		502: workPause,
		503: workPause,
		504: redeliverPause, // no answer: the homeserver may be stuck with what it took
	} {
		w := newWitnessWorld(t)
		w.tend(redeliverPause + time.Minute)
		w.hs.newest = w.now.Add(time.Hour)
		w.waits("no trouble", w.now, 0)
		w.cut(status)
		w.waits(http.StatusText(status), w.now, want)
	}
}

// What happened after a restart is vouched for by the next witness.
func TestRestartTakesWitness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tended time.Duration // after the restart
		sent   time.Duration // from the restart
		want   time.Duration
	}{
		"nobody has looked":       {0, -time.Second, redeliverPause + workPause}, // from the look on
		"sent before the restart": {10 * time.Second, -time.Second, redeliverPause - 8*time.Second},
		"sent after the restart":  {10 * time.Second, 9 * time.Second, hiddenPause - 9*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWitnessWorld(t)
			w.tend(redeliverPause + time.Minute)
			w.hs.restart()
			sent := w.now.Add(c.sent)
			w.hs.newest = w.now.Add(time.Hour)
			w.tend(c.tended)
			w.cut(502)
			w.waits(name, sent, c.want)
		})
	}
}

// A restart is noticed even when no request of ours failed.
func TestWitnessTellsOfRestart(t *testing.T) {
	t.Parallel()
	for _, stood := range []time.Duration{10 * time.Second, redeliverPause + time.Minute} {
		for who, tended := range map[string]time.Duration{"who asks": 0, "who tends": time.Second} {
			w := newWitnessWorld(t)
			w.tend(stood)
			w.hs.newest = w.now.Add(time.Hour)
			sent := w.now
			w.hs.restart()
			w.tend(tended)
			w.now = w.now.Add(workPause) // after our own start nobody asks earlier
			want := redeliverPause       // from the look on
			if tended > 0 {
				want -= tended + workPause
			}
			w.waits(fmt.Sprintf("%s one that stood %v", who, stood), sent, want)
		}
	}
}

func TestUnreadableWitness(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"/sync", witnessSet, witnessSeen} {
		w := newWitnessWorld(t)
		w.tend(redeliverPause + time.Minute)
		w.hs.newest = w.now.Add(time.Hour)
		w.start()
		w.hs.fail(part, 500)
		w.waits(part, w.now, redeliverPause)
	}
	w := newWitnessWorld(t)
	w.tend(time.Minute)
	w.hs.newest = w.now.Add(time.Hour)
	w.hs.notes = map[string]string{}
	w.start()
	w.waits("nobody has noted when it was set", w.now.Add(time.Second), redeliverPause)
}

// The clock may go back with the power.
func TestWitnessAfterClockWasSetBack(t *testing.T) {
	t.Parallel()
	w := newWitnessWorld(t)
	w.tend(time.Minute)
	sent := w.now
	w.hs.restart()
	w.hs.newest = sent
	w.now = w.now.Add(-45 * time.Second)
	w.start()
	w.tend(10 * time.Second)
	w.waits("sent before the power cut", sent, redeliverPause-10*time.Second)
}

// Several processes share a witness, and make one room for all time.
func TestSharedWitness(t *testing.T) {
	t.Parallel()
	w := newWitnessWorld(t)
	one := w.Service
	w.start()
	tend := func() {
		for range 100 {
			w.tend(time.Second)
			if _, err := one.tendWitness(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	tend()
	if w.hs.rooms != 1 || w.hs.typed != 1 {
		t.Errorf("%d rooms made, set %d times", w.hs.rooms, w.hs.typed)
	}
	w.hs.restart()
	tend()
	if w.hs.rooms != 1 || w.hs.typed != 2 {
		t.Errorf("after a restart: %d rooms made, set %d times", w.hs.rooms, w.hs.typed)
	}
}

// Run owns the witness; on Synapse there is none.
func TestRunKeepsWitness(t *testing.T) {
	t.Parallel()
	for _, synapse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			hs := &fakeDendrite{synapse: synapse, notes: map[string]string{}}
			s, err := New(Options{
				URL: "http://hs.test", ServerName: "hs.test", ASToken: "a", HSToken: "h", Transport: matrixtest.Transport(hs),
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), redeliverPause+2*time.Minute)
			defer cancel()
			hs.fail("/typing/", 500) // at first
			time.AfterFunc(20*time.Second, func() { hs.fail("", 0) })
			if err := s.Run(ctx, noInbox{}); err != nil {
				t.Error(err)
			}
			want := 1
			if synapse {
				want = 0
			}
			if hs.rooms != want || hs.typed != want {
				t.Errorf("Synapse %v: %d rooms, set %d times", synapse, hs.rooms, hs.typed)
			}
			if settled := strings.Contains(hs.notes[witnessSeen], `"settled":true`); settled == synapse {
				t.Errorf("Synapse %v: notes %v", synapse, hs.notes)
			}
		})
	}
}

type noInbox struct{ closedInbox }

func (noInbox) Accept(context.Context, []intent.Event, *string) error { return nil }
