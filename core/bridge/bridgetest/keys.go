package bridgetest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
)

// That keys are well formed and unique is looked at in every case, by the Sink.
func keyCases() []Case {
	return []Case{
		{Name: "same_live_and_in_catch_up", run: keysStable},
		{Name: "same_in_every_catch_up", run: keysCatchUps},
	}
}

// keysOf lists the key of each event by what happened.
func keysOf(s *Sink, chat bridge.ChatID) map[string]bridge.Key {
	out := map[string]bridge.Key{}
	for _, ev := range append(s.Events(chat), s.Echoes(chat)...) {
		what := identity(ev)
		if e, ok := ev.(*bridge.Edit); ok {
			what += " to " + plain(e.Content)
		}
		out[what] = ev.Head().Key
	}
	return out
}

// doThings makes events of each kind and returns the message after them.
func (k *kit) doThings(kim bridge.UserID, chat bridge.ChatID) {
	k.tb.Helper()
	edited, gone := k.post(kim, chat, k.say("a")), k.post(kim, chat, k.say("b"))
	k.fence(kim, chat)
	k.send(k.out(chat, k.say("ours")))
	k.remote.Edit(k.tb, kim, chat, edited, k.say("a, edited"))
	k.remote.Delete(k.tb, kim, chat, gone)
	k.wantSame(kim, chat)
}

func keysStable(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	from := k.sink.Cursor(chat)
	k.startConnected()
	k.doThings(kim, chat)
	k.restart()
	live := k.sink
	// The same again from the same cursor: a core whose database was restored.
	k.compareCatchUp(kim, chat, from, live)
}

// compareCatchUp reads the chat from the cursor into a new sink. What both sinks
// have must have the same keys there.
func (k *kit) compareCatchUp(kim bridge.UserID, chat bridge.ChatID, from bridge.Cursor, before *Sink) {
	k.tb.Helper()
	k.sink = NewSink()
	k.sink.Link(chat, from)
	run := k.start()
	k.wantSame(kim, chat)
	k.stop(run)
	old, now := keysOf(before, chat), keysOf(k.sink, chat)
	common := map[string]bridge.Key{}
	same := map[string]bridge.Key{}
	for what, key := range now {
		if was, ok := old[what]; ok {
			common[what], same[what] = key, was
		}
	}
	if len(common) < 4 {
		k.tb.Errorf("only %d events of the first reading came again", len(common))
	}
	if diff := cmp.Diff(same, common); diff != "" {
		k.tb.Errorf("keys changed (-before +now):\n%s", diff)
	}
	for _, b := range before.Breaches() {
		k.tb.Errorf("breach of the contract: %s", b)
	}
}

func keysCatchUps(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	from := k.sink.Cursor(chat)
	run := k.start()
	k.doThings(kim, chat)
	k.stop(run)
	first := NewSink()
	first.Link(chat, from)
	k.sink = first
	run = k.start()
	k.wantSame(kim, chat)
	k.stop(run)
	k.restart()
	k.compareCatchUp(kim, chat, from, first)
}
