package bridgetest

import (
	"github.com/steg-bridge/steg/core/bridge"
)

func echoCases() []Case {
	return []Case{
		{Name: "message_has_its_key", run: echoMessage},
		{Name: "overtakes_the_answer", Needs: []Fault{FaultEchoFirst}, run: echoFirst},
		{Name: "answer_lost", Needs: []Fault{FaultAnswerLost}, run: echoAnswerLost},
		{Name: "edit_has_its_key", unless: needEdits, run: echoEdit},
		{Name: "removal_is_no_news", unless: needRemovals, run: echoRemoval},
		{Name: "in_catch_up", run: echoCatchUp},
		{Name: "of_the_process_before", run: echoRestart},
	}
}

// wantEcho waits until the own message came back with its key, and nothing else
// did: each event that is no echo must be somebody else's.
func (k *kit) wantEcho(chat bridge.ChatID, key bridge.Key) {
	k.tb.Helper()
	k.await("our own event comes back with its Echo key", func() bool {
		for _, ev := range k.sink.Echoes(chat) {
			if ev.Head().Echo == key {
				return true
			}
		}
		return false
	})
}

func echoMessage(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	m := k.out(chat, k.say("ours"))
	r := k.send(m)
	k.wantEcho(chat, m.Key)
	for _, ev := range k.sink.Echoes(chat) {
		if e, ok := ev.(*bridge.Message); ok && e.ID != r.ID {
			k.tb.Errorf("the echo is of %q, the receipt says %q", e.ID, r.ID)
		}
	}
	k.wantOnlyFences(kim, chat)
}

// wantOnlyFences posts a fence and fails when the sink stored more of the chat
// than fences: an echo was taken for news.
func (k *kit) wantOnlyFences(user bridge.UserID, chat bridge.ChatID) {
	k.tb.Helper()
	k.wantSame(user, chat)
	shown := len(k.remoteLines(chat))
	if got := len(k.news(chat)); got != shown {
		k.tb.Errorf("%d events were stored, want %d: an echo was delivered as news", got, shown)
	}
}

func echoFirst(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.remote.EchoFirst(k.tb, true)
	for range 10 {
		m := k.out(chat, k.say("ours"))
		k.send(m)
		k.wantEcho(chat, m.Key)
	}
	k.wantOnlyFences(kim, chat)
}

// The answer to Send never comes, only the echo.
func echoAnswerLost(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.remote.FailNext(k.tb, 1, FaultAnswerLost)
	m := k.out(chat, k.say("ours"))
	_, err := k.trySend(m)
	k.wantTemporary("an answer that is lost", err)
	k.wantEcho(chat, m.Key)
	k.wantOnlyFences(kim, chat)
}

func echoEdit(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	r := k.send(k.out(chat, k.say("ours")))
	for range 3 {
		e := &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("edited")), Target: r.ID}
		if err := k.edit(e); err != nil {
			k.tb.Fatalf("Edit: %v", err)
		}
		k.wantEcho(chat, e.Key)
	}
	k.wantOnlyFences(kim, chat)
}

// A network need not tell who removed a message; a removal that comes back must
// be of that message and nothing else.
func echoRemoval(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	r := k.send(k.out(chat, k.say("ours")))
	if err := k.remove(&bridge.OutgoingRemoval{Key: k.out(chat, "").Key, Chat: chat, Target: r.ID}); err != nil {
		k.tb.Fatalf("Remove: %v", err)
	}
	k.wantSame(kim, chat)
	for _, ev := range k.sink.Events(chat) {
		if rm, ok := ev.(*bridge.Removal); ok && rm.Target != r.ID {
			k.tb.Errorf("Removal of %q, want %q", rm.Target, r.ID)
		}
		if _, ok := ev.(*bridge.Edit); ok {
			k.tb.Errorf("our removal came back as an edit")
		}
	}
}

func echoCatchUp(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	for range 3 {
		k.send(k.out(chat, k.say("ours, while not running")))
		k.post(kim, chat, k.say("theirs"))
	}
	k.startConnected()
	k.wantOnlyFences(kim, chat)
}

// The echo reaches a process that does not remember the send.
func echoRestart(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	var keys []bridge.Key
	for range 3 {
		m := k.out(chat, k.say("ours"))
		k.send(m)
		keys = append(keys, m.Key)
	}
	k.restart()
	k.startConnected()
	k.fence(kim, chat)
	for _, key := range keys {
		k.wantEcho(chat, key)
	}
	k.wantOnlyFences(kim, chat)
}
