package bridgetest

import (
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// Opts says what to run the suite against.
type Opts struct {
	// New makes the surroundings of one case. Clean-up belongs into tb.Cleanup.
	// Envs may share one server, but each has a login of its own. deps is what the
	// bridge must be made with: its log is read by the suite.
	New func(tb testing.TB, deps bridge.Deps) Env
	// Skip names cases ("area/case") that are not run, each with the reason. An
	// empty reason and an unknown case fail the run.
	Skip map[string]string
	// Settle is how long the network may take until an act is seen on the other
	// side. Zero means 10 seconds. Waiting ends as soon as the condition holds.
	Settle time.Duration
	// Serial says that the Envs cannot be used at the same time.
	Serial bool
}

// Env is a bridge, one login of it, and the network behind.
type Env struct {
	Bridge bridge.Bridge
	Login  bridge.Login
	Remote Remote
	// Restart makes the bridge anew, as a restarted process would: same settings,
	// nothing kept in memory. When nil, cases that restart open a new client of
	// Bridge instead.
	Restart func(tb testing.TB) bridge.Bridge
	// Secrets must appear in no log line and no error: tokens, passwords.
	Secrets []string
}

const defaultSettle = 10 * time.Second

func (o Opts) settle() time.Duration {
	if o.Settle > 0 {
		return o.Settle
	}
	return defaultSettle
}
