package bridgetest

import "testing"

// CheckSkip is what Run does with Opts.Skip first.
func (o Opts) CheckSkip(tb testing.TB) {
	tb.Helper()
	o.checkSkip(tb)
}
