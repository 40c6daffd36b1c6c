package bridgetest

import (
	"github.com/steg-bridge/steg/core/bridge"
)

func capabilityCases() []Case {
	return []Case{
		{Name: "declared_is_implemented", run: capsDeclared},
		{Name: "are_facts", run: capsFacts},
		{Name: "check_finds", unless: needChecks, run: capsCheck},
		{Name: "check_finds_a_dead_login", Needs: []Fault{FaultRevoke}, unless: needChecks, run: capsCheckRevoked},
	}
}

// A bridge declares no power that its client lacks: the second group is the
// core's, and filling it may only add.
func capsDeclared(k *kit) {
	d, f := k.env.Bridge.Capabilities(), k.caps()
	for name, pair := range map[string][2]bool{
		"Edits": {d.Edits, f.Edits}, "Removals": {d.Removals, f.Removals}, "Resolves": {d.Resolves, f.Resolves},
		"Follows": {d.Follows, f.Follows}, "Avatars": {d.Avatars, f.Avatars}, "Checks": {d.Checks, f.Checks},
		"Reacts":   {d.Reacts, f.Reacts},
		"Types":    {d.Types, f.Types},
		"Pins":     {d.Pins, f.Pins},
		"Files":    {d.Files, f.Files},
		"Members":  {d.Members, f.Members},
		"Presence": {d.Presence, f.Presence},
	} {
		if pair[0] && !pair[1] {
			k.tb.Errorf("declares %s, but the client has not the method", name)
		}
	}
	if d.MaxText < 0 {
		k.tb.Errorf("MaxText is %d", d.MaxText)
	}
	if (k.remote.BoldText("x") != "") != (d.Markup != "") {
		k.tb.Errorf("Markup is %q, but the driver writes bold as %q", d.Markup, k.remote.BoldText("x"))
	}
}

// Capabilities do not change: not by running, not between clients.
func capsFacts(k *kit) {
	before := k.caps()
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	if after := k.caps(); after != before {
		k.tb.Errorf("capabilities changed by running: %+v, before %+v", after, before)
	}
	k.restart()
	if after := k.caps(); after != before {
		k.tb.Errorf("capabilities changed by a restart: %+v, before %+v", after, before)
	}
}

func (k *kit) check() []bridge.Finding {
	k.tb.Helper()
	c, ok := k.client.(bridge.Checker)
	if !ok {
		k.tb.Fatalf("the client is no Checker")
	}
	ctx, cancel := k.settle()
	defer cancel()
	all := c.Check(ctx)
	if len(all) == 0 {
		k.tb.Errorf("Check found nothing, not even what is well")
	}
	for _, f := range all {
		if f.What == "" {
			k.tb.Errorf("a finding does not say what was looked at")
		}
		if (f.Fix == "") != (f.Level == bridge.LevelOK) {
			k.tb.Errorf("finding %q at level %q has the remedy %q", f.What, f.Level, f.Fix)
		}
	}
	return all
}

func capsCheck(k *kit) {
	for _, f := range k.check() {
		if f.Level == bridge.LevelFail {
			k.tb.Errorf("a finding at a healthy network: %s; %s", f.What, f.Fix)
		}
	}
}

func capsCheckRevoked(k *kit) {
	k.remote.Revoke(k.tb)
	for _, f := range k.check() {
		if f.Level == bridge.LevelFail {
			return
		}
	}
	k.tb.Errorf("Check finds a dead login healthy")
}
