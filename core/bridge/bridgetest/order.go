package bridgetest

import (
	"slices"
	"strings"
	"sync"
)

// many is how many messages an order case sends through one chat.
const many = 200

func orderCases() []Case {
	return []Case{
		{Name: "inbound", run: orderInbound},
		{Name: "inbound_duplicated", Needs: []Fault{FaultDuplicate}, run: orderDuplicated},
		{Name: "inbound_reordered", Needs: []Fault{FaultReorder}, run: orderReordered},
		{Name: "outbound", run: orderOutbound},
		{Name: "both_ways", run: orderBoth},
		{Name: "edits", run: orderEdits},
	}
}

func orderInbound(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	for range many {
		k.post(kim, chat, k.say("next"))
	}
	k.wantSame(kim, chat)
}

func orderDuplicated(k *kit) {
	k.remote.DuplicatePushes(k.tb, true)
	orderInbound(k)
}

func orderReordered(k *kit) {
	k.remote.ReorderPushes(k.tb, true)
	orderInbound(k)
}

func orderOutbound(k *kit) {
	chat := k.chat()
	k.startConnected()
	var want []string
	for range many {
		want = append(want, k.say("next"))
		k.send(k.out(chat, want[len(want)-1]))
	}
	if got := k.texts(chat); !slices.EqualFunc(got, want, strings.HasSuffix) {
		k.tb.Errorf("sent %d messages, the network shows %d, or others, or in another order", len(want), len(got))
	}
}

func orderBoth(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	var want []string
	var wg sync.WaitGroup
	wg.Go(func() {
		for range many / 2 {
			text := k.say("ours")
			want = append(want, text)
			if _, err := k.lane(k.out(chat, text)); err != nil {
				k.tb.Errorf("Send: %v", err)
				return
			}
		}
	})
	for range many / 2 {
		k.post(kim, chat, k.say("theirs"))
	}
	wg.Wait()
	k.wantSame(kim, chat)
	var got []string
	for _, m := range k.remote.Messages(k.tb, chat) {
		if m.FromUs {
			got = append(got, m.Text)
		}
	}
	if !slices.EqualFunc(got, want, strings.HasSuffix) {
		k.tb.Errorf("sent %d messages, the network shows %d of ours, or in another order", len(want), len(got))
	}
}

// Edits of one message and messages after them: the last edit wins.
func orderEdits(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.post(kim, chat, k.say("first"))
	for range 20 {
		k.remote.Edit(k.tb, kim, chat, msg, k.say("edited"))
		k.post(kim, chat, k.say("after"))
	}
	k.wantSame(kim, chat)
}
