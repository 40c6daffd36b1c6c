package mattermost

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Resolver = (*client)(nil)
	_ bridge.Follower = (*client)(nil)
	_ bridge.Spacer   = (*client)(nil)
)

func isNotFound(err error) bool { return errors.Is(err, bridge.ErrNotFound) }

// Chat reads a channel.
func (c *client) Chat(ctx context.Context, id bridge.ChatID) (*bridge.ChatInfo, error) {
	if !validID(string(id)) {
		return nil, bridge.ErrNotFound
	}
	ch, err := c.api.channel(ctx, string(id))
	if err != nil {
		err = c.explain(ctx, err, id)
		if errors.Is(err, bridge.ErrForbidden) {
			// The server does not tell unknown channels from closed ones.
			return nil, fmt.Errorf("%w, or not open to the bot: %w", bridge.ErrNotFound, err)
		}
		return nil, err
	}
	info, err := c.chatInfo(ctx, ch)
	if err != nil {
		return nil, err
	}
	return &info, nil
}

// chatInfo describes a channel; it may ask for the team's name.
func (c *client) chatInfo(ctx context.Context, ch *model.Channel) (bridge.ChatInfo, error) {
	info := bridge.ChatInfo{
		ID: bridge.ChatID(ch.Id), Ref: ch.Name, Name: ch.DisplayName, Topic: ch.Header,
		Private: ch.Type != model.ChannelTypeOpen, Gone: ch.DeleteAt > 0,
	}
	if isDirect(ch.Type) {
		name, err := c.directName(ctx, ch)
		if err != nil {
			return info, err
		}
		info.Ref, info.Name = "direct/"+ch.Id, name
	}
	team, err := c.teamOf(ctx, ch)
	if err != nil {
		return info, c.explain(ctx, err, info.ID)
	}
	if team.Id != "" {
		info.Ref, info.Space, info.Gone = team.Name+"/"+ch.Name, bridge.SpaceID(team.Id), info.Gone || team.DeleteAt > 0
	}
	if info.Name == "" {
		info.Name = info.Ref
	}
	info.Slug = slug(info.Ref)
	return info, nil
}

// slug makes an alias of a reference. The names of teams and channels are lower
// case a-z, digits, - and _ already.
func slug(ref string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r == '/':
			return '.' // in no name, so that no two channels share an alias
		}
		return -1
	}, strings.ToLower(ref))
	return out[:min(len(out), 100)]
}

// Resolve finds channels by "team/channel". With * in the channel's name it
// lists matching open channels of the team.
func (c *client) Resolve(ctx context.Context, ref string) ([]bridge.ChatInfo, error) {
	ref = strings.ToLower(strings.TrimSpace(ref))
	teamName, name, ok := strings.Cut(ref, "/")
	pattern := strings.Contains(name, "*")
	if !ok || teamName == "" || name == "" || strings.ContainsAny(teamName, "*?[\\/") || strings.ContainsAny(name, "?[\\/") {
		return nil, fmt.Errorf("%w: write a channel as team/channel, as in its address in the browser", bridge.ErrNotFound)
	}
	team, err := c.api.teamByName(ctx, teamName)
	if err != nil {
		return nil, c.noTeam(ctx, err)
	}
	c.teams.put(team.Id, team)
	if pattern {
		return c.match(ctx, team, name)
	}
	ch, err := c.api.channelByName(ctx, team.Id, name)
	if err != nil {
		err = c.explain(ctx, err, "")
		if errors.Is(err, bridge.ErrForbidden) {
			return nil, fmt.Errorf("%w, or not open to the bot: add the bot to the team, and to the channel when it is private: %w", bridge.ErrNotFound, err)
		}
		return nil, err
	}
	info, err := c.chatInfo(ctx, ch)
	if err != nil {
		return nil, err
	}
	return []bridge.ChatInfo{info}, nil
}

