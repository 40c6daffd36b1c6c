package mattermost

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Puppeteer = (*client)(nil)
	_ bridge.Finder    = (*client)(nil)
)

// adminLogin is the login that makes accounts. No other can have its name.
const adminLogin bridge.LoginID = "*admin*"

// A puppet is a bot account: those count for no licence, and people see that behind
// it is no account of this server. Only an administrator's account can make them, no
// bot can.

// Puppet makes the bot account of a Matrix person, or brings it up to date.
func (c *client) Puppet(ctx context.Context, who bridge.Persona, old *bridge.Puppet) (*bridge.Puppet, error) {
	if c.admin == nil {
		return nil, fmt.Errorf("%w: identity is %s", bridge.ErrUnsupported, identityRelay)
	}
	p, err := c.admin.puppetOf(ctx, who, old)
	if err != nil {
		return nil, c.admin.explain(ctx, err, "")
	}
	return p, nil
}

// puppetOf is run by the administrator's client.
func (c *client) puppetOf(ctx context.Context, who bridge.Persona, old *bridge.Puppet) (*bridge.Puppet, error) {
	p := &bridge.Puppet{}
	name := cmp.Or(shownName(who.Name, maxName), nameless)
	if old != nil {
		*p = *old
		if err := c.api.renameBot(ctx, string(p.User), name); err != nil {
			return nil, err
		}
	} else {
		user, err := c.ensureBot(ctx, who.ID, name)
		if err != nil {
			return nil, err
		}
		p.User, p.Login.ID = bridge.UserID(user), bridge.LoginID(user)
	}
	if p.Login.Secret == "" {
		token, err := c.newToken(ctx, string(p.User))
		if err != nil {
			return nil, err
		}
		if p.Login.Secret, err = c.net.seal(token); err != nil {
			return nil, err
		}
	}
	switch {
	case who.OpenAvatar != nil:
		return p, c.setPicture(ctx, string(p.User), who)
	case who.AvatarKey == "" && old != nil && old.Login.Secret != "":
		return p, c.api.call(ctx, "take picture away", http.MethodDelete, "/users/"+string(p.User)+"/image", nil, nil)
	}
	return p, nil
}

// ensureBot finds or makes the account of a Matrix person. It is known by its
// description and by who made it: names can be anybody's.
func (c *client) ensureBot(ctx context.Context, who id.UserID, name string) (string, error) {
	me, err := c.me(ctx)
	if err != nil {
		return "", err
	}
	about := "Stands for " + string(who) + ", who writes from Matrix."
	var failed error
	for _, username := range puppetNames(who) {
		var made model.Bot
		err := c.api.call(ctx, "make bot account", http.MethodPost, "/bots",
			&model.Bot{Username: username, DisplayName: name, Description: about}, &made)
		if err == nil {
			return made.UserId, nil
		}
		if failed = err; statusOf(err) != http.StatusBadRequest {
			return "", err
		}
		// Taken, by us before or by somebody else.
		found, err := c.api.usersByNames(ctx, []string{username})
		switch {
		case err != nil:
			return "", err
		case len(found) == 0:
			return "", failed // refused for another reason
		case !found[0].IsBot:
			continue
		}
		u := found[0]
		bot, err := get[*model.Bot](ctx, c.api, "read bot account", "/bots/"+u.Id+"?include_deleted=true")
		if err != nil {
			return "", err
		}
		if bot.OwnerId == me.id && bot.Description == about {
			return u.Id, nil
		}
	}
	return "", failed
}

// puppetNames are the account names that a person's puppet may have, the nicest
// first. The last can be nobody else's.
func puppetNames(who id.UserID) []string {
	const suffix, hashLen = "-matrix", 8
	local := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(who.Localpart()))
	local = strings.TrimLeft(local, "-._")
	local = cmp.Or(local[:min(len(local), model.UserNameMaxLength-len(suffix)-1-hashLen)], "person")
	sum := sha256.Sum256([]byte(who))
	return []string{local + suffix, local + suffix + "-" + hex.EncodeToString(sum[:hashLen/2])}
}

