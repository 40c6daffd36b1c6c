package bridgetest

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/steg-bridge/steg/core/bridge"
)

func idempotenceCases() []Case {
	return []Case{
		{Name: "same_key_twice", run: idemTwice},
		{Name: "same_key_after_restart", run: idemRestart},
		{Name: "same_text_other_key", run: idemSameText},
		{Name: "uncertain_and_not_there", run: idemNotThere},
		{Name: "answer_lost", Needs: []Fault{FaultAnswerLost}, run: idemLost},
		{Name: "answer_lost_then_restart", Needs: []Fault{FaultAnswerLost}, run: idemLostRestart},
		{Name: "answers_lost_in_many_lanes", Needs: []Fault{FaultAnswerLost}, run: idemLanes},
		{Name: "edit_answer_lost", Needs: []Fault{FaultAnswerLost}, unless: needEdits, run: idemEdit},
	}
}

// wantOnce sends m again, which must answer the receipt it had, and looks that
// the network shows it once.
func (k *kit) wantOnce(m *bridge.Outgoing, had bridge.Receipt) {
	k.tb.Helper()
	again := k.send(m)
	if again.ID != had.ID {
		k.tb.Errorf("a repeat answers the message %q, the first send %q", again.ID, had.ID)
	}
	if got := k.only(m.Chat); got.ID != had.ID {
		k.tb.Errorf("the network shows %q, the receipt says %q", got.ID, had.ID)
	}
}

func idemTwice(k *kit) {
	m := k.out(k.chat(), k.say("once"))
	r := k.send(m)
	k.wantOnce(m, r)
	m.Uncertain = true
	k.wantOnce(m, r)
}

func idemRestart(k *kit) {
	m := k.out(k.chat(), k.say("once"))
	r := k.send(m)
	k.restart()
	m.Uncertain = true // as after a crash between Send and the store
	k.wantOnce(m, r)
}

func idemSameText(k *kit) {
	chat := k.chat()
	text := k.say("twins")
	a, b := k.send(k.out(chat, text)), k.send(k.out(chat, text))
	if got := len(k.texts(chat)); got != 2 || a.ID == b.ID {
		k.tb.Errorf("two keys with one text became %d messages, want 2", got)
	}
}

func idemNotThere(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.post(kim, chat, k.say("before"))
	k.send(k.out(chat, k.say("another of ours")))
	m := k.out(chat, k.say("not there yet"))
	m.Uncertain = true
	r := k.send(m)
	if got := k.remote.Messages(k.tb, chat); len(got) != 3 || got[2].ID != r.ID {
		k.tb.Errorf("the network shows %d messages, want 3, ours the last", len(got))
	}
}

func idemLost(k *kit) {
	chat := k.chat()
	m := k.out(chat, k.say("once"))
	k.remote.FailNext(k.tb, 1, FaultAnswerLost)
	_, err := k.trySend(m)
	k.wantTemporary("an answer that is lost", err)
	m.Uncertain = true
	r := k.send(m)
	k.wantOnce(m, r)
}

// A process that died after the send knows neither the answer nor the error.
func idemLostRestart(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	m := k.out(chat, k.say("once"))
	k.remote.FailNext(k.tb, 1, FaultAnswerLost)
	_, err := k.trySend(m)
	k.wantTemporary("an answer that is lost", err)
	for range 30 { // others write meanwhile
		k.post(kim, chat, k.say("meanwhile"))
	}
	k.restart()
	m.Uncertain = true
	r := k.send(m)
	ours := 0
	for _, got := range k.remote.Messages(k.tb, chat) {
		if got.FromUs {
			ours++
			if got.ID != r.ID {
				k.tb.Errorf("the network shows %q, the receipt says %q", got.ID, r.ID)
			}
		}
	}
	if ours != 1 {
		k.tb.Errorf("the network shows the message %d times", ours)
	}
}

// Lanes of different chats lose answers at the same time: each repeats on its
// own, and nothing is lost, doubled or out of order.
func idemLanes(k *kit) {
	const lanes, each = 6, 8
	chats := make([]bridge.ChatID, lanes)
	want := make([][]string, lanes)
	for i := range chats {
		chats[i] = k.chat()
	}
	k.remote.FailNext(k.tb, lanes*each/2, FaultAnswerLost)
	var wg sync.WaitGroup
	for i, chat := range chats {
		for n := range each {
			want[i] = append(want[i], k.say("lane "+strconv.Itoa(n)))
		}
		wg.Go(func() {
			for _, text := range want[i] {
				if _, err := k.lane(k.out(chat, text)); err != nil {
					k.tb.Errorf("Send: %v", err)
					return
				}
			}
		})
	}
	k.within(each*k.opts.settle(), "the lanes", wg.Wait)
	k.remote.FailNext(k.tb, 0, FaultAnswerLost)
	for i, chat := range chats {
		got := k.texts(chat)
		if !slices.EqualFunc(got, want[i], strings.HasSuffix) {
			k.tb.Errorf("a lane sent %d messages, the network shows %d, or others, or in another order", each, len(got))
		}
	}
}

func idemEdit(k *kit) {
	chat := k.chat()
	m := k.out(chat, k.say("first"))
	r := k.send(m)
	e := &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("second")), Target: r.ID}
	k.remote.FailNext(k.tb, 1, FaultAnswerLost)
	k.wantTemporary("an answer that is lost", k.edit(e))
	e.Uncertain = true
	if err := k.edit(e); err != nil {
		k.tb.Fatalf("Edit: %v", err)
	}
	if got := k.only(chat).Text; !strings.HasSuffix(got, e.Content.Body) {
		k.tb.Errorf("the network shows %q after the edit", got)
	}
}

// edit edits once.
func (k *kit) edit(e *bridge.OutgoingEdit) error {
	k.tb.Helper()
	ed, ok := k.client.(bridge.Editor)
	if !ok {
		k.tb.Fatalf("the client is no Editor")
	}
	ctx, cancel := k.settle()
	defer cancel()
	return k.noted(ed.Edit(ctx, e))
}

// remove removes once.
func (k *kit) remove(m *bridge.OutgoingRemoval) error {
	k.tb.Helper()
	r, ok := k.client.(bridge.Remover)
	if !ok {
		k.tb.Fatalf("the client is no Remover")
	}
	ctx, cancel := k.settle()
	defer cancel()
	return k.noted(r.Remove(ctx, m))
}

// wantTemporary fails unless err says that the call may succeed later.
func (k *kit) wantTemporary(what string, err error) {
	k.tb.Helper()
	if err == nil || bridge.Classify(err) != bridge.ClassTemporary {
		k.tb.Errorf("%s: error %v, want a temporary one", what, err)
	}
}
