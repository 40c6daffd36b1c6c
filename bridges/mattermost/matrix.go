package mattermost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Editor  = (*client)(nil)
	_ bridge.Remover = (*client)(nil)
)

// nameless stands for a name of which nothing can be shown.
const nameless = "Matrix"

// maxName is how much of a name is shown; the server itself keeps any length.
const maxName = 64

// Send posts a message as the bot, under the author's name.
func (c *client) Send(ctx context.Context, m *bridge.Outgoing) (bridge.Receipt, error) {
	if !validID(string(m.Chat)) {
		return bridge.Receipt{}, bridge.ErrNotFound
	}
	me, err := c.me(ctx)
	if err != nil {
		return bridge.Receipt{}, err
	}
	text, err := c.text(ctx, me, m)
	if err != nil {
		return bridge.Receipt{}, err
	}
	if m.Uncertain {
		landed, err := c.find(ctx, me.id, m)
		if err != nil {
			return bridge.Receipt{}, c.explain(ctx, err, m.Chat)
		}
		if landed != nil {
			return receipt(landed), nil
		}
	}
	root, err := c.root(ctx, m)
	if err != nil {
		return bridge.Receipt{}, err
	}
	files, err := c.upload(ctx, m)
	if err != nil {
		return bridge.Receipt{}, err
	}
	draft := &model.Post{
		ChannelId: string(m.Chat), Message: text, RootId: root, PendingPostId: pendingID(m.Chat, m.Key),
		Props: props(me, m, text), FileIds: files,
	}
	if m.Content.MsgType == event.MsgEmote && (me.nameOverride || me.own) {
		draft.Type = model.PostTypeMe
	}
	sent, err := c.api.createPost(ctx, draft)
	if idOf(err) == idBadRoot && root != "" {
		// The thread is gone. The server has refused, so nothing has landed and a
		// plain post cannot be a second one.
		c.roots.drop(m.Thread)
		c.roots.drop(m.ReplyTo)
		draft.RootId = ""
		sent, err = c.api.createPost(ctx, draft)
	}
	if idOf(err) == idGoneAlready && m.Uncertain {
		// The server knows the key, and a sound look has not found the post.
		return bridge.Receipt{}, fmt.Errorf("%w: the post was deleted before its delivery was known: %w", bridge.ErrRejected, err)
	}
	if err != nil {
		return bridge.Receipt{}, c.explain(ctx, err, m.Chat)
	}
	if sent.ChannelId != string(m.Chat) || prop(sent, propKey) != string(m.Key) {
		return bridge.Receipt{}, errors.New("create post: the server answered with another post")
	}
	c.rememberRoot(sent)
	return receipt(sent), nil
}

func receipt(p *model.Post) bridge.Receipt {
	r := bridge.Receipt{ID: bridge.MessageID(p.Id), Time: fromMillis(p.CreateAt)}
	for _, id := range p.FileIds { // the server silently drops those that it does not know
		r.Files = append(r.Files, bridge.FileID(id))
	}
	return r
}

// text makes the text of a post, with the author's name where the server does
// not show it. It fails before anything is sent when it is too long.
func (c *client) text(ctx context.Context, me *self, m *bridge.Outgoing) (string, error) {
	users := map[bridge.UserID]bool{}
	for _, p := range m.People {
		if p.User != "" {
			users[p.User] = true
		}
	}
	c.learnPeople(ctx, users)
	text := fromMatrix(m.Content, outResolver{
		People: m.People, Usernames: c.people.username, All: m.MentionsAll, Chats: m.Chats, URL: c.net.cfg.URL,
	})
	// The server answers 500 to a NUL, for ever.
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	length := utf8.RuneCountInString(text)
	if !me.nameOverride && !me.own {
		text = namePrefix(m.Author.Name, text)
	}
	if length > maxText || utf8.RuneCountInString(text) > me.maxPost {
		return "", fmt.Errorf("%w: a post holds at most %d characters", bridge.ErrTooLarge, min(maxText, me.maxPost))
	}
	return text, nil
}

// props are what every post of ours carries.
func props(me *self, m *bridge.Outgoing, text string) model.StringInterface {
	p := model.StringInterface{propKey: string(m.Key), propSum: textSum(text)}
	if m.Hop > 0 {
		p[propHop] = strconv.Itoa(m.Hop)
	}
	if me.own {
		return p
	}
	if me.nameOverride || me.iconOverride {
		p[propFromWebhook] = "true"
	}
	if me.nameOverride {
		p[propOverrideName] = cmp.Or(shownName(m.Author.Name, maxName), nameless)
	}
	if me.iconOverride && m.Author.AvatarURL != "" {
		p[propOverrideIcon] = m.Author.AvatarURL
	}
	return p
}

// Edit replaces the text of a post of ours.
func (c *client) Edit(ctx context.Context, m *bridge.OutgoingEdit) error {
	if !validID(string(m.Chat)) || !validID(string(m.Target)) {
		return bridge.ErrNotFound
	}
	me, err := c.me(ctx)
	if err != nil {
		return err
	}
	text, err := c.text(ctx, me, &m.Outgoing)
	if err != nil {
		return err
	}
	p, err := c.api.post(ctx, string(m.Target))
	if err != nil {
		return c.explain(ctx, err, m.Chat)
	}
	switch {
	case p.ChannelId != string(m.Chat):
		return bridge.ErrNotFound
	case p.UserId != me.id:
		return fmt.Errorf("%w: the post is not the bot's", bridge.ErrForbidden)
	case prop(p, propEdit) == string(m.Key):
		return nil // an earlier attempt has landed
	}
	// A patch replaces all props.
	all := maps.Clone(p.GetProps())
	for _, name := range []string{propFromWebhook, propOverrideName, propOverrideIcon} {
		delete(all, name) // the server's switches may stand otherwise now
	}
	maps.Copy(all, props(me, &m.Outgoing, text))
	all[propKey] = prop(p, propKey)
	all[propEdit] = string(m.Key)
	if _, err := c.api.patchPost(ctx, string(m.Target), &model.PostPatch{Message: &text, Props: &all}); err != nil {
		return c.explain(ctx, err, m.Chat)
	}
	return nil
}

// Remove deletes a post.
func (c *client) Remove(ctx context.Context, m *bridge.OutgoingRemoval) error {
	if !validID(string(m.Chat)) || !validID(string(m.Target)) {
		return nil // there is no such post
	}
	err := c.api.deletePost(ctx, string(m.Target))
	if err == nil {
		c.roots.drop(m.Target)
		return nil
	}
	err = c.explain(ctx, err, m.Chat)
	if isNotFound(err) {
		return nil
	}
	return err
}
