package mattermost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

func TestContentOfPosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	props := func(kv ...any) model.StringInterface {
		out := model.StringInterface{}
		for i := 0; i < len(kv); i += 2 {
			out[fmt.Sprint(kv[i])] = kv[i+1]
		}
		return out
	}
	priority := func(word string) *model.PostMetadata {
		return &model.PostMetadata{Priority: &model.PostPriority{Priority: &word}}
	}
	for name, c := range map[string]struct {
		post *model.Post
		body string
		kind event.MessageType
	}{
		"automatic answer":  {&model.Post{Type: "system_auto_responder", Message: "away"}, "away", event.MsgNotice},
		"server's notice":   {&model.Post{Type: "system_generic", Message: "hear **hear**"}, "hear hear", event.MsgNotice},
		"plain":             {&model.Post{Message: "hello"}, "hello", event.MsgText},
		"emote":             {&model.Post{Type: "me", Message: "*waves*"}, "waves", event.MsgEmote},
		"files are no text": {&model.Post{Message: "look", FileIds: model.StringArray{"a", "b"}}, "look", event.MsgText},
		"integration": {
			&model.Post{Message: "host down", Props: props(propFromWebhook, "true", propOverrideName, "Nagios")},
			"Nagios (webhook): host down", event.MsgText,
		},
		"integration without a name": {
			&model.Post{Message: "host down", Props: props(propFromWebhook, "true", propWebhookName, "Alarms")},
			"Alarms (webhook): host down", event.MsgText,
		},
		"integration with nothing": {&model.Post{Message: "host down", Props: props(propFromWebhook, "true")}, "webhook (webhook): host down", event.MsgText},
		"bot under another name": {
			&model.Post{Message: "host down", Props: props(propFromWebhook, "true", propFromBot, "true", propOverrideName, "Lou")},
			"Lou: host down", event.MsgText,
		},
		"bot under its own":             {&model.Post{Message: "host down", Props: props(propFromWebhook, "true", propFromBot, "true")}, "host down", event.MsgText},
		"override without from_webhook": {&model.Post{Message: "hi", Props: props(propOverrideName, "Head")}, "hi", event.MsgText},
		"attachment": {&model.Post{Type: "slack_attachment", Props: props("attachments", []any{
			map[string]any{"fallback": "fb", "pretext": "New build", "title": "Build 7", "text": "passed"},
			map[string]any{"fallback": "only fallback"},
		})}, "New build\n\n> Build 7\n>\n> passed\n\nonly fallback", event.MsgText},
		"channel link": {
			&model.Post{Message: "see ~market", Props: props("channel_mentions", map[string]any{"market": map[string]any{"display_name": "Market place"}})},
			"see ~Market place", event.MsgText,
		},
		"important":                    {&model.Post{Message: "**read** this", Metadata: priority("important")}, "❗ read this", event.MsgText},
		"urgent":                       {&model.Post{Metadata: priority("urgent")}, "‼️", event.MsgText},
		"unknown priority":             {&model.Post{Message: "hi", Metadata: priority("later")}, "hi", event.MsgText},
		"shown otherwise than written": {&model.Post{Message: "via proxy", MessageSource: "as written"}, "as written", event.MsgText},
	} {
		c.post.ChannelId = string(chat)
		content := r.client.content(c.post, false).Content
		// What stands for bold in a body is the converter's choice.
		if body := strings.ReplaceAll(content.Body, "**", ""); body != c.body || content.MsgType != c.kind {
			t.Errorf("%s: %s %q, want %s %q", name, content.MsgType, body, c.kind, c.body)
		}
	}
}

// Every type of post is one of these; what is not known does not cross.
func TestPostKinds(t *testing.T) {
	t.Parallel()
	kinds := map[postKind][]string{
		postMessage: {"", "me", "slack_attachment", "custom_poll", "custom_"},
		postNotice:  {"system_generic", "system_auto_responder", "system_wrangler"},
		postMembers: {
			"system_join_channel", "system_guest_join_channel", "system_leave_channel", "system_join_leave", "system_add_to_channel",
			"system_add_guest_to_chan", "system_remove_from_channel", "system_add_remove", "system_join_team", "system_leave_team",
			"system_add_to_team", "system_remove_from_team",
		},
		postState: {
			"system_header_change", "system_purpose_change", "system_displayname_change", "system_convert_channel",
			"system_change_chan_privacy", "system_channel_deleted", "system_channel_restored", "system_move_channel", "system_gm_to_channel",
		},
		postNothing: {
			"system_ephemeral", "reminder", "burn_on_read", "card", "add_bot_teams_channels", "system_autotranslation",
			"system_shared_chan_state", "system_of_tomorrow", "mystery",
		},
	}
	n := 0
	for want, types := range kinds {
		for _, typ := range types {
			p := &model.Post{Id: model.NewId(), ChannelId: model.NewId(), Type: typ}
			if got := kindOf(p); got != want {
				t.Errorf("%q is %d, want %d", typ, got, want)
			}
			if got := bridged(p); got != (want == postMessage || want == postNotice) {
				t.Errorf("bridged(%q) is %v", typ, got)
			}
			if got := memberEvent(p, &self{id: "me"}) != nil; got != (want == postMembers) {
				t.Errorf("%q is a hint about members: %v", typ, got)
			}
			if _, listed := postKinds[typ]; listed {
				n++
			}
		}
	}
	if n != len(postKinds) {
		t.Errorf("the table has %d types, and %d of them are tested", len(postKinds), n)
	}
}

