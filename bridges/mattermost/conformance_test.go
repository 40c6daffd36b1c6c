package mattermost_test

import (
	"testing"
	"time"

	"github.com/goccy/go-yaml"

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
			open := func(tb testing.TB) bridge.Bridge {
				tb.Helper()
				b, err := mattermost.Definition().New(func(into any) error {
					return yaml.UnmarshalWithOptions([]byte(remote.Config()), into, yaml.Strict())
				}, deps)
				if err != nil {
					tb.Fatalf("New: %v", err)
				}
				return b
			}
			return bridgetest.Env{
				Bridge: open(tb), Login: bridge.Login{ID: "steg"}, Remote: remote,
				Restart: open, Secrets: []string{remote.Token},
			}
		},
	})
}
