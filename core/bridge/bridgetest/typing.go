package bridgetest

import (
	"github.com/steg-bridge/steg/core/bridge"
)

func typingCases() []Case {
	return []Case{
		{Name: "inbound", unless: needTypes, run: typingInbound},
		{Name: "outbound", unless: needTypes, run: typingOutbound},
		{Name: "is_not_stored", unless: needTypes, run: typingNotStored},
	}
}

func needTypes(c bridge.Capabilities) string { return unless(c.Types, "no typing") }

// awaitTyping lets a person type until the sink hears of it.
func (k *kit) awaitTyping(user bridge.UserID, chat bridge.ChatID) bridge.Typing {
	k.tb.Helper()
	var told []bridge.Typing
	k.await("typing is told", func() bool {
		if told = k.sink.Typings(chat); len(told) > 0 {
			return true
		}
		k.remote.Type(k.tb, user, chat)
		return false
	})
	return told[0]
}

func typingInbound(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	if t := k.awaitTyping(kim, chat); t.Sender != kim || t.For <= 0 {
		k.tb.Errorf("typing of %q for %v, want of %q for a while", t.Sender, t.For, kim)
	}
}

func typingOutbound(k *kit) {
	typist, ok := k.client.(bridge.Typist)
	if !ok {
		k.tb.Fatalf("the client is no Typist")
	}
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	who := k.out(chat, "").Author
	k.await("a person sees that somebody types", func() bool {
		if k.remote.SeesTyping(k.tb, kim, chat) {
			return true
		}
		ctx, cancel := k.settle()
		defer cancel()
		if err := typist.Typing(ctx, chat, who, true); k.noted(err) != nil {
			k.tb.Errorf("Typing: %v", err)
		}
		return false
	})
	ctx, cancel := k.settle()
	defer cancel()
	if err := typist.Typing(ctx, chat, who, false); k.noted(err) != nil {
		k.tb.Errorf("the end of typing: %v", err)
	}
	if got := len(k.remote.Messages(k.tb, chat)); got != 1 {
		k.tb.Errorf("the chat shows %d messages, want the 1 that was posted", got)
	}
}

// What somebody types for moves no cursor and becomes no event.
func typingNotStored(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	before, cursor := len(k.news(chat)), k.sink.Cursor(chat)
	k.awaitTyping(kim, chat)
	if got := len(k.news(chat)); got != before {
		k.tb.Errorf("typing became %d events", got-before)
	}
	if k.sink.Cursor(chat) != cursor {
		k.tb.Errorf("typing moved the cursor")
	}
}
