package bridgetest

import (
	"strings"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// Case is one thing that a bridge must show.
type Case struct {
	Name  string  // "area/case"
	Needs []Fault // skipped when the driver cannot do one of them
	// unless tells why the case does not apply to a bridge with these
	// capabilities; "" runs it.
	unless func(bridge.Capabilities) string
	run    func(k *kit)
}

// Cases lists the suite, area by area.
func Cases() []Case {
	var all []Case
	for _, area := range []struct {
		name  string
		cases []Case
	}{
		{"lifecycle", lifecycleCases()},
		{"inbound", inboundCases()},
		{"outbound", outboundCases()},
		{"mentions", mentionCases()},
		{"idempotence", idempotenceCases()},
		{"echo", echoCases()},
		{"order", orderCases()},
		{"resume", resumeCases()},
		{"relations", relationCases()},
		{"reactions", reactionCases()},
		{"capabilities", capabilityCases()},
		{"errors", errorCases()},
		{"metadata", metadataCases()},
		{"members", memberCases()},
		{"spaces", spaceCases()},
		{"typing", typingCases()},
		{"pins", pinCases()},
		{"confide", confideCases()},
		{"keys", keyCases()},
		{"files", fileCases()},
		{"puppets", puppetCases()},
		{"directs", directCases()},
		{"presence", presenceCases()},
		{"secrets", secretCases()},
	} {
		for _, c := range area.cases {
			c.Name = area.name + "/" + c.Name
			all = append(all, c)
		}
	}
	return all
}

// Run runs the suite, each case as a subtest "area/case".
func Run(t *testing.T, o Opts) {
	t.Helper()
	o.checkSkip(t)
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if !o.Serial {
				t.Parallel()
			}
			if reason := o.Skip[c.Name]; reason != "" {
				t.Skipf("SKIPPED by the bridge: %s", reason)
			}
			c.Run(t, o)
		})
	}
}

// checkSkip fails tb when Skip holds something that says nothing.
func (o Opts) checkSkip(tb testing.TB) {
	tb.Helper()
	known := map[string]bool{}
	for _, c := range Cases() {
		known[c.Name] = true
	}
	for name, reason := range o.Skip {
		if !known[name] {
			tb.Errorf("Opts.Skip names %q, which is no case", name)
		}
		if strings.TrimSpace(reason) == "" {
			tb.Errorf("Opts.Skip gives no reason for %q", name)
		}
	}
}

// Run runs one case, without regard to o.Skip.
func (c Case) Run(tb testing.TB, o Opts) {
	tb.Helper()
	k := newKit(tb, o)
	for _, f := range c.Needs {
		if !k.remote.Can(f) {
			tb.Skipf("SKIPPED: the driver of this network cannot do the fault %q", f)
		}
	}
	if c.unless != nil {
		if reason := c.unless(k.caps()); reason != "" {
			tb.Skipf("SKIPPED: does not apply: %s", reason)
		}
	}
	c.run(k)
	k.finish()
}

// Conditions for Case.unless.

func needEdits(c bridge.Capabilities) string    { return unless(c.Edits, "no edits") }
func needRemovals(c bridge.Capabilities) string { return unless(c.Removals, "no removals") }
func needThreads(c bridge.Capabilities) string  { return unless(c.Threads, "no threads") }
func needResolves(c bridge.Capabilities) string { return unless(c.Resolves, "no resolver") }
func needFollows(c bridge.Capabilities) string  { return unless(c.Follows, "no follower") }
func needAvatars(c bridge.Capabilities) string  { return unless(c.Avatars, "no avatars") }
func needChecks(c bridge.Capabilities) string   { return unless(c.Checks, "no checker") }
func needReacts(c bridge.Capabilities) string   { return unless(c.Reacts, "no reactions") }
func needLimit(c bridge.Capabilities) string    { return unless(c.MaxText > 0, "no limit of text") }

func unless(has bool, reason string) string {
	if has {
		return ""
	}
	return reason
}

// Limits of time that are part of the contract, not of a network's speed.
const (
	stopWithin = 2 * time.Second // Run returns after the end of its context
	openWithin = time.Second     // Open and Capabilities return, whatever the network does
)
