package mattermost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Editor  = (*client)(nil)
	_ bridge.Remover = (*client)(nil)
)

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
		landed, err := c.find(ctx, me, m)
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
	draft := &model.Post{
		ChannelId: string(m.Chat), Message: text, RootId: root, PendingPostId: pendingID(m.Chat, m.Key),
		Props: props(me, m, text),
	}
	if m.Content.MsgType == event.MsgEmote && me.nameOverride {
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
	return bridge.Receipt{ID: bridge.MessageID(p.Id), Time: fromMillis(p.CreateAt)}
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
	var text string
	if isFile(m.Content) {
		text = outgoingFile(m.Content)
	} else {
		text = fromMatrix(m.Content, m.People, c.people.username)
	}
	// The server answers 500 to a NUL, for ever.
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	length := utf8.RuneCountInString(text)
	if !me.nameOverride {
		text = namePrefix(m.Author.Name, text)
	}
	if length > maxText || utf8.RuneCountInString(text) > me.maxPost {
		return "", fmt.Errorf("%w: a post holds at most %d characters", bridge.ErrTooLarge, min(maxText, me.maxPost))
	}
	return text, nil
}

// isFile tells whether a message is a file, of which this bridge tells name and
// size only.
func isFile(content *event.MessageEventContent) bool {
	switch content.MsgType {
	case event.MsgImage, event.MsgVideo, event.MsgAudio, event.MsgFile:
		return true
	}
	return false
}

func outgoingFile(content *event.MessageEventContent) string {
	name, caption := content.FileName, content.Body
	if name == "" || name == caption {
		name, caption = content.Body, ""
	}
	var size int64
	if content.Info != nil {
		size = int64(content.Info.Size)
	}
	line := fileLine(name, size)
	if caption != "" {
		line += "\n" + escapeText(shownName(caption, maxText))
	}
	return line
}

// props are what every post of ours carries.
func props(me *self, m *bridge.Outgoing, text string) model.StringInterface {
	p := model.StringInterface{propKey: string(m.Key), propSum: textSum(text)}
	if m.Hop > 0 {
		p[propHop] = strconv.Itoa(m.Hop)
	}
	if me.nameOverride || me.iconOverride {
		p[propFromWebhook] = "true"
	}
	if me.nameOverride {
		p[propOverrideName] = shownName(m.Author.Name, maxName)
	}
	if me.iconOverride && m.Author.AvatarURL != "" {
		p[propOverrideIcon] = m.Author.AvatarURL
	}
	return p
}

// lookBack is how much earlier than the first attempt a post is looked for:
// the clocks of gateway and server may differ.
const lookBack = 2 * time.Minute

// find looks for the post with m's key, from the newest back to the first
// attempt. It uses page reads: since answers may be wrongly empty.
func (c *client) find(ctx context.Context, me *self, m *bridge.Outgoing) (*model.Post, error) {
	var until int64
	if !m.Since.IsZero() {
		until = millis(m.Since) + c.api.skew.Load() - lookBack.Milliseconds()
	}
	page, err := c.api.newestPosts(ctx, string(m.Chat), pageSize)
	for {
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			if p.UserId == me.id && prop(p, propKey) == string(m.Key) && p.OriginalId == "" {
				return p, nil
			}
		}
		if len(page) < pageSize || page[len(page)-1].CreateAt < until {
			return nil, nil
		}
		page, err = c.api.postsBefore(ctx, string(m.Chat), pageAnchor(page).Id)
	}
}

// pageAnchor is the post to ask on from after a page: the last one whose time is
// not that of the page's last, so that posts of one millisecond are not torn
// apart by the server's strict comparison. The pages overlap by these few.
func pageAnchor(page []*model.Post) *model.Post {
	last := page[len(page)-1]
	for i := len(page) - 2; i >= 0; i-- {
		if page[i].CreateAt != last.CreateAt {
			return page[i]
		}
	}
	return last
}

// root finds the root of the thread that m belongs to, "" when it has none or
// the thread is gone.
func (c *client) root(ctx context.Context, m *bridge.Outgoing) (string, error) {
	target := m.Thread
	if target == "" {
		target = m.ReplyTo
	}
	if !validID(string(target)) {
		return "", nil
	}
	if root, ok := c.roots.get(target); ok {
		return root, nil
	}
	p, err := c.api.post(ctx, string(target))
	if err != nil {
		if err = c.explain(ctx, err, m.Chat); bridge.Classify(err) == bridge.ClassPermanent {
			return "", nil // a reply to what is gone is still worth sending
		}
		return "", err
	}
	if p.ChannelId != string(m.Chat) {
		return "", nil
	}
	c.rememberRoot(p)
	root, _ := c.roots.get(target)
	return root, nil
}

func (c *client) rememberRoot(p *model.Post) {
	root := p.RootId
	if root == "" {
		root = p.Id
	} else {
		c.replied.put(root, struct{}{})
	}
	c.roots.put(bridge.MessageID(p.Id), root)
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