// noTeam says why a team cannot be read.
func (c *client) noTeam(ctx context.Context, err error) error {
	err = c.explain(ctx, err, "")
	if errors.Is(err, bridge.ErrForbidden) {
		return fmt.Errorf("%w, or the bot is not in the team: add it to the team: %w", bridge.ErrNotFound, err)
	}
	return err
}

// match lists the open channels of a team that match a pattern.
func (c *client) match(ctx context.Context, team *model.Team, pattern string) ([]bridge.ChatInfo, error) {
	var found []bridge.ChatInfo
	known := map[string]bool{}
	for page := 0; ; page++ {
		channels, err := c.api.publicChannels(ctx, team.Id, page)
		if err != nil {
			return nil, c.noTeam(ctx, err)
		}
		for _, ch := range channels {
			fits, err := path.Match(pattern, ch.Name)
			if err != nil || !fits || known[ch.Id] || ch.DeleteAt > 0 || ch.Type != model.ChannelTypeOpen {
				continue
			}
			known[ch.Id] = true
			info, err := c.chatInfo(ctx, ch)
			if err != nil {
				return nil, err
			}
			found = append(found, info)
		}
		if len(channels) < pageSize {
			return found, nil
		}
	}
}

// Follow makes the bot a member of the channel, which its events need, and
// returns the channel's present position.
func (c *client) Follow(ctx context.Context, chat bridge.ChatID) (bridge.Cursor, error) {
	if !validID(string(chat)) {
		return "", bridge.ErrNotFound
	}
	me, err := c.me(ctx)
	if err != nil {
		return "", err
	}
	if err := c.enter(ctx, me, chat); err != nil {
		return "", err
	}
	pos, err := c.position(ctx, chat)
	if err != nil {
		return "", c.explain(ctx, err, chat)
	}
	c.expect(chat)
	return pos.encode(), nil
}

// enter joins an open channel; into a private one somebody must let the bot.
func (c *client) enter(ctx context.Context, me *self, chat bridge.ChatID) error {
	memberErr := c.api.joined(ctx, string(chat))
	if memberErr == nil {
		return nil
	}
	if status := statusOf(memberErr); status != http.StatusForbidden && status != http.StatusNotFound {
		return c.explain(ctx, memberErr, chat)
	}
	if sick := c.api.healthy(ctx); sick != nil {
		return shared(memberErr)
	}
	ch, err := c.api.channel(ctx, string(chat))
	switch {
	case statusOf(err) == http.StatusForbidden || statusOf(err) == http.StatusNotFound || err == nil && ch.Type != model.ChannelTypeOpen:
		return fmt.Errorf("%w: ask a channel admin to add @%s to the channel", bridge.ErrForbidden, me.name)
	case err != nil:
		return c.explain(ctx, err, chat)
	case ch.DeleteAt > 0:
		return fmt.Errorf("%w: the channel is archived: restore it first", bridge.ErrForbidden)
	}
	err = c.api.join(ctx, string(chat), me.id)
	if statusOf(err) == http.StatusForbidden {
		if teamErr := c.api.inTeam(ctx, ch.TeamId, me.id); teamErr != nil && statusOf(teamErr) != 0 {
			return fmt.Errorf("%w: ask a team admin to add @%s to the team", bridge.ErrForbidden, me.name)
		}
		return fmt.Errorf("%w: ask a channel admin to add @%s to the channel", bridge.ErrForbidden, me.name)
	}
	if err != nil {
		return c.explain(ctx, err, chat)
	}
	return nil
}

// position is the cursor that means from now on.
func (c *client) position(ctx context.Context, chat bridge.ChatID) (cursor, error) {
	newest, err := c.api.newestPosts(ctx, string(chat), 1)
	if err != nil {
		return cursor{}, err
	}
	if len(newest) > 0 {
		p := newest[0]
		return cursor{from: p.CreateAt, at: max(p.CreateAt, p.UpdateAt), id: p.Id}, nil
	}
	ch, err := c.api.channel(ctx, string(chat))
	if err != nil {
		return cursor{}, err
	}
	return cursor{from: ch.CreateAt, at: ch.CreateAt}, nil
}