func TestHop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for value, want := range map[any]int{"2": 2, "0": 0, "-1": 0, "x": 0, "256": 0, 3: 0} {
		p := &model.Post{Id: model.NewId(), UserId: r.kim, Message: "x"}
		p.SetProps(model.StringInterface{propHop: value})
		if got := r.client.messageEvent(p, &self{id: r.bot}).Hop; got != want {
			t.Errorf("hop of %v is %d, want %d", value, got, want)
		}
	}
}

// The server names the root of a deleted thread only.
func TestCascade(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.connected()
	root, alone := r.say(chat, "root"), r.say(chat, "alone")
	r.post(r.kim, &model.Post{ChannelId: string(chat), RootId: root, Message: "reply"})
	r.fence(chat)
	r.remove(root)
	r.remove(alone)
	r.await("both removals", func() bool { return len(r.events(chat)) == 5 })
	got := map[bridge.MessageID]bool{}
	for _, ev := range r.sink.Events(chat) {
		if e, ok := ev.(*bridge.Removal); ok {
			got[e.Target] = e.Cascade
		}
	}
	want := map[bridge.MessageID]bool{bridge.MessageID(root): true, bridge.MessageID(alone): false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cascade by target (-want +got):\n%s", diff)
	}
}

func TestNamesIn(t *testing.T) {
	t.Parallel()
	got := namesIn("hi @Kim.Example. and @lou- @all @here", "mail a@b.example, (@max_m)")
	want := []string{"b.example", "kim.example", "kim.example.", "lou", "lou-", "max_m"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// A name that nobody has is asked for once.
func TestUnknownNamesAreRemembered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		r.client.learnNames(t.Context(), "hi @nobody and @kim")
	}
	if n := r.server.Calls("/users/usernames"); n != 1 {
		t.Errorf("%d look-ups, want 1", n)
	}
	if id, display, ok := r.client.people.named("KIM"); !ok || string(id) != r.kim || display != "Kim Example" {
		t.Errorf("named: %q, %q, %v", id, display, ok)
	}
	// The name changes hands.
	r.client.people.put(&model.User{Id: r.kim, Username: "kim2"})
	if _, _, ok := r.client.people.named("kim"); ok {
		t.Error("the old name is still known")
	}
}

func TestLRU(t *testing.T) {
	t.Parallel()
	l := newLRU[int, string](2)
	l.put(1, "a")
	l.put(2, "b")
	l.get(1)
	l.put(3, "c") // 2 is the one that was not asked for
	for key, want := range map[int]bool{1: true, 2: false, 3: true} {
		if _, ok := l.get(key); ok != want {
			t.Errorf("has %d: %v, want %v", key, ok, want)
		}
	}
	l.put(3, "d")
	if v, _ := l.get(3); v != "d" {
		t.Errorf("value %q, want d", v)
	}
	l.drop(3)
	l.clear()
	if _, ok := l.get(1); ok {
		t.Error("not cleared")
	}
}

// TestPrograms tells what a program has written with somebody's account.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		post *model.Post
		want bool
	}{
		"a person":          {&model.Post{Message: "hi"}, false},
		"an emote":          {&model.Post{Type: "me", Message: "*waves*"}, false},
		"a name alone":      {&model.Post{Props: model.StringInterface{propOverrideName: "Head"}}, false},
		"a webhook":         {&model.Post{Props: model.StringInterface{propFromWebhook: "true"}}, true},
		"a plugin":          {&model.Post{Props: model.StringInterface{propFromPlugin: "true"}}, true},
		"an app":            {&model.Post{Props: model.StringInterface{propFromApp: "true"}}, true},
		"attachments":       {&model.Post{Type: model.PostTypeMessageAttachment}, true},
		"a kind of its own": {&model.Post{Type: "custom_calls"}, true},
	} {
		c.post.Id, c.post.ChannelId, c.post.UserId = model.NewId(), model.NewId(), model.NewId()
		if got := byProgram(c.post); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
