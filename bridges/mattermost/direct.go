package mattermost

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.DirectOpener = (*client)(nil)

// The server tells of a direct or group message only those who are in it. So each
// puppet listens for itself; the bot's own direct messages stay with the bot.

func isDirect(t model.ChannelType) bool {
	return t == model.ChannelTypeDirect || t == model.ChannelTypeGroup
}

// OpenDirect makes the direct channel with one person, or the group with several.
func (c *client) OpenDirect(ctx context.Context, people []bridge.UserID) (bridge.Direct, error) {
	me, err := c.me(ctx)
	if err != nil {
		return bridge.Direct{}, err
	}
	if len(people) == 1 && validID(string(people[0])) {
		ch, err := c.api.directChannel(ctx, me.id, string(people[0]))
		if err != nil {
			return bridge.Direct{}, c.explain(ctx, err, "")
		}
		return bridge.Direct{Chat: bridge.ChatID(ch.Id), People: slices.Clone(people), From: beginning(ch)}, nil
	}
	ids := []string{me.id}
	for _, u := range people {
		if !validID(string(u)) {
			return bridge.Direct{}, bridge.ErrNotFound
		}
		ids = append(ids, string(u))
	}
	ch, err := post[*model.Channel](ctx, c.api, "open group", "/channels/group", ids)
	if err != nil {
		return bridge.Direct{}, c.explain(ctx, err, "")
	}
	return bridge.Direct{Chat: bridge.ChatID(ch.Id), People: slices.Clone(people), From: beginning(ch)}, nil
}

// beginning is the position before a channel's first post.
func beginning(ch *model.Channel) bridge.Cursor {
	return cursor{from: ch.CreateAt - 1, at: ch.CreateAt - 1}.encode()
}

// meetDirects tells the core of the direct channels that it does not follow. It
// reports whether it follows more now.
func (f *feed) meetDirects(ctx context.Context) (more bool, err error) {
	if !f.c.puppet || f.c.admin == nil {
		return false, nil
	}
	listed, err := f.c.api.myChannels(ctx)
	if err != nil {
		return false, f.c.explain(ctx, err, "")
	}
	// The server itself writes to who has made an account, in that account's name.
	owner, err := f.c.admin.me(ctx)
	if err != nil {
		return false, err
	}
	for _, ch := range listed {
		id := bridge.ChatID(ch.Id)
		f.mu.Lock()
		_, known := f.chats[id]
		f.mu.Unlock()
		if known || !isDirect(ch.Type) || ch.LastPostAt == 0 || f.unwanted[id] == ch.LastPostAt {
			continue // an empty one was only looked at
		}
		people, err := f.c.peopleOf(ctx, f.me, ch)
		if err != nil {
			return more, err
		}
		if slices.Contains(people, bridge.UserID(owner.id)) {
			continue
		}
		followed, err := f.sink.Direct(ctx, bridge.Direct{Chat: id, People: people, From: beginning(ch)})
		if err != nil {
			return more, fmt.Errorf("%w: %w", errStore, err)
		}
		if more = more || followed; !followed {
			f.unwanted[id] = ch.LastPostAt
		}
	}
	return more, nil
}

// peopleOf lists who else is in a direct channel.
func (c *client) peopleOf(ctx context.Context, me *self, ch *model.Channel) ([]bridge.UserID, error) {
	var all []string
	if ch.Type == model.ChannelTypeDirect {
		a, b, _ := strings.Cut(ch.Name, "__")
		all = []string{a, b}
	} else {
		members, err := get[[]*model.ChannelMember](ctx, c.api, "list members", "/channels/"+ch.Id+"/members?per_page=200")
		if err != nil {
			return nil, c.explain(ctx, err, "")
		}
		for _, m := range members {
			all = append(all, m.UserId)
		}
	}
	var people []bridge.UserID
	for _, id := range all {
		if id != me.id {
			people = append(people, bridge.UserID(id))
		}
	}
	return people, nil
}

// directName is what a direct channel is called: by the names of the others.
func (c *client) directName(ctx context.Context, ch *model.Channel) (string, error) {
	me, err := c.me(ctx)
	if err != nil {
		return "", err
	}
	people, err := c.peopleOf(ctx, me, ch)
	if err != nil {
		return "", err
	}
	unknown := map[bridge.UserID]bool{}
	for _, u := range people {
		unknown[u] = true
	}
	c.learnPeople(ctx, unknown)
	var names []string
	for _, id := range people {
		u, ok := c.people.byID.get(string(id))
		if !ok || u == nil {
			return "", &bridge.TemporaryError{Err: fmt.Errorf("read people: %d are not known", len(people))}
		}
		if !u.IsBot || len(people) == 1 { // accounts of Matrix people know themselves
			names = append(names, displayName(u))
		}
	}
	return strings.Join(names, ", "), nil
}