// newToken makes an access token. An account that somebody has disabled gets none.
func (c *client) newToken(ctx context.Context, user string) (string, error) {
	u, err := c.api.user(ctx, user)
	if err != nil {
		return "", err
	}
	if u.DeleteAt > 0 {
		return "", fmt.Errorf("%w: an administrator has disabled it", bridge.ErrForbidden)
	}
	token, err := post[*model.UserAccessToken](ctx, c.api, "make access token", "/users/"+user+"/tokens", map[string]string{"description": "Steg"})
	if err != nil {
		return "", err
	}
	return token.Token, nil
}

// Admit adds a puppet to a channel and its team.
func (c *client) Admit(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) error {
	if c.admin == nil || !validID(string(chat)) || !validID(string(puppet)) {
		return bridge.ErrNotFound
	}
	return c.admin.explain(ctx, c.admin.admit(ctx, string(chat), string(puppet)), "")
}

// Admitted asks whether a puppet is in a channel.
func (c *client) Admitted(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) (bool, error) {
	if c.admin == nil || !validID(string(chat)) || !validID(string(puppet)) {
		return false, bridge.ErrNotFound
	}
	in, err := c.admin.api.isMember(ctx, string(chat), string(puppet))
	return in, c.admin.explain(ctx, err, "")
}

func (a *api) isMember(ctx context.Context, chat, user string) (bool, error) {
	err := a.call(ctx, "look for a member", http.MethodGet, "/channels/"+chat+"/members/"+user, nil, nil)
	if statusOf(err) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// admit is run by the administrator's client, which is in no channel itself.
func (c *client) admit(ctx context.Context, chat, user string) error {
	if in, err := c.api.isMember(ctx, chat, user); err != nil || in {
		return err
	}
	ch, err := c.api.channel(ctx, chat)
	if err != nil {
		return err
	}
	if ch.TeamId != "" {
		member := map[string]string{"team_id": ch.TeamId, "user_id": user}
		if err := c.api.call(ctx, "add to team", http.MethodPost, "/teams/"+ch.TeamId+"/members", member, nil); err != nil {
			return err
		}
	}
	return c.api.join(ctx, chat, user)
}

// Dismiss takes a puppet out of a channel.
func (c *client) Dismiss(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) error {
	if c.admin == nil || !validID(string(chat)) || !validID(string(puppet)) {
		return nil
	}
	err := c.admin.api.call(ctx, "remove from channel", http.MethodDelete, "/channels/"+string(chat)+"/members/"+string(puppet), nil, nil)
	if err = c.admin.explain(ctx, err, ""); errors.Is(err, bridge.ErrNotFound) {
		return nil
	}
	return err
}

func (a *api) renameBot(ctx context.Context, user, name string) error {
	return a.call(ctx, "rename bot account", http.MethodPut, "/bots/"+user, &model.BotPatch{DisplayName: &name}, nil)
}

// maxPicture bounds a picture in memory, in bytes.
const maxPicture = 2 << 20

func (c *client) setPicture(ctx context.Context, user string, who bridge.Persona) error {
	body, size, err := who.OpenAvatar(ctx)
	if err != nil {
		return fmt.Errorf("read picture: %w", err)
	}
	defer body.Close() //nolint:errcheck // read only
	if size > maxPicture {
		return nil // it stays as it was: no account fails for a picture
	}
	err = c.api.setPicture(ctx, user, body)
	if status := statusOf(err); status >= 400 && status < 500 && status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
		return nil // the server cannot read it
	}
	return err
}

// setPicture uploads a picture of at most [maxPicture] bytes.
func (a *api) setPicture(ctx context.Context, user string, picture io.Reader) error {
	const op = "set picture"
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("image", "picture")
	if err != nil {
		return newCallError(op, nil, err)
	}
	if n, err := io.Copy(part, io.LimitReader(picture, maxPicture+1)); err != nil || n > maxPicture {
		return err // too large: it stays as it was
	}
	if err := w.Close(); err != nil {
		return newCallError(op, nil, err)
	}
	moving, stall := bridge.WithStall(ctx, a.stall)
	defer stall.End()
	req, err := http.NewRequestWithContext(moving, http.MethodPost, a.client.APIURL+"/users/"+user+"/image", stall.Watch(&form))
	if err != nil {
		return newCallError(op, nil, err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	resp, err := a.fileCall(ctx, moving, op, req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
