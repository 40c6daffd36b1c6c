package main

import (
	"testing"

	"github.com/steg-bridge/steg/core"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/engine"
)

// Direct chats that no network can carry are told of; nothing is said where they can
// be, or nobody wants them.
func TestCheckDirects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ wanted, puppets, told bool }{
		{wanted: true, told: true}, {wanted: true, puppets: true}, {puppets: true}, {},
	} {
		b := bridgefake.New(bridgefake.NewNetwork(bridgefake.Options{Puppets: c.puppets}))
		client, err := b.Open(bridge.Login{ID: "main"})
		if err != nil {
			t.Fatal(err)
		}
		k := &checker{show: func(finding) {}}
		checkDirects(k, core.Options{
			Schools: []engine.School{{ID: "gym"}, {ID: "other", Direct: c.wanted}},
			Bridges: []engine.BridgeSpec{{ID: "fk", Bridge: b}},
		}, map[bridge.ID]bridge.Client{"fk": client})
		if told := len(k.found) == 1 && k.found[0].Level == bridge.LevelWarn && k.found[0].Fix != ""; told != c.told {
			t.Errorf("%+v: found %+v", c, k.found)
		}
	}
}
