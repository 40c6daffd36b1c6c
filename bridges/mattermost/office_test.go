package mattermost

import (
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
)

// Only people who run a channel, its team or the server alert everybody in it, and
// only by their own hand.
func TestMayAlert(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := string(r.linked())
	person := func(name string) string {
		user := r.server.NewUser(name, name)
		r.server.Join(chat, user, "")
		return user
	}
	chief, head, root, pupil, gone := person("chief"), person("head"), person("root"), person("pupil"), person("gone")
	program, _ := r.server.NewBot("program", r.team)
	r.server.Join(chat, program, "")
	for _, user := range []string{chief, program, gone} {
		r.server.LetRun(user, chat)
	}
	r.server.LetRun(head, r.team)
	r.server.UpdateUser(root, func(u *model.User) { u.Roles = "system_user system_admin" })
	r.server.UpdateUser(gone, func(u *model.User) { u.DeleteAt = 1 })
	props := func(name string, value any) model.StringInterface { return model.StringInterface{name: value} }
	for name, c := range map[string]struct {
		post *model.Post
		want bool
	}{
		"channel admin":       {&model.Post{UserId: chief, Message: "hi @channel"}, true},
		"in italics":          {&model.Post{UserId: chief, Message: "*@here*", Type: model.PostTypeMe}, true},
		"team admin":          {&model.Post{UserId: head, Message: "hi @all"}, true},
		"system admin":        {&model.Post{UserId: root, Message: "hi @here"}, true},
		"member":              {&model.Post{UserId: pupil, Message: "hi @channel"}, false},
		"stranger":            {&model.Post{UserId: model.NewId(), Message: "hi @channel"}, false},
		"program":             {&model.Post{UserId: program, Message: "hi @channel"}, false},
		"closed account":      {&model.Post{UserId: gone, Message: "hi @channel"}, false},
		"no word":             {&model.Post{UserId: chief, Message: "hi channel"}, false},
		"in code":             {&model.Post{UserId: chief, Message: "hi `@channel`"}, false},
		"webhook of an admin": {&model.Post{UserId: chief, Message: "hi @channel", Props: props(propFromWebhook, "true")}, false},
		"plugin":              {&model.Post{UserId: chief, Message: "hi @channel", Props: props(model.PostPropsFromPlugin, "true")}, false},
		"not highlighted":     {&model.Post{UserId: chief, Message: "hi @channel", Props: props(model.PostPropsMentionHighlightDisabled, true)}, false},
		"attachment":          {&model.Post{UserId: chief, Message: "hi @channel", Type: model.PostTypeMessageAttachment}, false},
		"forged":              {&model.Post{UserId: pupil, Message: "hi @channel", Props: props("roles", "channel_admin")}, false},
	} {
		c.post.Id, c.post.ChannelId = model.NewId(), chat
		r.client.learn(t.Context(), c.post)
		if got := r.client.messageEvent(c.post, &self{id: r.bot}); got.MentionsAll != c.want {
			t.Errorf("%s: alerts everybody: %v, want %v", name, got.MentionsAll, c.want)
		}
		c.post.EditAt = 1
		if got := r.client.editEvent(c.post, &self{id: r.bot}); got.Content.Mentions.Room {
			t.Errorf("%s: an edit alerts everybody", name)
		}
	}
	if n := r.server.Calls("GET", "/channels/"+chat+"/members/"+chief); n != 1 {
		t.Errorf("asked %d times for one person, want once within a minute", n)
	}
}

// In a large channel the server alerts nobody, so nobody is on Matrix.
func TestMayAlertLarge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.Set(func(s *mattermosttest.Switches) { s.MaxAlert = 2 })
	chat := string(r.linked())
	r.server.LetRun(r.kim, chat)
	p := &model.Post{Id: model.NewId(), UserId: r.kim, ChannelId: chat, Message: "@all"}
	r.client.learn(t.Context(), p)
	if r.client.mayAlert(p) {
		t.Error("everybody in a large channel is alerted")
	}
}
