package bridgetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemoteMentions is how people on the network mention others, and chats.
type RemoteMentions interface {
	// MentionText is what one types to mention the person.
	MentionText(tb testing.TB, user bridge.UserID) string
	// EveryoneText is what one types to alarm everybody in the chat; "" when the
	// network has no such thing.
	EveryoneText() string
	// Entitle gives user the office that lets people alarm everybody in a chat, into
	// which they are let when need be. Only called when EveryoneText is not "".
	Entitle(tb testing.TB, user bridge.UserID, chat bridge.ChatID)
	// ChatText is what one types to mention a chat of the same place; "" when the
	// network has no such thing.
	ChatText(tb testing.TB, chat bridge.ChatID) string
}

func mentionCases() []Case {
	return []Case{
		{Name: "person", run: mentionsPerson},
		{Name: "chat", run: mentionsChat},
		{Name: "chat_sent", run: mentionsChatSent},
		{Name: "closed_chat", run: mentionsClosedChat},
		{Name: "all_by_entitled", run: mentionsAll},
		{Name: "all_by_others", run: mentionsAllByOthers},
		{Name: "all_while_away", run: mentionsAllAway},
		{Name: "all_sent", run: mentionsAllSent},
		{Name: "all_in_edit", unless: needEdits, run: mentionsAllInEdit},
	}
}

// everyone is the word that alarms everybody; without one a case does not apply.
func (k *kit) everyone() string {
	k.tb.Helper()
	word := k.remote.EveryoneText()
	if word == "" {
		k.tb.Skip("SKIPPED: does not apply: nothing alarms everybody")
	}
	return word
}

// other makes a second chat and returns how it is mentioned, and what it is.
func (k *kit) other(private bool) (text string, info *bridge.ChatInfo) {
	k.tb.Helper()
	chat, _ := k.remote.NewChat(k.tb, private)
	if private {
		k.remote.Admit(k.tb, chat)
	}
	k.remote.RenameChat(k.tb, chat, "Elsewhere")
	if text = k.remote.ChatText(k.tb, chat); text == "" {
		k.tb.Skip("SKIPPED: does not apply: chats are not mentioned")
	}
	return text, k.readChat(chat)
}

// links lists whom and what a formatted body mentions.
func links(m *bridge.Message) (chats []string, people []bridge.UserID) {
	bridge.ResolveLinks(m.Content.FormattedBody,
		func(slug string) string { chats = append(chats, slug); return "" },
		func(u bridge.UserID) string { people = append(people, u); return "" })
	return chats, people
}

func mentionsPerson(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.post(lou, chat, k.say("lets Lou into the chat"))
	k.startConnected()
	m := k.awaitMessage(chat, k.post(kim, chat, k.say("hello "+k.remote.MentionText(k.tb, lou)+" there")))
	if chats, people := links(m); !slices.Equal(people, []bridge.UserID{lou}) || len(chats) > 0 {
		k.tb.Errorf("the formatted body mentions the people %q, want %q", people, lou)
	}
}

func mentionsChat(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	text, other := k.other(false)
	k.startConnected()
	m := k.awaitMessage(chat, k.post(kim, chat, k.say("see "+text+" there")))
	if chats, _ := links(m); !slices.Equal(chats, []string{other.Slug}) {
		k.tb.Errorf("the formatted body mentions the chats %q, want %q, the chat's Slug", chats, other.Slug)
	}
	for _, word := range []string{"see", "there"} {
		if !strings.Contains(m.Content.Body, word) {
			k.tb.Errorf("the body %q lacks %q", m.Content.Body, word)
		}
	}
}

// A link to the room of a chat leads people on the network to the chat.
func mentionsChatSent(k *kit) {
	chat := k.chat()
	_, other := k.other(false)
	html := `see <a href="https://matrix.to/#/%23market:school.example">Market</a> and <a href="https://matrix.to/#/%23else:school.example">Else</a>`
	m := formatted(k.out(chat, k.say("see")), html)
	m.Chats = map[string]bridge.ChatInfo{"#market:school.example": {ID: other.ID, Ref: other.Ref, Slug: other.Slug, Name: other.Name}}
	k.send(m)
	_, last, _ := strings.Cut(other.Ref, "/")
	text := k.only(chat).Text
	if strings.Contains(text, "market:school.example") || !strings.Contains(text, other.Slug) && !strings.Contains(text, last) || !strings.Contains(text, "Else") {
		k.tb.Errorf("the network shows %q, want a mention of %q", text, other.Ref)
	}
}

