package bridgetest

import (
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
)

// line is a message of one side, for the comparison of both.
type line struct {
	ID     bridge.MessageID
	Sender bridge.UserID
	Thread bridge.MessageID
	Text   string
}

// wantSame waits until the sink shows what the network shows, in the same order,
// then lets one more message through and looks again: nothing may come late or
// twice. Messages of the login are not compared; the sink drops them as echoes.
func (k *kit) wantSame(user bridge.UserID, chat bridge.ChatID) {
	k.tb.Helper()
	for range 2 {
		var diff string
		if !k.holds(func() bool {
			diff = cmp.Diff(k.remoteLines(chat), k.sinkLines(chat))
			return diff == ""
		}) {
			k.tb.Fatalf("the two sides differ after %v (-network +sink):\n%s", k.opts.settle(), diff)
		}
		k.fence(user, chat)
	}
}

func (k *kit) remoteLines(chat bridge.ChatID) []line {
	threads := k.caps().Threads
	var out []line
	for _, m := range k.remote.Messages(k.tb, chat) {
		if m.FromUs {
			continue
		}
		l := line{ID: m.ID, Sender: m.User, Text: strings.TrimRight(m.Text, " \n")}
		if threads {
			l.Thread = m.Root
		}
		out = append(out, l)
	}
	return out
}

func (k *kit) sinkLines(chat bridge.ChatID) []line {
	var out []line
	for _, m := range k.sink.View(chat) {
		out = append(out, line{ID: m.ID, Sender: m.Sender, Thread: m.Thread, Text: plain(m.Content)})
	}
	return out
}
