package bridge_test

import (
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// The core sets fields through Head, so Head must be the event's own part.
func TestHeadIsTheEventsOwn(t *testing.T) {
	t.Parallel()
	for _, ev := range []bridge.Event{
		&bridge.Message{}, &bridge.Edit{}, &bridge.Removal{}, &bridge.Reactions{}, &bridge.ChatChange{}, &bridge.ChatGone{}, &bridge.UserChange{},
	} {
		ev.Head().Key = "k"
		if ev.Head().Key != "k" {
			t.Errorf("%T: Head returns a copy", ev)
		}
	}
}
