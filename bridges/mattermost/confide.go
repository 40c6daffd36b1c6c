package mattermost

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Confider     = (*client)(nil)
	_ bridge.PersonFinder = (*client)(nil)
)

// userName is the shape of account names; what has another is never sent.
var userName = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// FindPerson finds a person by account name, of which the server knows each once.
func (c *client) FindPerson(ctx context.Context, name string) (*bridge.UserInfo, error) {
	name = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "@"))
	if !userName.MatchString(name) {
		return nil, bridge.ErrNotFound
	}
	me, err := c.me(ctx)
	if err != nil {
		return nil, err
	}
	users, err := c.api.usersByNames(ctx, []string{name})
	if err != nil {
		return nil, c.explain(ctx, err, "")
	}
	for _, u := range users {
		if u.Username == name && u.Id != me.id {
			info := userInfo(u)
			return &info, nil
		}
	}
	return nil, bridge.ErrNotFound
}

// Confide writes into the direct channel of the login and a person, which the server
// makes when there is none.
func (c *client) Confide(ctx context.Context, user bridge.UserID, text string) error {
	me, err := c.me(ctx)
	if err != nil {
		return err
	}
	if !validID(string(user)) || string(user) == me.id {
		return bridge.ErrNotFound
	}
	// The server answers 403 for people it does not know.
	if _, err := c.User(ctx, user); err != nil {
		return err
	}
	direct, err := c.api.directChannel(ctx, me.id, string(user))
	if err != nil {
		return c.explainConfide(ctx, err)
	}
	if _, err := c.api.createPost(ctx, &model.Post{ChannelId: direct.Id, Message: escapeText(text)}); err != nil {
		return c.explainConfide(ctx, err)
	}
	return nil
}

// explainConfide believes a 403: who may write to whom is for the server to say.
func (c *client) explainConfide(ctx context.Context, err error) error {
	if statusOf(err) == http.StatusForbidden && c.api.healthy(ctx) == nil {
		return classify(err)
	}
	return c.explain(ctx, err, "")
}

// directChannel finds or makes the direct channel of two people.
func (a *api) directChannel(ctx context.Context, one, other string) (*model.Channel, error) {
	return post[*model.Channel](ctx, a, "open direct channel", "/channels/direct", []string{one, other})
}
