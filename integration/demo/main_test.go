package main

import (
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

// TestDemonstration keeps the demonstration working.
func TestDemonstration(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("KEEP", "")
	t.Setenv("HOMESERVER", "")
	if !harnesstest.MustRun() {
		for _, server := range []harness.Server{harness.MattermostServer, harness.DendriteServer} {
			_, err := harness.Installed(t.Context(), server)
			harnesstest.Require(t, err)
		}
	}
	harnesstest.Require(t, demonstrate(t.Context()))
}
