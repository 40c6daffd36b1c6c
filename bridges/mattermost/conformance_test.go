package mattermost_test

import (
	"testing"
	"time"

	"github.com/steg-bridge/steg/bridges/mattermost"
	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// TestConformance runs the suite that every bridge runs on the fake server.
func TestConformance(t *testing.T) {
	t.Parallel()
	bridgetest.Run(t, bridgetest.Opts{
		Settle: 30 * time.Second, // on a busy machine
		New: func(tb testing.TB, deps bridge.Deps) bridgetest.Env {
			tb.Helper()
			remote := mattermosttest.NewRemote(tb)
			return mattermosttest.Env(tb, mattermost.Definition(), deps, remote, remote.Token)
		},
	})
}
