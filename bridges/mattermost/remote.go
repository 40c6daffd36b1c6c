package mattermost

import (
	"strconv"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

// The props of a post. The first group is the server's, for integrations; the
// second is ours. Anybody may set any of them: ours count only on posts of our
// own account.
const (
	propFromWebhook  = "from_webhook"
	propOverrideName = "override_username"
	propOverrideIcon = "override_icon_url"
	propDeletedBy    = "deleteBy"
	propAddedUser    = "addedUserId"

	propKey  = "steg_key"  // Outgoing.Key of the send
	propEdit = "steg_edit" // Outgoing.Key of the last edit
	propSum  = "steg_sum"  // of the text that we wrote last
	propHop  = "steg_hop"  // Outgoing.Hop
)

const maxHop = 255

// letsUsIn tells whether a post is the notice that the login has come into the
// channel.
func letsUsIn(p *model.Post, me *self) bool {
	switch p.Type {
	case model.PostTypeAddToChannel:
		return prop(p, propAddedUser) == me.id
	case model.PostTypeJoinChannel:
		return p.UserId == me.id
	}
	return false
}

func prop(p *model.Post, name string) string {
	s, ok := p.GetProp(name).(string)
	if !ok {
		return ""
	}
	return s
}

// source is what the author wrote; message may have been rewritten for display.
func source(p *model.Post) string {
	if p.MessageSource != "" {
		return p.MessageSource
	}
	return p.Message
}

// messageEvent makes the event of a new post.
func (c *client) messageEvent(p *model.Post, me *self) *bridge.Message {
	said := c.content(p, c.mayAlert(p))
	m := &bridge.Message{
		Meta: bridge.Meta{
			Chat: bridge.ChatID(p.ChannelId), Sender: bridge.UserID(p.UserId), Time: fromMillis(p.CreateAt), Key: postKey(p.Id),
		},
		ID: bridge.MessageID(p.Id), Content: said.Content, Files: fileList(p), Thread: bridge.MessageID(p.RootId),
		Mentions: said.Mentions, MentionsAll: said.All, Program: byProgram(p),
	}
	if hop, err := strconv.Atoi(prop(p, propHop)); err == nil && hop > 0 && hop <= maxHop {
		m.Hop = hop
	}
	if p.UserId == me.id {
		m.Echo = bridge.Key(prop(p, propKey))
	}
	c.rememberRoot(p)
	return m
}

// editEvent makes the event of a changed text, or of files that came or went. It returns nil when nothing has
// changed but our own post has been touched, say pinned.
func (c *client) editEvent(p *model.Post, me *self) *bridge.Edit {
	said := c.content(p, false)
	e := &bridge.Edit{
		Meta: bridge.Meta{
			Chat: bridge.ChatID(p.ChannelId), Sender: bridge.UserID(p.UserId), Time: fromMillis(p.EditAt), Key: editKey(p),
		},
		Target: bridge.MessageID(p.Id), Content: said.Content, Files: fileList(p), Mentions: said.Mentions,
	}
	if p.UserId != me.id || prop(p, propKey) == "" {
		return e
	}
	if prop(p, propSum) != textSum(source(p)) {
		e.Sender = "" // somebody else has changed what we wrote
		return e
	}
	if e.Echo = bridge.Key(prop(p, propEdit)); e.Echo == "" {
		return nil
	}
	return e
}

// removalEvent makes the event of a deleted post. The server names only the root
// of a thread, its replies go along.
func (c *client) removalEvent(p *model.Post, at int64) *bridge.Removal {
	_, replied := c.replied.get(p.Id)
	return &bridge.Removal{
		Meta: bridge.Meta{
			Chat: bridge.ChatID(p.ChannelId), Sender: bridge.UserID(prop(p, propDeletedBy)), Time: fromMillis(at), Key: removalKey(p.Id),
		},
		Target: bridge.MessageID(p.Id), Cascade: p.RootId == "" && (replied || p.ReplyCount > 0),
	}
}

// content converts a post's text, without its files. What it refers to must have
// been learned; all says that its author may alert everybody.
func (c *client) content(p *model.Post, all bool) converted {
	out := toMatrix(postText(p), inResolver{User: c.people.named, All: all, Channel: channelNames(p)})
	switch {
	case p.Type == model.PostTypeMe:
		out.Content.MsgType = event.MsgEmote
	case kindOf(p) == postNotice:
		out.Content.MsgType = event.MsgNotice
	}
	markPriority(out.Content, priorityMark(p))
	return out
}

// postText is all that people read in a post, as markdown.
func postText(p *model.Post) string {
	text := source(p)
	emote := p.Type == model.PostTypeMe
	if emote {
		text = plainEmote(text)
	}
	if name := integration(p); name != "" && !emote {
		// An integration that speaks under another name. Only text: anybody may
		// set the props.
		text = namePrefix(name, text)
	}
	return strings.TrimLeft(text+attachments(p), "\n")
}

// channelNames resolves ~name by what the server has added to the post: open
// channels of the team that the author may read. The server removes what others
// put there.
func channelNames(p *model.Post) func(string) (string, string, bool) {
	known, _ := p.GetProp(model.PostPropsChannelMentions).(map[string]any)
	return func(name string) (string, string, bool) {
		about, ok := known[name].(map[string]any)
		if !ok {
			return "", "", false
		}
		display, ok := about["display_name"].(string)
		team, _ := about["team_name"].(string)
		if team == "" {
			return display, "", ok
		}
		return display, slug(team + "/" + name), ok
	}
}
