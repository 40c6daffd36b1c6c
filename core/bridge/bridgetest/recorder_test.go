package bridgetest_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// recorder is a testing.TB that notes failures instead of failing the test.
type recorder struct {
	testing.TB

	ctx context.Context

	mu       sync.Mutex
	failed   bool
	skipped  bool
	lines    []string
	cleanups []func()
}

// record runs one case and returns what it said.
func record(t *testing.T, c bridgetest.Case, o bridgetest.Opts) *recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{TB: t, ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.cleanUp()
		defer cancel()
		c.Run(r, o)
	}()
	<-done
	return r
}

func (r *recorder) cleanUp() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

func (r *recorder) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

func (r *recorder) note(failed bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	r.lines = append(r.lines, text)
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Log(args ...any)          { r.note(false, fmt.Sprint(args...)) }
func (r *recorder) Logf(f string, a ...any)  { r.note(false, fmt.Sprintf(f, a...)) }
func (r *recorder) Error(args ...any)        { r.note(true, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, a ...any) {
	r.note(true, fmt.Sprintf(f, a...))
}
func (r *recorder) Fail() { r.note(true, "") }
func (r *recorder) FailNow() {
	r.note(true, "")
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.note(true, fmt.Sprint(args...))
	runtime.Goexit()
}

func (r *recorder) Fatalf(f string, a ...any) {
	r.note(true, fmt.Sprintf(f, a...))
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any) { r.skip(fmt.Sprint(args...)) }
func (r *recorder) SkipNow()         { r.skip("") }
func (r *recorder) Skipf(f string, a ...any) {
	r.skip(fmt.Sprintf(f, a...))
}

func (r *recorder) skip(text string) {
	r.note(false, text)
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}
