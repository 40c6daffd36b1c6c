package mattermost

import (
	"cmp"
	"context"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// lookBack is how much earlier than the first attempt a post is looked for:
// the clocks of gateway and server may differ.
const lookBack = 2 * time.Minute

// Find looks for a post with m's key by the login, or by a puppet.
func (c *client) Find(ctx context.Context, m *bridge.Outgoing, by bridge.UserID) (r bridge.Receipt, found bool, err error) {
	me, err := c.me(ctx)
	if err != nil {
		return r, false, err
	}
	landed, err := c.find(ctx, cmp.Or(string(by), me.id), m)
	if err != nil {
		return r, false, c.explain(ctx, err, m.Chat)
	}
	if landed == nil {
		return r, false, nil
	}
	return receipt(landed), true, nil
}

// find looks for a user's post with m's key, from the newest back to the first
// attempt. It uses page reads: since answers may be wrongly empty.
func (c *client) find(ctx context.Context, user string, m *bridge.Outgoing) (*model.Post, error) {
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
			if p.UserId == user && prop(p, propKey) == string(m.Key) && p.OriginalId == "" {
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
