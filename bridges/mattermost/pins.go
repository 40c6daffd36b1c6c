package mattermost

import (
	"context"
	"net/http"
	"slices"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.Pinner = (*client)(nil)

// Pinned lists the channel's pinned posts, oldest first.
func (c *client) Pinned(ctx context.Context, chat bridge.ChatID) ([]bridge.MessageID, error) {
	if !validID(string(chat)) {
		return nil, bridge.ErrNotFound
	}
	list, err := get[*model.PostList](ctx, c.api, "read pins", "/channels/"+string(chat)+"/pinned")
	if err != nil {
		return nil, c.explain(ctx, err, chat)
	}
	var posts []*model.Post
	for _, p := range list.Posts {
		if p.IsPinned && p.DeleteAt == 0 && bridged(p) {
			posts = append(posts, p)
		}
	}
	slices.SortFunc(posts, byCreation)
	out := make([]bridge.MessageID, len(posts))
	for n, p := range posts {
		out[n] = bridge.MessageID(p.Id)
	}
	return out, nil
}

// Pin pins a post or takes the pin away, as the bot; every member may.
func (c *client) Pin(ctx context.Context, chat bridge.ChatID, id bridge.MessageID, on bool) error {
	if !validID(string(id)) {
		return bridge.ErrNotFound
	}
	what := "/pin"
	if !on {
		what = "/unpin"
	}
	err := c.api.call(ctx, "pin post", http.MethodPost, "/posts/"+string(id)+what, nil, nil)
	if statusOf(err) == http.StatusForbidden { // also when the post is deleted
		if _, gone := c.api.post(ctx, string(id)); statusOf(gone) == http.StatusNotFound {
			return bridge.ErrNotFound
		}
	}
	return c.explain(ctx, err, chat)
}

// tellPins passes on that a post was changed in another way than by its text.
func (f *feed) tellPins(p *model.Post) {
	chat := bridge.ChatID(p.ChannelId)
	f.mu.Lock()
	_, followed := f.chats[chat]
	f.mu.Unlock()
	if followed && touched(p) {
		f.sink.PinsChanged(chat)
	}
}

// touched tells whether the last change of a post was none of its text: a pin, a
// reaction, a reply.
func touched(p *model.Post) bool { return p.UpdateAt > max(p.EditAt, p.CreateAt) }

// tellPins passes on that pins may have changed since the sweep's start.
func (s *sweep) tellPins(rows []*model.Post, since int64) {
	if slices.ContainsFunc(rows, func(p *model.Post) bool { return p.UpdateAt > since && touched(p) }) {
		s.feed.sink.PinsChanged(s.chat.id)
	}
}
