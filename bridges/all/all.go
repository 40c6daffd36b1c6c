// Package all lists the bridges that this program knows: one line each.
package all

import (
	"github.com/steg-bridge/steg/bridges/mattermost"
	"github.com/steg-bridge/steg/core/bridge"
)

// Definitions returns every kind of bridge, in the order in which people are
// shown them.
func Definitions() []bridge.Definition {
	return []bridge.Definition{
		mattermost.Definition(),
	}
}
