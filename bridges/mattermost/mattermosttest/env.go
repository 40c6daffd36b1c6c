package mattermosttest

import (
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// Configured is a remote that knows what the bridge's configuration must say.
type Configured interface {
	bridgetest.Remote
	Config() string
}

// Env makes what the conformance suite needs of the bridge before a remote. secret
// is what must not show in logs.
func Env(tb testing.TB, def bridge.Definition, deps bridge.Deps, remote Configured, secret string) bridgetest.Env {
	tb.Helper()
	open := func(tb testing.TB) bridge.Bridge {
		tb.Helper()
		b, err := def.New(func(into any) error {
			return yaml.UnmarshalWithOptions([]byte(remote.Config()), into, yaml.Strict())
		}, deps)
		if err != nil {
			tb.Fatalf("open the bridge: %v", err)
		}
		return b
	}
	return bridgetest.Env{
		Bridge: open(tb), Login: bridge.Login{ID: "steg"}, Remote: remote, Restart: open, Secrets: []string{secret},
	}
}
