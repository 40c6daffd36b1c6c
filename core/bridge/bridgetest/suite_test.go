package bridgetest_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

func TestSkipNeedsReason(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		skip map[string]string
		says string
	}{
		"none":         {nil, ""},
		"with reason":  {map[string]string{"order/inbound": "one message a minute"}, ""},
		"empty reason": {map[string]string{"order/inbound": " "}, `no reason for "order/inbound"`},
		"unknown case": {map[string]string{"order/nothing": "why not"}, `"order/nothing", which is no case`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t, ctx: t.Context()}
			bridgetest.Opts{Skip: tt.skip}.CheckSkip(r)
			if r.Failed() != (tt.says != "") || !strings.Contains(r.said(), tt.says) {
				t.Errorf("failed %v, said %q", r.Failed(), r.said())
			}
		})
	}
}

// incapable is a driver that can do no faults.
type incapable struct{ bridgetest.Remote }

func (incapable) Can(bridgetest.Fault) bool { return false }

func TestFaultsThatCannotBeDoneAreSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range bridgetest.Cases() {
		if len(c.Needs) == 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			r := record(t, c, bridgetest.Opts{New: func(testing.TB, bridge.Deps) bridgetest.Env {
				n := bridgefake.NewNetwork(bridgefake.Options{})
				return bridgetest.Env{
					Bridge: bridgefake.New(n), Login: bridge.Login{ID: "relay"},
					Remote: incapable{bridgefake.NewRemote(n, "relay")},
				}
			}})
			if !r.Skipped() || r.Failed() || !strings.Contains(r.said(), string(c.Needs[0])) {
				t.Errorf("skipped %v, failed %v, said %q", r.Skipped(), r.Failed(), r.said())
			}
		})
	}
}

func TestCaseNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range bridgetest.Cases() {
		if !regexp.MustCompile(`^[a-z]+/[a-z_]+$`).MatchString(c.Name) || seen[c.Name] {
			t.Errorf("name %q is odd or taken", c.Name)
		}
		seen[c.Name] = true
	}
}