// A closed chat is not told of, though the login is in it.
func mentionsClosedChat(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	text, _ := k.other(true)
	k.startConnected()
	m := k.awaitMessage(chat, k.post(kim, chat, k.say("see "+text+" there")))
	if all := m.Content.Body + m.Content.FormattedBody; strings.Contains(all, "Elsewhere") || strings.Contains(all, "steg:") {
		k.tb.Errorf("a closed chat is told of: %q", all)
	}
}

func mentionsAll(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	word := k.everyone()
	k.remote.Entitle(k.tb, kim, chat)
	k.startConnected()
	m := k.awaitMessage(chat, k.post(kim, chat, k.say("listen "+word+" please")))
	if !m.MentionsAll || !strings.Contains(m.Content.Body, "listen @room please") {
		k.tb.Errorf("MentionsAll is %v, the body %q, want @room in it", m.MentionsAll, m.Content.Body)
	}
	m = k.awaitMessage(chat, k.post(kim, chat, k.say("listen, room@school.example and @room")))
	if m.MentionsAll || strings.Contains(m.Content.Body, " @room") {
		k.tb.Errorf("MentionsAll is %v, the body %q: nobody was alarmed", m.MentionsAll, m.Content.Body)
	}
}

func mentionsAllByOthers(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	word := k.everyone()
	k.remote.Entitle(k.tb, lou, chat)
	k.startConnected()
	for _, text := range []string{"listen " + word + " please", "@room " + word} {
		m := k.awaitMessage(chat, k.post(kim, chat, k.say(text)))
		if m.MentionsAll || strings.Contains(m.Content.Body, "@room") {
			k.tb.Errorf("MentionsAll is %v, the body %q: the author is not entitled", m.MentionsAll, m.Content.Body)
		}
	}
}

func mentionsAllAway(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	word := k.everyone()
	k.remote.Entitle(k.tb, kim, chat)
	k.start()
	k.fence(lou, chat)
	k.restart()
	may := k.post(kim, chat, k.say(word+" listen"))
	not := k.post(lou, chat, k.say(word+" listen"))
	k.start()
	if !k.awaitMessage(chat, may).MentionsAll || k.awaitMessage(chat, not).MentionsAll {
		k.tb.Errorf("of two authors not just the one who may alarms everybody")
	}
}

func mentionsAllSent(k *kit) {
	chat := k.chat()
	k.everyone()
	may, not := k.out(chat, k.say("listen @room please")), k.out(chat, k.say("listen @room please"))
	may.MentionsAll = true
	k.send(may)
	k.send(not)
	all := k.remote.Messages(k.tb, chat)
	if len(all) != 2 || !all[0].Alarm || all[1].Alarm {
		k.tb.Errorf("of two messages not just the one that may alarms everybody: %+v", all)
	}
	code := k.out(chat, k.say("no mention"))
	code.MentionsAll = true
	k.send(code)
	if all = k.remote.Messages(k.tb, chat); len(all) != 3 || all[2].Alarm {
		k.tb.Errorf("a message without @room alarms everybody")
	}
}

func mentionsAllInEdit(k *kit) {
	chat := k.chat()
	k.everyone()
	m := k.out(chat, k.say("first"))
	sent := k.send(m)
	ctx, cancel := k.settle()
	defer cancel()
	editor, ok := k.client.(bridge.Editor)
	if !ok {
		k.tb.Fatalf("the client is no Editor")
	}
	err := editor.Edit(ctx, &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("listen @room")), Target: sent.ID})
	if k.noted(err) != nil || k.only(chat).Alarm {
		k.tb.Errorf("an edit alarms everybody, or fails: %v", err)
	}
}
