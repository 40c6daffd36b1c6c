package bridgetest

import (
	"bytes"
	"context"
	"errors"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// supervised is a client that runs as under the core's supervisor: again after
// each break, until stopped or logged out.
type supervised struct {
	label  string
	cancel context.CancelFunc
	done   chan struct{}
	final  error // why the last Run ended; read after done

	mu    sync.Mutex
	ended int // how many Runs have ended
}

const labelKey = "bridgetest_run"

// start runs the client until stop.
func (k *kit) start() *supervised {
	return k.startClient(k.client, k.sink)
}

func (k *kit) startClient(client bridge.Client, sink bridge.Sink) *supervised {
	ctx, cancel := context.WithCancel(k.tb.Context())
	s := &supervised{cancel: cancel, done: make(chan struct{}), label: k.newLabel()}
	k.mu.Lock()
	k.runs = append(k.runs, s)
	k.mu.Unlock()
	go func() {
		defer close(s.done)
		pprof.Do(ctx, pprof.Labels(labelKey, s.label), func(ctx context.Context) {
			s.final = k.supervise(ctx, s, client, sink)
		})
	}()
	return s
}

func (k *kit) supervise(ctx context.Context, s *supervised, client bridge.Client, sink bridge.Sink) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := k.noted(client.Run(ctx, sink))
		s.mu.Lock()
		s.ended++
		s.mu.Unlock()
		switch {
		case errors.Is(err, bridge.ErrLoggedOut), ctx.Err() != nil:
			return err
		case err == nil:
			k.tb.Errorf("Run returned nil although its context lives")
		}
		if !pauseFor(ctx, pause) {
			return nil
		}
	}
}

// stop ends the client and checks that it goes, in time and altogether.
func (k *kit) stop(s *supervised) {
	k.tb.Helper()
	s.cancel()
	t := time.NewTimer(stopWithin)
	defer t.Stop()
	select {
	case <-s.done:
	case <-t.C:
		k.tb.Errorf("Run did not return within %v of the end of its context", stopWithin)
		return
	}
	// After a fault the connection may have ended just before its context.
	calm := !k.disturbed.Load() && !k.sink.hasFailed()
	if s.final != nil && calm {
		k.tb.Errorf("Run returned %v at the end of its context, want nil", s.final)
	}
	k.wantGone(s.label)
}

// wantGone waits until no goroutine carries the label any more.
func (k *kit) wantGone(label string) {
	k.tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.tb.Context()), stopWithin)
	defer cancel()
	for {
		left := goroutinesOf(label)
		if left == "" {
			return
		}
		if !pauseFor(ctx, 5*time.Millisecond) {
			k.tb.Errorf("goroutines are left running:\n%s", left)
			return
		}
	}
}

// watched notes that faults were asked for.
type watched struct {
	Remote

	disturbed *atomic.Bool
}

func (w watched) FailNext(tb testing.TB, n int, f Fault) {
	tb.Helper()
	w.disturbed.Store(true)
	w.Remote.FailNext(tb, n, f)
}

func (w watched) Cut(tb testing.TB) {
	tb.Helper()
	w.disturbed.Store(true)
	w.Remote.Cut(tb)
}

func (w watched) Revoke(tb testing.TB) {
	tb.Helper()
	w.disturbed.Store(true)
	w.Remote.Revoke(tb)
}

// stopAll stops what still runs.
func (k *kit) stopAll() {
	k.tb.Helper()
	k.mu.Lock()
	runs := k.runs
	k.runs = nil
	k.mu.Unlock()
	for _, s := range runs {
		k.stop(s)
	}
	for _, st := range k.sink.States() {
		_ = k.noted(st.Cause)
	}
}

// restart ends all runs and continues as a restarted process: with a new client
// of a bridge made anew, and with the same sink.
func (k *kit) restart() {
	k.tb.Helper()
	k.stopAll()
	b := k.env.Bridge
	if k.env.Restart != nil {
		b = k.env.Restart(k.tb)
	}
	k.client = k.open(b)
}

// startConnected starts the client and waits until it is connected.
func (k *kit) startConnected() *supervised {
	k.tb.Helper()
	before := k.connects()
	s := k.start()
	k.await("the client reports that it is connected", func() bool { return k.connects() > before })
	return s
}

// connects counts the reports of StateConnected.
func (k *kit) connects() int {
	n := 0
	for _, s := range k.sink.States() {
		if s.State == bridge.StateConnected {
			n++
		}
	}
	return n
}

// labelled runs f under a new goroutine label and returns it.
func (k *kit) labelled(f func(ctx context.Context)) string {
	label := k.newLabel()
	ctx, cancel := k.settle()
	defer cancel()
	pprof.Do(ctx, pprof.Labels(labelKey, label), f)
	return label
}

func (k *kit) newLabel() string { return k.tb.Name() + "#" + strconv.Itoa(k.next()) }

// goroutinesOf lists the goroutines that carry the label, as a text. Connections that
// net/http keeps open for the next call are not counted.
func goroutinesOf(label string) string {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 1); err != nil {
		return err.Error()
	}
	var out []string
	for stack := range strings.SplitSeq(buf.String(), "\n\n") {
		if strings.Contains(stack, strconv.Quote(labelKey)+":"+strconv.Quote(label)) &&
			!strings.Contains(stack, "net/http.(*persistConn).") && !strings.Contains(stack, "net/http.(*http2") {
			out = append(out, stack)
		}
	}
	return strings.Join(out, "\n\n")
}
