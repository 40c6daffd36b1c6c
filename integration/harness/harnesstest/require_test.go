package harnesstest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
)

// verdict records how Require ended a test.
type verdict struct {
	testing.TB

	skipped, failed bool
}

func (*verdict) Helper() {}

func (v *verdict) Skipf(string, ...any) { v.skipped = true; panic(v) }

func (v *verdict) Fatal(...any) { v.failed = true; panic(v) }

func TestRequire(t *testing.T) { // not parallel: it sets the environment
	missing := fmt.Errorf("start: %w", &harness.MissingError{Program: "postgres", Remedy: "install it"})
	for _, test := range []struct {
		name, ci, mustRun string
		err               error
		want              verdict
	}{
		{name: "no error"},
		{name: "missing", err: missing, want: verdict{skipped: true}},
		{name: "missing in CI", ci: "true", err: missing, want: verdict{failed: true}},
		{name: "missing but required", mustRun: "1", err: missing, want: verdict{failed: true}},
		{name: "broken", err: errors.New("no route"), want: verdict{failed: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CI", test.ci)
			t.Setenv("STEG_TEST_MUST_RUN", test.mustRun)
			var got verdict
			func() {
				defer func() {
					if ended := recover(); ended != nil && ended != any(&got) {
						t.Errorf("unexpected panic: %v", ended)
					}
				}()
				Require(&got, test.err)
			}()
			if got != test.want {
				t.Errorf("skipped %v failed %v, want skipped %v failed %v", got.skipped, got.failed, test.want.skipped, test.want.failed)
			}
		})
	}
}
