package bridgetest

import (
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

func relationCases() []Case {
	return []Case{
		{Name: "inbound_edit", run: relInEdit},
		{Name: "inbound_removal", run: relInRemoval},
		{Name: "inbound_removal_of_root", unless: needThreads, run: relInCascade},
		{Name: "outbound_edit", unless: needEdits, run: relOutEdit},
		{Name: "outbound_removal", unless: needRemovals, run: relOutRemoval},
		{Name: "edit_of_nothing", unless: needEdits, run: relEditNothing},
		{Name: "reply_to_nothing", unless: needThreads, run: relReplyNothing},
	}
}

func relInEdit(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.post(kim, chat, k.say("first"))
	k.awaitMessage(chat, msg)
	for range 3 {
		text := k.say("edited")
		k.remote.Edit(k.tb, kim, chat, msg, text)
		var last *bridge.Edit
		k.await("the edit is delivered", func() bool {
			for _, ev := range k.sink.Events(chat) {
				if e, ok := ev.(*bridge.Edit); ok && plain(e.Content) == text {
					last = e
				}
			}
			return last != nil
		})
		if last.Target != msg {
			k.tb.Errorf("Edit of %q, want %q", last.Target, msg)
		}
		if last.Sender != "" && last.Sender != kim {
			k.tb.Errorf("Edit by %q, want %q", last.Sender, kim)
		}
	}
	k.fence(kim, chat)
	edits := 0
	for _, ev := range k.sink.Events(chat) {
		if _, ok := ev.(*bridge.Edit); ok {
			edits++
		}
	}
	if edits != 3 {
		k.tb.Errorf("3 edits became %d", edits)
	}
	k.wantSame(kim, chat)
}

func relInRemoval(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.startConnected()
	gone, edited := k.post(kim, chat, k.say("gone")), k.post(lou, chat, k.say("edited, then gone"))
	k.remote.Edit(k.tb, lou, chat, edited, k.say("edited"))
	k.wantSame(kim, chat)
	k.remote.Delete(k.tb, kim, chat, gone)
	k.remote.Delete(k.tb, lou, chat, edited)
	k.wantSame(kim, chat)
	targets := map[bridge.MessageID]int{}
	for _, ev := range k.sink.Events(chat) {
		if r, ok := ev.(*bridge.Removal); ok {
			targets[r.Target]++
			if r.Cascade {
				k.tb.Errorf("Cascade at a message without replies")
			}
		}
	}
	if len(targets) != 2 || targets[gone] != 1 || targets[edited] != 1 {
		k.tb.Errorf("Removals by target: %v, want one of %q and one of %q", targets, gone, edited)
	}
}

// Where replies go with their root, the sink must learn of it, by Cascade or by
// a Removal each; where they stay, they stay.
func relInCascade(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.startConnected()
	root, other := k.post(kim, chat, k.say("root")), k.post(kim, chat, k.say("other root"))
	for range 3 {
		k.remote.Reply(k.tb, lou, chat, root, k.say("reply"))
		k.remote.Reply(k.tb, lou, chat, other, k.say("other reply"))
	}
	k.wantSame(kim, chat)
	k.remote.Delete(k.tb, kim, chat, root)
	k.wantSame(kim, chat)
}

func relOutEdit(k *kit) {
	chat := k.chat()
	r := k.send(k.out(chat, k.say("first")))
	e := &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("second")), Target: r.ID}
	for range 2 { // the second time is a repeat and changes nothing
		if err := k.edit(e); err != nil {
			k.tb.Fatalf("Edit: %v", err)
		}
		got := k.only(chat)
		if !strings.HasSuffix(got.Text, e.Content.Body) {
			k.tb.Errorf("the network shows %q after the edit, want %q", got.Text, e.Content.Body)
		}
		if k.caps().IDStable && got.ID != r.ID {
			k.tb.Errorf("IDStable, but the edit changed the ID from %q to %q", r.ID, got.ID)
		}
		if !got.FromUs {
			k.tb.Errorf("the edited message is not ours any more")
		}
		if !strings.Contains(got.Author, e.Author.Name) && !strings.Contains(got.Text, e.Author.Name) {
			k.tb.Errorf("the edit lost the author's name: %q over %q", got.Author, got.Text)
		}
	}
	// A repeat of the send must not bring the first text back.
	again := k.out(chat, k.say("third"))
	e3 := &bridge.OutgoingEdit{Outgoing: *again, Target: r.ID}
	if err := k.edit(e3); err != nil {
		k.tb.Fatalf("Edit: %v", err)
	}
	if got := k.only(chat).Text; !strings.HasSuffix(got, again.Content.Body) {
		k.tb.Errorf("the network shows %q after a second edit, want %q", got, again.Content.Body)
	}
}

func relOutRemoval(k *kit) {
	chat := k.chat()
	keep, gone := k.send(k.out(chat, k.say("stays"))), k.send(k.out(chat, k.say("goes")))
	rm := &bridge.OutgoingRemoval{Key: k.out(chat, "").Key, Chat: chat, Target: gone.ID}
	for range 2 { // what is gone already is gone
		if err := k.remove(rm); err != nil {
			k.tb.Fatalf("Remove: %v", err)
		}
		if got := k.only(chat); got.ID != keep.ID {
			k.tb.Errorf("the network shows %q, want only %q", got.ID, keep.ID)
		}
	}
}

// unknown is the ID of a message that was there and is not any more, so that it
// has the network's form.
func (k *kit) unknown(chat bridge.ChatID) bridge.MessageID {
	k.tb.Helper()
	kim := k.user("Kim")
	id := k.post(kim, chat, k.say("gone"))
	k.remote.Delete(k.tb, kim, chat, id)
	return id
}

func relEditNothing(k *kit) {
	chat := k.chat()
	target := k.unknown(chat)
	if k.caps().Removals {
		r := k.send(k.out(chat, k.say("ours")))
		if err := k.remove(&bridge.OutgoingRemoval{Key: k.out(chat, "").Key, Chat: chat, Target: r.ID}); err != nil {
			k.tb.Fatalf("Remove: %v", err)
		}
		target = r.ID
	}
	err := k.edit(&bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("edited")), Target: target})
	k.wantIs("an edit of what is gone", err, bridge.ErrNotFound)
}

// The root of a thread is gone: a permanent error, or the message without it.
// The core sends without relation after the former.
func relReplyNothing(k *kit) {
	chat := k.chat()
	m := k.out(chat, k.say("reply"))
	m.Thread = k.unknown(chat)
	if _, err := k.trySend(m); err != nil {
		k.wantIs("a reply to what is gone", err, bridge.ErrNotFound)
	} else if got := k.only(chat); got.Root != "" {
		k.tb.Errorf("the reply has the root %q, which is gone", got.Root)
	}
}
