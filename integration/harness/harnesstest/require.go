// Package harnesstest lends the servers of package harness to tests: it skips
// or fails when a program is missing, starts each shared server at most once in
// a test process, stops everything in the end, and keeps the logs of a failed
// test.
package harnesstest

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
)

// MustRun reports whether a missing program is a failure rather than a reason
// to skip: in CI (CI=true) and with STEG_TEST_MUST_RUN=1. Missing servers are
// then installed on the spot, which takes minutes once.
func MustRun() bool {
	return os.Getenv("CI") == "true" || os.Getenv("STEG_TEST_MUST_RUN") == "1"
}

// Require ends the test on an error: with a skip that says what to install when
// a program is missing and may be, with a failure otherwise.
func Require(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		return
	}
	if missing, ok := errors.AsType[*harness.MissingError](err); ok && !MustRun() {
		tb.Skipf("SKIPPED, NOT TESTED: %v (STEG_TEST_MUST_RUN=1 makes this a failure)", missing)
	}
	tb.Fatal(err)
}

// start calls begin, and once more after installing the server it misses where
// nothing may be skipped.
func start[T any](ctx context.Context, begin func(context.Context) (T, error)) (T, error) {
	made, err := begin(ctx)
	missing, ok := errors.AsType[*harness.MissingError](err)
	if !ok || !MustRun() {
		return made, err
	}
	server := harness.Server(missing.Program)
	if !slices.Contains(harness.Servers(), server) {
		return made, err
	}
	if _, err := harness.Install(ctx, server, nil); err != nil {
		return made, err
	}
	return begin(ctx)
}
