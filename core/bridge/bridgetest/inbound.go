package bridgetest

import (
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

func inboundCases() []Case {
	return []Case{
		{Name: "plain_corpus", run: inboundCorpus},
		{Name: "html_is_text", run: inboundHTML},
		{Name: "bold", run: inboundBold},
		{Name: "longest", unless: needLimit, run: inboundLongest},
		{Name: "empty", run: inboundEmpty},
		{Name: "mention", run: inboundMention},
		{Name: "everyone", run: inboundEveryone},
		{Name: "thread_reply", unless: needThreads, run: inboundReply},
		{Name: "sender_and_time", run: inboundSender},
		{Name: "one_event_each", run: inboundOneEach},
		{Name: "unlinked_chats_stay_out", run: inboundUnlinked},
		{Name: "nothing_before_follow", unless: needFollows, run: inboundBeforeFollow},
	}
}

// corpus is text without markup of any network, and without blanks at its ends:
// it must cross unchanged.
func corpus() []string {
	return []string{
		"plain",
		"two words, and a full stop.",
		"Zürich – Genève – Chaux-de-Fonds: «Grüezi»",
		"日本語のテキスト",
		"مرحبا بالعالم",
		"שלום 123 world",
		"emoji 👋🏽 👨‍👩‍👧‍👦 🇨🇭 ok",
		"combining e\u0301 and zero\u200dwidth",
		"astral 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎",
		"line one\nline two\nline three",
		"10:30 = 50% of 3+4, (really)",
		"quote ' and \" here",
		strings.Repeat("long ", 400) + "end",
	}
}

func inboundCorpus(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	want := map[bridge.MessageID]string{}
	for _, text := range corpus() {
		text = k.say(text)
		want[k.post(kim, chat, text)] = text
	}
	k.fence(kim, chat)
	for _, m := range k.sink.Messages(chat) {
		if text, ok := want[m.ID]; ok && plain(m.Content) != text {
			k.tb.Errorf("posted %q, delivered %q", text, plain(m.Content))
		}
		if m.Content.MsgType != event.MsgText {
			k.tb.Errorf("delivered as %q, want %q", m.Content.MsgType, event.MsgText)
		}
	}
	k.wantSame(kim, chat)
}

// What looks like HTML is text: nothing of it may become a live tag.
func inboundHTML(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.post(kim, chat, k.say(`a <b>bee</b> & <script>alert(1)</script> <img src=x onerror=alert(2)> 1 < 2 &lt;`))
	m := k.awaitMessage(chat, msg)
	for _, word := range []string{"bee", "alert(1)", "1 < 2"} {
		if !strings.Contains(m.Content.Body, word) {
			k.tb.Errorf("the body %q lacks %q", m.Content.Body, word)
		}
	}
	for _, tag := range []string{"<script", "<img", "<b>"} {
		if strings.Contains(strings.ToLower(m.Content.FormattedBody), tag) {
			k.tb.Errorf("the formatted body holds a live %q: %q", tag, m.Content.FormattedBody)
		}
	}
}

func inboundBold(k *kit) {
	bold := k.remote.BoldText("brave")
	if bold == "" {
		k.tb.Skip("SKIPPED: does not apply: no markup")
	}
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	m := k.awaitMessage(chat, k.post(kim, chat, k.say("a "+bold+" & new")))
	f := m.Content.FormattedBody
	if m.Content.Format != event.FormatHTML || !strings.Contains(f, "<strong>brave</strong>") && !strings.Contains(f, "<b>brave</b>") {
		k.tb.Errorf("posted %q, the formatted body is %q", bold, f)
	}
	if !strings.Contains(f, "&amp;") {
		k.tb.Errorf("the formatted body %q is not escaped", f)
	}
	if !strings.Contains(m.Content.Body, "brave") {
		k.tb.Errorf("the body %q lacks the word", m.Content.Body)
	}
}

func inboundLongest(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	text := k.say("long")
	text = fill("word ", k.caps().MaxText-len([]rune(text))-1) + " " + text
	msg := k.remote.Post(k.tb, kim, chat, text)
	if msg == "" {
		k.tb.Fatalf("the network refuses a message of MaxText (%d) characters by a person", k.caps().MaxText)
	}
	if m := k.awaitMessage(chat, msg); plain(m.Content) != text {
		k.tb.Errorf("posted %d bytes, delivered %d, or others", len(text), len(m.Content.Body))
	}
}

func inboundEmpty(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	for _, text := range []string{"", " ", "\n"} {
		k.remote.Post(k.tb, kim, chat, text) // the network may refuse it
	}
	k.fence(kim, chat) // and nothing is stuck behind it
}

func inboundMention(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.post(lou, chat, k.say("lets Lou into the chat"))
	k.startConnected()
	m := k.awaitMessage(chat, k.post(kim, chat, k.say("hello "+k.remote.MentionText(k.tb, lou)+" there")))
	if !slices.Equal(m.Mentions, []bridge.UserID{lou}) {
		k.tb.Errorf("Mentions is %q, want the one person mentioned, %q", m.Mentions, lou)
	}
	for _, word := range []string{"hello", "there"} {
		if !strings.Contains(m.Content.Body, word) {
			k.tb.Errorf("the body %q lacks %q", m.Content.Body, word)
		}
	}
}

func inboundEveryone(k *kit) {
	word := k.remote.EveryoneText()
	if word == "" {
		k.tb.Skip("SKIPPED: does not apply: nothing alarms everybody")
	}
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	m := k.awaitMessage(chat, k.post(kim, chat, k.say("listen "+word+" please")))
	if !strings.Contains(m.Content.Body, "listen") || !strings.Contains(m.Content.Body, "please") {
		k.tb.Errorf("the body %q lacks words", m.Content.Body)
	}
	if len(m.Mentions) > 0 {
		k.tb.Errorf("Mentions is %q: everybody is no person", m.Mentions)
	}
}

func inboundReply(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.startConnected()
	root := k.post(kim, chat, k.say("root"))
	other := k.post(kim, chat, k.say("between"))
	reply := k.remote.Reply(k.tb, lou, chat, root, k.say("reply"))
	if m := k.awaitMessage(chat, reply); m.Thread != root {
		k.tb.Errorf("Thread of the reply is %q, want %q", m.Thread, root)
	}
	for _, id := range []bridge.MessageID{root, other} {
		if m := k.awaitMessage(chat, id); m.Thread != "" || m.ReplyTo != "" {
			k.tb.Errorf("a message outside threads has Thread %q, ReplyTo %q", m.Thread, m.ReplyTo)
		}
	}
	k.wantSame(kim, chat)
}

func inboundSender(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.startConnected()
	for _, who := range []bridge.UserID{kim, lou, kim} {
		m := k.awaitMessage(chat, k.post(who, chat, k.say("mine")))
		if m.Sender != who {
			k.tb.Errorf("Sender is %q, want %q", m.Sender, who)
		}
	}
	at := map[bridge.MessageID]time.Time{}
	for _, m := range k.remote.Messages(k.tb, chat) {
		at[m.ID] = m.Time
	}
	for _, m := range k.sink.Messages(chat) {
		if d := m.Time.Sub(at[m.ID]).Abs(); d > time.Second {
			k.tb.Errorf("Time is %v away from the network's", d)
		}
	}
}

func inboundOneEach(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	for range 10 {
		k.post(kim, chat, k.say("once"))
	}
	k.fence(kim, chat)
	if got := len(k.news(chat)); got != 11 {
		k.tb.Errorf("11 messages became %d events", got)
	}
	k.wantSame(kim, chat)
}

// A chat that is not linked does not disturb one that is, and does not advance it.
func inboundUnlinked(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	other, _ := k.remote.NewChat(k.tb, false)
	k.startConnected()
	for range 3 {
		k.post(kim, other, k.say("elsewhere"))
		k.post(kim, chat, k.say("here"))
	}
	k.wantSame(kim, chat)
	if got := k.sink.Events(other); len(got) > 0 {
		k.tb.Errorf("%d events of a chat that is not linked", len(got))
	}
}

// Follow's cursor means from now on: what was there before is never delivered,
// not live and not by a catch-up.
func inboundBeforeFollow(k *kit) {
	kim := k.user("Kim")
	chat, _ := k.remote.NewChat(k.tb, false)
	old := map[bridge.MessageID]bool{}
	for range 3 {
		old[k.post(kim, chat, k.say("before"))] = true
	}
	if k.link(chat) == "" {
		k.tb.Errorf("Follow returned an empty cursor")
	}
	for range 2 {
		k.start()
		k.fence(kim, chat)
		k.restart()
	}
	for _, m := range k.sink.Messages(chat) {
		if old[m.ID] {
			k.tb.Errorf("a message from before Follow was delivered")
		}
	}
}
