package mattermost

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strconv"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.MemberLister = (*client)(nil)

// Members lists the accounts in a channel that are not closed. The sign is their
// number: the server tells it at once, and it changes with whatever leaves no post,
// as when somebody leaves the team. What leaves the number as it was are a leave and
// a join, and those leave posts, see [memberEvent].
func (c *client) Members(ctx context.Context, chat bridge.ChatID, known string) (*bridge.MemberList, error) {
	if !validID(string(chat)) {
		return nil, bridge.ErrNotFound
	}
	count, err := c.api.memberCount(ctx, string(chat))
	if err != nil {
		return nil, c.explain(ctx, err, chat)
	}
	list := &bridge.MemberList{Sign: strconv.Itoa(count)}
	if list.Sign == known {
		list.Same = true
		return list, nil
	}
	people, err := c.readMembers(ctx, string(chat), count)
	if err != nil {
		return nil, c.explain(ctx, err, chat)
	}
	list.People = make([]bridge.UserInfo, 0, len(people))
	for _, info := range people {
		list.People = append(list.People, info)
	}
	return list, nil
}

// listRounds is how often a list is read that changes while it is read.
const listRounds = 5

var errListMoves error = &bridge.TemporaryError{Err: errors.New("the list of members changes faster than it can be read")}

// readMembers reads the whole list. Its pages are cut out of a list by name: who
// joins or leaves meanwhile moves the others from one page to the next. So a list of
// several pages counts when it is as long as the server said, or when it was read
// twice alike.
func (c *client) readMembers(ctx context.Context, channel string, count int) (map[string]bridge.UserInfo, error) {
	var before map[string]bridge.UserInfo
	for range listRounds {
		people, pages, err := c.readMembersOnce(ctx, channel)
		if err != nil {
			return nil, err
		}
		if pages == 1 || len(people) == count || before != nil && maps.Equal(people, before) {
			return people, nil
		}
		before = people
	}
	return nil, errListMoves
}

func (c *client) readMembersOnce(ctx context.Context, channel string) (people map[string]bridge.UserInfo, pages int, err error) {
	people = map[string]bridge.UserInfo{}
	for {
		page, err := c.api.usersIn(ctx, channel, pages)
		if err != nil {
			return nil, 0, err
		}
		for _, u := range page {
			people[u.Id] = userInfo(u)
		}
		if pages++; len(page) < pageSize {
			return people, pages, nil
		}
	}
}

// memberCount is how many accounts are in a channel that are not closed.
func (a *api) memberCount(ctx context.Context, channel string) (int, error) {
	stats, err := get[*model.ChannelStats](ctx, a, "count members", "/channels/"+channel+"/stats?exclude_files_count=true")
	if err != nil {
		return 0, err
	}
	return int(stats.MemberCount), nil
}

// usersIn lists a page of those accounts.
func (a *api) usersIn(ctx context.Context, channel string, page int) ([]*model.User, error) {
	query := url.Values{
		"in_channel": {channel}, "active": {"true"},
		"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(pageSize)},
	}
	return get[[]*model.User](ctx, a, "list members", "/users?"+query.Encode())
}

// memberEvent makes the hint of a post by which the server says that somebody has
// joined or left, nil of any other.
func memberEvent(p *model.Post, me *self) *bridge.Members {
	ev := &bridge.Members{Meta: bridge.Meta{
		Chat: bridge.ChatID(p.ChannelId), Time: fromMillis(p.CreateAt), Key: memberKey(p.Id),
	}}
	switch p.Type {
	case model.PostTypeJoinChannel, model.PostTypeGuestJoinChannel, model.PostTypeJoinTeam:
		ev.Joined = []bridge.UserID{bridge.UserID(p.UserId)}
	case model.PostTypeAddToChannel, model.PostTypeAddGuestToChannel, model.PostTypeAddToTeam:
		if who := prop(p, propAddedUser); who != "" {
			ev.Joined = []bridge.UserID{bridge.UserID(who)}
		}
	default:
		if kindOf(p) != postMembers {
			return nil
		}
	}
	if letsUsIn(p, me) {
		return nil // that is another story
	}
	return ev
}
