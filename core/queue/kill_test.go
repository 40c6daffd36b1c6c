package queue_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// some waits until a few more messages got through, and a random moment more, so
// that the next blow falls anywhere.
func (w *world) some() {
	w.t.Helper()
	before := w.total()
	until(w.t, "messages get through", func() bool { return w.total() > before+20 })
	pause(rand.N(80 * time.Millisecond))
}

func pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	<-t.C
}

// kill -9, again and again: nothing acknowledged is lost, nothing is reordered,
// and what is sent again is sent in doubt.
func TestKill(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	w := newWorld(t, storetest.SQLite(t), 1)
	p := w.start(0)
	for range 20 {
		w.some()
		p.kill(t)
		p = w.start(0)
	}
	if sum := w.settle([]*proc{p}); sum.unflagged != 0 || sum.late != 0 {
		t.Errorf("%d sent again without doubt, %d after a later one", sum.unflagged, sum.late)
	}
}

// The same with three processes on one database, of which a random one dies.
func TestKillOneOfThree(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	w := newWorld(t, storetest.Postgres(t), 3)
	procs := []*proc{w.start(0), w.start(1), w.start(2)}
	for range 4 {
		w.some()
		n := rand.IntN(3)
		procs[n].kill(t)
		procs[n] = w.start(n)
	}
	if sum := w.settle(procs); sum.unflagged != 0 || sum.late != 0 {
		t.Errorf("%d sent again without doubt, %d after a later one", sum.unflagged, sum.late)
	}
}

// A process that freezes for longer than its lease loses its lanes. When it wakes
// up, the one step of each lane that it was in may reach the network again (that
// is what keys are for), but it ends nothing and starts nothing.
func TestFreezeOneOfThree(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	w := newWorld(t, storetest.Postgres(t), 3)
	procs := []*proc{w.start(0), w.start(1), w.start(2)}
	const freezes = 2
	for range freezes {
		w.some()
		p := procs[rand.IntN(3)]
		p.signal(t, syscall.SIGSTOP)
		pause(store.Lease + 2*time.Second)
		p.signal(t, syscall.SIGCONT)
	}
	w.some()
	if sum := w.settle(procs); sum.unflagged > freezes*worldLanes {
		t.Errorf("%d sent again without doubt", sum.unflagged)
	}
}
