package mattermost

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

func TestSendShowsTheAuthor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	m := r.out(chat, "k1", "hello")
	m.Author.AvatarURL = "https://steg.example/a/1"
	m.Hop = 2
	r.send(m)
	want := model.StringInterface{
		"from_bot": "true", "from_webhook": "true", "override_username": "Lou Example", "override_icon_url": "https://steg.example/a/1",
		"steg_key": "k1", "steg_sum": textSum("hello"), "steg_hop": "2",
	}
	p := r.only(chat)
	if diff := cmp.Diff(want, p.GetProps()); diff != "" || p.Message != "hello" {
		t.Errorf("text %q, props (-want +got):\n%s", p.Message, diff)
	}
}

// Where the server does not show other names, the name stands in the text. The
// switches are read again when they change.
func TestSendWithoutOverride(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat, other := r.linked(), r.linked()
	r.connected()
	r.server.Set(func(s *mattermosttest.Switches) { s.NameOverride, s.IconOverride = false, false })
	r.fence(other) // after which the client knows
	m := r.out(chat, "k1", "hello")
	m.Author = bridge.Author{Name: "Lou *@all*", AvatarURL: "https://steg.example/a/1"}
	r.send(m)
	p := r.only(chat)
	if want := "**Lou \\*@\u200ball\\***: hello"; p.Message != want {
		t.Errorf("text %q, want %q", p.Message, want)
	}
	want := model.StringInterface{"from_bot": "true", "steg_key": "k1", "steg_sum": textSum(p.Message)}
	if diff := cmp.Diff(want, p.GetProps()); diff != "" {
		t.Errorf("props (-want +got):\n%s", diff)
	}
}

func TestNamePrefix(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 100)
	for _, c := range [][3]string{
		{"Lou", "hi", "**Lou**: hi"},
		{"Lou", "- a\n- b", "**Lou**:\n\n- a\n- b"},
		{"Lou", "```\ncode\n```", "**Lou**:\n\n```\ncode\n```"},
		{"Lou", "1. one", "**Lou**:\n\n1. one"},
		{"Lou\u202e\x07\n", "hi", "**Lou**: hi"},
		{"\u200b", "hi", "**Matrix**: hi"},
		{long, "hi", "**" + strings.Repeat("n", 63) + "…**: hi"},
	} {
		if got := namePrefix(c[0], c[1]); got != c[2] {
			t.Errorf("namePrefix(%q, %q) is %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// An earlier attempt landed more than one page ago.
func TestFindReadsBackToTheFirstAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	long := time.Now().Add(-time.Hour).UnixMilli()
	for i := range 500 { // of long ago: not to be read
		r.server.Import(r.kim, string(chat), "old", long+int64(i))
	}
	m := r.out(chat, "k1", "once")
	first := r.send(m)
	for range 450 {
		r.say(chat, "meanwhile")
	}
	r.server.Restart() // pending_post_ids are no help
	r.restart()
	m.Uncertain = true
	before := r.server.Calls("/posts?")
	if again := r.send(m); again.ID != first.ID {
		t.Errorf("found %q, want %q", again.ID, first.ID)
	}
	m.Key = "k2" // never sent
	r.send(m)
	if got := r.server.Calls("/posts?") - before; got > 3+4 {
		t.Errorf("%d pages were read for both, want at most 7", got)
	}
}

// Others may write our props, and edits keep rows with our key.
func TestFindTakesOnlyOurOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	forged := &model.Post{ChannelId: string(chat), Message: "forged"}
	forged.SetProps(model.StringInterface{propKey: "k1"})
	id := r.post(r.kim, forged)
	m := r.out(chat, "k1", "ours")
	m.Uncertain = true
	if got := r.send(m); string(got.ID) == id {
		t.Error("a stranger's post was taken for ours")
	}
	if got := len(r.server.Live(string(chat))); got != 2 {
		t.Errorf("%d posts, want 2", got)
	}
	r.connected()
	r.want(chat, "forged") // and it is no echo
}

// The same Matrix event may go to two channels of one server.
func TestOneKeyInTwoChannels(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.linked(), r.linked()
	if one, two := r.send(r.out(a, "k1", "text")), r.send(r.out(b, "k1", "text")); one.ID == two.ID {
		t.Error("one post for two channels")
	}
	r.only(a)
	r.only(b)
}

// Our post was deleted before we knew that it had been made: it must not come
// back.
func TestDeletedBeforeItsReceipt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	m := r.out(chat, "k1", "text")
	r.server.FailNext(r.bot, 1, bridgetest.FaultAnswerLost)
	if _, err := r.client.Send(t.Context(), m); err == nil {
		t.Fatal("no error")
	}
	if err := r.server.Delete(r.bot, r.only(chat).Id); err != nil {
		t.Fatal(err)
	}
	m.Uncertain = true
	if _, err := r.client.Send(t.Context(), m); !errors.Is(err, bridge.ErrRejected) {
		t.Errorf("error %v, want %v", err, bridge.ErrRejected)
	}
	if got := r.server.Live(string(chat)); len(got) > 0 {
		t.Error("the deleted post is back")
	}
}

