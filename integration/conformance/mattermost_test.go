package conformance_test

import (
	"os"
	"testing"
	"time"

	"github.com/steg-bridge/steg/bridges/mattermost"
	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

func TestMattermost(t *testing.T) {
	if os.Getenv("STEG_LONG") == "" {
		t.Skip("takes minutes: STEG_LONG=1 runs the conformance suite on the real Mattermost")
	}
	pg := harnesstest.Postgres(t, harness.PostgresOptions{})
	mm := harnesstest.Mattermost(t, harness.MattermostOptions{Postgres: pg})
	bridgetest.Run(t, bridgetest.Opts{
		// One server for all cases: they follow each other.
		Settle: time.Minute, Serial: true,
		Skip: map[string]string{
			"files/inbound_gone": "in every second run the server lends the file of a deleted post for more than a minute; the fake shows what is done when it does not",
		},
		New: func(tb testing.TB, deps bridge.Deps) bridgetest.Env {
			tb.Helper()
			remote := mattermosttest.NewRealRemote(tb, mm.URL, mm.Admin.Token)
			return mattermosttest.Env(tb, mattermost.Definition(), deps, remote, remote.Token)
		},
	})
}
