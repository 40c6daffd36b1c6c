package bridgetest

import (
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

func outboundCases() []Case {
	return []Case{
		{Name: "plain_corpus", run: outboundCorpus},
		{Name: "bold", run: outboundBold},
		{Name: "html_like", run: outboundHTML},
		{Name: "longest", unless: needLimit, run: outboundLongest},
		{Name: "too_large", unless: needLimit, run: outboundTooLarge},
		{Name: "nul_and_control", run: outboundControl},
		{Name: "empty", run: outboundEmpty},
		{Name: "author_shown", run: outboundAuthor},
		{Name: "mention", run: outboundMention},
		{Name: "everyone_is_harmless", run: outboundEveryone},
		{Name: "thread_reply", unless: needThreads, run: outboundReply},
		{Name: "receipt", run: outboundReceipt},
	}
}

func outboundCorpus(k *kit) {
	chat := k.chat()
	var want []string
	for _, text := range corpus() {
		text = k.say(text)
		want = append(want, text)
		k.send(k.out(chat, text))
	}
	got := k.texts(chat)
	if len(got) != len(want) {
		k.tb.Fatalf("sent %d messages, the network shows %d", len(want), len(got))
	}
	for i := range want {
		// The author's name may stand before the text.
		if !strings.HasSuffix(strings.TrimRight(got[i], " \n"), want[i]) {
			k.tb.Errorf("sent %q, the network shows %q", want[i], got[i])
		}
	}
}

// formatted gives a message formatted text.
func formatted(m *bridge.Outgoing, html string) *bridge.Outgoing {
	m.Content.Format, m.Content.FormattedBody = event.FormatHTML, html
	return m
}

func outboundBold(k *kit) {
	bold := k.remote.BoldText("brave")
	if bold == "" {
		k.tb.Skip("SKIPPED: does not apply: no markup")
	}
	chat := k.chat()
	k.send(formatted(k.out(chat, "a brave "+canary), "a <strong>brave</strong> "+canary))
	if got := k.only(chat).Text; !strings.Contains(got, bold) {
		k.tb.Errorf("sent bold, the network shows %q, want %q in it", got, bold)
	}
}

// HTML-like text keeps its words; broken HTML breaks nothing.
func outboundHTML(k *kit) {
	chat := k.chat()
	bodies := []*bridge.Outgoing{
		k.out(chat, k.say(`a <b>bee</b> & <script>alert(1)</script> end`)),
		formatted(k.out(chat, k.say("fallback")), "a &lt;b&gt;bee&lt;/b&gt; alert(1) end"),
		formatted(k.out(chat, k.say("fallback")), "<p>a <b><i>bee</b> <ul><li>alert(1)<blockquote></li> end"),
		formatted(k.out(chat, k.say("fallback")), strings.Repeat("<b>", 500)+"a bee alert(1) end"),
	}
	for _, m := range bodies {
		k.send(m)
	}
	got := k.texts(chat)
	if len(got) != len(bodies) {
		k.tb.Fatalf("sent %d messages, the network shows %d", len(bodies), len(got))
	}
	for i, text := range got {
		for _, word := range []string{"bee", "alert", "end"} {
			if !strings.Contains(text, word) {
				k.tb.Errorf("message %d lacks %q: %q", i, word, text)
			}
		}
	}
}

// A text of MaxText characters arrives whole.
func outboundLongest(k *kit) {
	chat := k.chat()
	text := fill("word ", k.caps().MaxText)
	k.send(k.out(chat, text))
	if got := k.only(chat).Text; !strings.HasSuffix(got, text) {
		k.tb.Errorf("sent %d bytes, the network shows %d, or others", len(text), len(got))
	}
}

// A longer one is refused before the network sees any of it.
func outboundTooLarge(k *kit) {
	chat := k.chat()
	for _, text := range []string{
		fill("word ", k.caps().MaxText+1),
		strings.Repeat("ü", k.caps().MaxText+1),
		fill("word ", 3*k.caps().MaxText),
	} {
		_, err := k.trySend(k.out(chat, text))
		k.wantIs("a text longer than MaxText", err, bridge.ErrTooLarge)
	}
	if got := k.texts(chat); len(got) > 0 {
		k.tb.Errorf("the network shows %d messages, want none", len(got))
	}
}

// NUL and control characters do not stop the lane.
func outboundControl(k *kit) {
	chat := k.chat()
	for _, text := range []string{"x\x00y", "\x00", "x\x07\x1b[31my", "x\u202ey\u2066z", "x\xffy", "\r\n"} {
		if _, err := k.trySend(k.out(chat, text)); err != nil {
			k.wantPermanent("a text with control characters", err)
		}
	}
	last := k.say("after")
	k.send(k.out(chat, last))
	all := k.texts(chat)
	if len(all) == 0 || !strings.HasSuffix(all[len(all)-1], last) {
		k.tb.Fatalf("the message after them is missing")
	}
	for _, text := range all {
		if strings.ContainsRune(text, 0) {
			k.tb.Errorf("a NUL reached the network")
		}
	}
}

func outboundEmpty(k *kit) {
	chat := k.chat()
	for _, text := range []string{"", " ", "\n\n"} {
		if _, err := k.trySend(k.out(chat, text)); err != nil {
			k.wantPermanent("an empty text", err)
		}
	}
	last := k.say("after")
	k.send(k.out(chat, last))
	if all := k.texts(chat); len(all) == 0 || !strings.HasSuffix(all[len(all)-1], last) {
		k.tb.Fatalf("the message after the empty ones is missing")
	}
}

// People see who wrote a message, in the message's head or in its text.
func outboundAuthor(k *kit) {
	chat := k.chat()
	for _, name := range []string{"Anna Müller", "Lou-Ann O'Neil"} {
		m := k.out(chat, k.say("by me"))
		m.Author.Name = name
		r := k.send(m)
		all := k.remote.Messages(k.tb, chat)
		last := all[len(all)-1]
		if last.ID != r.ID || !last.FromUs {
			k.tb.Errorf("the newest message is %q (from us: %v), want %q", last.ID, last.FromUs, r.ID)
		}
		if !strings.Contains(last.Author, name) && !strings.Contains(last.Text, name) {
			k.tb.Errorf("author %q is shown as %q over %q", name, last.Author, last.Text)
		}
	}
}

// A pill of one of the network's people becomes a mention there.
func outboundMention(k *kit) {
	lou, chat := k.user("Lou"), k.chat()
	k.post(lou, chat, k.say("lets Lou into the chat"))
	ghost := id.UserID("@_steg_suite_lou:school.example")
	m := formatted(k.out(chat, "hello Lou, look"),
		`hello <a href="https://matrix.to/#/`+ghost.String()+`">Lou</a>, look`)
	m.Content.Mentions = &event.Mentions{UserIDs: []id.UserID{ghost}}
	m.People[ghost] = bridge.Person{User: lou, Name: "Lou"}
	k.send(m)
	all := k.texts(chat)
	text := all[len(all)-1]
	if want := k.remote.MentionText(k.tb, lou); !strings.Contains(text, want) {
		k.tb.Errorf("the network shows %q, want the mention %q in it", text, want)
	}
	if !strings.Contains(text, "hello") || !strings.Contains(text, "look") {
		k.tb.Errorf("the network shows %q: words are missing", text)
	}
}

// Nobody on Matrix alarms everybody on the network by typing its word for that.
func outboundEveryone(k *kit) {
	word := k.remote.EveryoneText()
	if word == "" {
		k.tb.Skip("SKIPPED: does not apply: nothing alarms everybody")
	}
	chat := k.chat()
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	html := escaped.Replace(word)
	split := escaped.Replace(word[:2]) + "<i></i>" + escaped.Replace(word[2:])
	for _, m := range []*bridge.Outgoing{
		k.out(chat, word),
		k.out(chat, "listen "+word+" please"),
		k.out(chat, "listen\n"+word+"\nplease"),
		k.out(chat, "("+word+")!"),
		k.out(chat, strings.ToUpper(word)+" please"),
		formatted(k.out(chat, "listen "+word), "listen <b>"+html+"</b>"),
		formatted(k.out(chat, "listen"), "listen <i></i>"+html),
		formatted(k.out(chat, "listen"), "listen "+split+" please"),
	} {
		m.Author.Name = "Kim " + word
		k.send(m)
	}
	all := k.remote.Messages(k.tb, chat)
	if len(all) != 8 {
		k.tb.Fatalf("sent 8 messages, the network shows %d", len(all))
	}
	for _, m := range all {
		if m.Alarm {
			k.tb.Errorf("the network alarms everybody for %q by %q", m.Text, m.Author)
		}
	}
	if text := visible(all[1].Text); !strings.Contains(text, "listen") || !strings.Contains(text, "please") {
		k.tb.Errorf("the network shows %q: words are missing", text)
	}
}

func outboundReply(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	root := k.post(kim, chat, k.say("root"))
	ours := k.send(k.out(chat, k.say("outside")))
	for _, to := range []bridge.MessageID{root, ours.ID} {
		m := k.out(chat, k.say("reply"))
		m.Thread = to
		r := k.send(m)
		for _, got := range k.remote.Messages(k.tb, chat) {
			switch {
			case got.ID == r.ID && got.Root != to:
				k.tb.Errorf("the reply has the root %q, want %q", got.Root, to)
			case (got.ID == root || got.ID == ours.ID) && got.Root != "":
				k.tb.Errorf("a message outside threads has the root %q", got.Root)
			}
		}
	}
	if got := len(k.texts(chat)); got != 4 {
		k.tb.Errorf("the network shows %d messages, want 4", got)
	}
}

func outboundReceipt(k *kit) {
	chat := k.chat()
	r := k.send(k.out(chat, k.say("first")))
	got := k.only(chat)
	if got.ID != r.ID {
		k.tb.Errorf("the receipt says %q, the network %q", r.ID, got.ID)
	}
	if !r.Time.IsZero() && !got.Time.IsZero() && r.Time.Sub(got.Time).Abs() > 1e9 {
		k.tb.Errorf("the receipt's time is %v away from the network's", r.Time.Sub(got.Time))
	}
	if s := k.send(k.out(chat, k.say("second"))); s.ID == r.ID {
		k.tb.Errorf("two messages have one ID")
	}
}