func TestSendIntoThreads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat, other := r.linked(), r.linked()
	root := r.say(chat, "root")
	reply := r.post(r.kim, &model.Post{ChannelId: string(chat), RootId: root, Message: "reply"})
	gone := r.say(chat, "gone")
	elsewhere := r.say(other, "elsewhere")
	r.remove(gone)
	for i, c := range []struct{ thread, reply, want string }{
		{root, "", root},
		{"", root, root},
		{"", reply, root}, // there is one level only
		{reply, "", root},
		{gone, "", ""},
		{elsewhere, "", ""},
		{"not an id", "", ""},
		{"", "", ""},
	} {
		m := r.out(chat, fmt.Sprintf("k%d", i), "text")
		m.Thread, m.ReplyTo = bridge.MessageID(c.thread), bridge.MessageID(c.reply)
		r.send(m)
		posts := r.server.Live(string(chat))
		if got := posts[len(posts)-1].RootId; got != c.want {
			t.Errorf("thread %q, reply to %q: root %q, want %q", c.thread, c.reply, got, c.want)
		}
	}
	// The root goes while we still remember it.
	r.remove(root)
	m := r.out(chat, "late", "late")
	m.Thread = bridge.MessageID(root)
	r.send(m)
	posts := r.server.Live(string(chat))
	if last := posts[len(posts)-1]; last.Message != "late" || last.RootId != "" {
		t.Errorf("the last post is %q in %q, want a plain one", last.Message, last.RootId)
	}
}

func TestSendKinds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, c := range map[string]struct {
		content event.MessageEventContent
		text    string
		kind    string
	}{
		"notice": {event.MessageEventContent{MsgType: event.MsgNotice, Body: "done"}, "done", ""},
		"emote":  {event.MessageEventContent{MsgType: event.MsgEmote, Body: "waves"}, "_waves_", model.PostTypeMe},
		"NUL":    {event.MessageEventContent{MsgType: event.MsgText, Body: "a\x00b"}, "ab", ""},
	} {
		chat := r.linked()
		m := r.out(chat, "k", "")
		m.Content = &c.content
		r.send(m)
		if p := r.only(chat); p.Message != c.text || p.Type != c.kind {
			t.Errorf("%s: text %q, type %q; want %q, %q", name, p.Message, p.Type, c.text, c.kind)
		}
	}
}

// A server whose database is old takes less.
func TestTooLongForThisServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.server.Set(func(s *mattermosttest.Switches) { s.MaxPostSize = 4000 })
	r.restart()
	if _, err := r.client.Send(t.Context(), r.out(chat, "k", strings.Repeat("ü", 4001))); !errors.Is(err, bridge.ErrTooLarge) {
		t.Errorf("error %v, want %v", err, bridge.ErrTooLarge)
	}
	r.send(r.out(chat, "k", strings.Repeat("ü", 4000)))
	if n := r.server.Calls("POST", "/posts"); n != 1 {
		t.Errorf("%d posts were tried, want 1", n)
	}
}

func TestEditKeepsTheKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	sent := r.send(r.out(chat, "k1", "first"))
	e := &bridge.OutgoingEdit{Outgoing: *r.out(chat, "k2", "second"), Target: sent.ID}
	for range 2 {
		if err := r.client.Edit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	p := r.only(chat)
	got := [4]string{p.Message, prop(p, propKey), prop(p, propEdit), prop(p, propSum)}
	if want := [4]string{"second", "k1", "k2", textSum("second")}; got != want {
		t.Errorf("text, key, edit, sum: %q, want %q", got, want)
	}
	if n := r.server.Calls("PUT"); n != 1 {
		t.Errorf("%d requests for one edit, want 1", n)
	}
	if got := prop(p, propOverrideName); got != "Lou Example" {
		t.Errorf("the name is %q after an edit", got)
	}
	// The switches are off when it is edited again.
	r.server.Set(func(s *mattermosttest.Switches) { s.NameOverride, s.IconOverride = false, false })
	r.restart()
	e = &bridge.OutgoingEdit{Outgoing: *r.out(chat, "k4", "third"), Target: sent.ID}
	if err := r.client.Edit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	p = r.only(chat)
	if p.Message != "**Lou Example**: third" || prop(p, propOverrideName) != "" || prop(p, propFromWebhook) != "" || prop(p, propKey) != "k1" {
		t.Errorf("text %q with the props %v", p.Message, p.GetProps())
	}
	foreign := r.say(chat, "Kim's")
	e = &bridge.OutgoingEdit{Outgoing: *r.out(chat, "k3", "x"), Target: bridge.MessageID(foreign)}
	if err := r.client.Edit(t.Context(), e); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("edit of Kim's post: error %v, want %v", err, bridge.ErrForbidden)
	}
}

func TestRemoveOfAnotherPersonsPost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	id := r.say(chat, "Kim's")
	err := r.client.Remove(t.Context(), &bridge.OutgoingRemoval{Key: "k", Chat: chat, Target: bridge.MessageID(id)})
	if !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("error %v, want %v", err, bridge.ErrForbidden)
	}
}
