package bridgefake_test

import (
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	bridgetest.Run(t, bridgetest.Opts{New: newEnv})
}

func newEnv(testing.TB, bridge.Deps) bridgetest.Env {
	n := bridgefake.NewNetwork(bridgefake.Options{Puppets: true})
	return bridgetest.Env{
		Bridge: bridgefake.New(n),
		Login:  bridge.Login{ID: "relay"},
		Remote: bridgefake.NewRemote(n, "relay"),
	}
}
