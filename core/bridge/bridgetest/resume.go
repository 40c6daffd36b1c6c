package bridgetest

import (
	"sync/atomic"

	"github.com/steg-bridge/steg/core/bridge"
)

func resumeCases() []Case {
	return []Case{
		{Name: "cut_at_every_step", Needs: []Fault{FaultCut}, run: resumeCut},
		{Name: "restart_at_every_step", run: resumeRestart},
		{Name: "store_fails_at_every_deliver", run: resumeStoreFails},
		{Name: "crash_after_every_commit", run: resumeCrash},
		{Name: "cut_while_deliver_blocks", Needs: []Fault{FaultCut}, run: resumeCutBlocked},
		{Name: "changes_while_away", run: resumeAway},
		{Name: "many_missed", run: resumeMany},
		{Name: "many_missed_store_fails", run: resumeManyStoreFails},
		{Name: "cursor_is_honoured", run: resumeCursor},
		{Name: "server_errors_while_catching_up", Needs: []Fault{FaultServer}, run: resumeServerErrors},
	}
}

// missed is more than one page of any network.
const missed = 1100

// script is what people and we do in one chat, step by step. Later steps use
// what earlier ones made.
func (k *kit) script(kim, lou bridge.UserID, chat bridge.ChatID) []func() {
	var a, b, c bridge.MessageID
	var ours bridge.Receipt
	caps := k.caps()
	reply := func(root bridge.MessageID) {
		if caps.Threads {
			k.remote.Reply(k.tb, lou, chat, root, k.say("reply"))
		} else {
			k.post(lou, chat, k.say("reply"))
		}
	}
	own := func() {
		m := k.out(chat, k.say("ours"))
		var err error
		if ours, err = k.lane(m); err != nil {
			k.tb.Fatalf("Send: %v", err)
		}
	}
	return []func(){
		func() { a = k.post(kim, chat, k.say("a")) },
		func() { b = k.post(lou, chat, k.say("b")) },
		func() { k.remote.Edit(k.tb, kim, chat, a, k.say("a, edited")) },
		func() { reply(a) },
		func() { reply(b) },
		own,
		func() { c = k.post(kim, chat, k.say("c")) },
		func() { k.remote.Delete(k.tb, lou, chat, b) },
		func() {
			if caps.Edits {
				e := &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("ours, edited")), Target: ours.ID}
				if err := k.edit(e); err != nil {
					k.tb.Fatalf("Edit: %v", err)
				}
			}
		},
		func() { k.remote.Edit(k.tb, kim, chat, c, k.say("c, edited")) },
		func() { k.remote.Edit(k.tb, kim, chat, a, k.say("a, edited again")) },
		func() { k.remote.Delete(k.tb, kim, chat, c) },
		func() { k.post(kim, chat, k.say("d")) },
	}
}

// play runs the script in a new chat. It calls disturb after step at, and repair
// one step later.
func (k *kit) play(kim, lou bridge.UserID, at int, disturb, repair func()) {
	k.tb.Helper()
	chat := k.chat()
	steps := k.script(kim, lou, chat)
	for i, step := range steps {
		step()
		if i == at {
			disturb()
		}
		if i == min(at+1, len(steps)-1) {
			repair()
		}
	}
	k.wantSame(kim, chat)
}

func (k *kit) steps() int { return len(k.script("", "", "")) }

func resumeCut(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	k.startConnected()
	for at := range k.steps() {
		k.play(kim, lou, at, func() { k.remote.Cut(k.tb) }, func() {})
	}
}

// The gateway is stopped after a step, misses the next, and starts as another
// process.
func resumeRestart(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	k.start()
	for at := range k.steps() {
		k.play(kim, lou, at, k.restart, func() { k.start() })
	}
}

func resumeStoreFails(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	k.startConnected()
	for at := range k.steps() {
		k.sink.Decide(func(n int) Fate {
			if n == at+1 {
				return Fail
			}
			return Commit
		})
		k.play(kim, lou, 0, func() {}, func() {})
	}
}

// The process dies between a commit and what the bridge does next.
func resumeCrash(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	for at := range k.steps() {
		var crashed atomic.Bool
		k.sink.Decide(func(n int) Fate {
			if n == at+1 {
				crashed.Store(true)
				return Crash
			}
			return Commit
		})
		chat := k.chat()
		k.start()
		for _, step := range k.script(kim, lou, chat) {
			step()
			if crashed.Swap(false) {
				k.restart()
				k.start()
			}
		}
		k.wantSame(kim, chat)
		k.restart()
	}
}

// The connection breaks while the core cannot store: what was read from it and
// not stored comes again.
func resumeCutBlocked(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	release := k.sink.Hold()
	defer release()
	for range 20 {
		k.post(kim, chat, k.say("waits"))
	}
	k.remote.Cut(k.tb)
	for range 20 {
		k.post(kim, chat, k.say("waits, too"))
	}
	release()
	k.wantSame(kim, chat)
}

// Everything that happens while nobody runs arrives, also to messages that had
// been delivered before.
func resumeAway(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	quiet := k.chat()
	k.start()
	keep := k.post(kim, chat, k.say("stays"))
	edited := k.post(kim, chat, k.say("edited"))
	twice := k.post(kim, chat, k.say("edited twice"))
	gone := k.post(lou, chat, k.say("removed"))
	goneQuiet := k.post(lou, quiet, k.say("removed, and nothing else happens here"))
	k.wantSame(kim, chat)
	k.awaitMessage(quiet, goneQuiet)
	k.restart()

	k.remote.Edit(k.tb, kim, chat, edited, k.say("new text"))
	k.remote.Edit(k.tb, kim, chat, twice, k.say("newer text"))
	k.remote.Edit(k.tb, kim, chat, twice, k.say("newest text"))
	k.remote.Delete(k.tb, lou, chat, gone)
	k.remote.Delete(k.tb, lou, quiet, goneQuiet)
	fresh := k.post(lou, chat, k.say("written and edited"))
	k.remote.Edit(k.tb, lou, chat, fresh, k.say("edited before anybody saw it"))
	brief := k.post(lou, chat, k.say("written and removed"))
	k.remote.Delete(k.tb, lou, chat, brief)
	if k.caps().Threads {
		k.remote.Reply(k.tb, lou, chat, keep, k.say("reply"))
	}
	k.start()
	k.wantSame(kim, chat)
	k.await("the removal in the quiet chat arrives", func() bool { return len(k.sink.View(quiet)) == 0 })
}

func resumeMany(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	for range missed {
		k.post(kim, chat, k.say("missed"))
	}
	k.start()
	k.wantSame(kim, chat)
}

// The store fails again and again while the gap is being filled.
func resumeManyStoreFails(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	for range missed {
		k.post(kim, chat, k.say("missed"))
	}
	k.sink.Decide(func(n int) Fate { return []Fate{Commit, Fail, Commit, Crash}[min(n, 12)%4] })
	k.start()
	k.wantSame(kim, chat)
}

// A restart reads from the cursor with some overlap, not the whole history.
func resumeCursor(k *kit) {
	const history, overlap = 300, 100
	kim, chat := k.user("Kim"), k.chat()
	k.start()
	for range history {
		k.post(kim, chat, k.say("history"))
	}
	k.wantSame(kim, chat)
	before := k.sink.Repeats()
	k.restart()
	k.start()
	k.wantSame(kim, chat)
	if again := k.sink.Repeats() - before; again > overlap {
		k.tb.Errorf("a restart delivered %d events again, want at most %d of %d", again, overlap, history)
	}
}

// The server fails in the middle of a catch-up: the cursor stays behind the gap.
func resumeServerErrors(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	chats := []bridge.ChatID{k.chat(), k.chat(), k.chat()}
	for _, chat := range chats {
		for range 5 {
			k.post(kim, chat, k.say("missed"))
		}
	}
	for fails := 1; fails <= 5; fails++ {
		k.remote.FailNext(k.tb, fails, FaultServer)
		run := k.start()
		for _, chat := range chats {
			k.post(lou, chat, k.say("live"))
			k.wantSame(kim, chat)
		}
		k.stop(run)
	}
	k.remote.FailNext(k.tb, 0, FaultServer)
}
