package bridgefake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Puppeteer = (*client)(nil)
	_ bridge.Finder    = (*client)(nil)
)

// Puppet implements [bridge.Puppeteer].
func (c *client) Puppet(ctx context.Context, who bridge.Persona, old *bridge.Puppet) (*bridge.Puppet, error) {
	if _, err := c.net.enter(ctx, Call{Op: "puppet", Login: c.id}); err != nil {
		return nil, fmt.Errorf("make puppet: %w", classify(err))
	}
	var picture []byte
	if who.OpenAvatar != nil {
		body, _, err := who.OpenAvatar(ctx)
		if err != nil {
			return nil, fmt.Errorf("read picture: %w", err)
		}
		defer body.Close() //nolint:errcheck // read only
		if picture, err = io.ReadAll(body); err != nil {
			return nil, fmt.Errorf("read picture: %w", err)
		}
	}
	hash := sha256.Sum256([]byte(who.ID))
	id := bridge.LoginID("puppet-" + hex.EncodeToString(hash[:4]))
	n := c.net
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.login(id)
	if old != nil {
		l = n.loginOf(old.User)
	}
	u := n.users[l.user]
	u.info.Name = who.Name
	if who.OpenAvatar != nil {
		u.avatar, u.info.AvatarKey = picture, who.AvatarKey
	}
	made := &bridge.Puppet{User: l.user, Login: bridge.Login{ID: l.id}}
	if old != nil {
		made.Login.Secret = old.Login.Secret
	}
	if made.Login.Secret == "" {
		if l.disabled {
			return nil, fmt.Errorf("the account is disabled: %w", bridge.ErrForbidden)
		}
		l.secrets++
		l.revoked = false
		made.Login.Secret = "secret " + strconv.Itoa(l.secrets)
	}
	return made, nil
}

// Admit implements [bridge.Puppeteer].
func (c *client) Admit(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) error {
	return c.movePuppet(ctx, chat, puppet, true)
}

// Dismiss implements [bridge.Puppeteer].
func (c *client) Dismiss(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) error {
	return c.movePuppet(ctx, chat, puppet, false)
}

// Admitted implements [bridge.Puppeteer].
func (c *client) Admitted(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) (bool, error) {
	ch, _, err := c.net.open(ctx, Call{Op: "admit", Login: c.id, Chat: chat})
	if err != nil {
		return false, fmt.Errorf("look for puppet: %w", classify(err))
	}
	defer c.net.mu.Unlock()
	return ch.people[puppet], nil
}

func (c *client) movePuppet(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID, in bool) error {
	ch, _, err := c.net.open(ctx, Call{Op: "admit", Login: c.id, Chat: chat})
	if err != nil {
		return fmt.Errorf("move puppet: %w", classify(err))
	}
	defer c.net.mu.Unlock()
	l := c.net.loginOf(puppet)
	switch {
	case l == nil:
		return fmt.Errorf("move puppet: %w", bridge.ErrNotFound)
	case in && c.net.full[chat]:
		return fmt.Errorf("the chat is full: %w", bridge.ErrForbidden)
	case ch.people[puppet] == in:
		return nil
	}
	ch.crowd++
	ch.admit[l.id] = in
	if in {
		ch.people[puppet] = true
	} else {
		delete(ch.people, puppet)
	}
	c.net.announce()
	return nil
}

// loginOf finds the login that is a user. Callers hold mu.
func (n *Network) loginOf(user bridge.UserID) *login {
	for _, l := range n.logins {
		if l.user == user {
			return l
		}
	}
	return nil
}

// Full closes a chat to further puppets, or opens it again.
func (n *Network) Full(chat bridge.ChatID, full bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.full[chat] = full
}

// Find implements [bridge.Finder].
func (c *client) Find(ctx context.Context, m *bridge.Outgoing, by bridge.UserID) (bridge.Receipt, bool, error) {
	id := c.id
	if by != "" {
		c.net.mu.Lock()
		l := c.net.loginOf(by)
		c.net.mu.Unlock()
		if l == nil {
			return bridge.Receipt{}, false, nil
		}
		id = l.id
	}
	r, found, err := c.net.findBy(ctx, c.id, id, m.Chat, m.Key, m.Since)
	if err != nil {
		return r, false, fmt.Errorf("find: %w", classify(err))
	}
	return r, found, nil
}

// findBy looks, as one login, for what another has sent.
func (n *Network) findBy(
	ctx context.Context, as, id bridge.LoginID, chat bridge.ChatID, key bridge.Key, since time.Time,
) (r bridge.Receipt, found bool, err error) {
	c, _, err := n.open(ctx, Call{Op: "find", Login: as, Chat: chat})
	if err != nil {
		return r, false, err
	}
	defer n.mu.Unlock()
	for _, m := range c.msgs {
		if m.Login == id && m.Key == key && !m.Time.Before(since) {
			return receipt(m), true, nil
		}
	}
	return r, false, nil
}

// RevokePuppet ends a puppet's secret.
func (n *Network) RevokePuppet(user bridge.UserID) {
	n.mu.Lock()
	l := n.loginOf(user)
	n.mu.Unlock()
	if l != nil {
		n.Revoke(l.id)
	}
}

// InChat implements [bridgetest.RemotePuppets].
func (r *Remote) InChat(_ testing.TB, user bridge.UserID, chat bridge.ChatID) bool {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	c := r.net.chats[chat]
	return c != nil && c.people[user]
}

// UserName implements [bridgetest.RemotePuppets].
func (r *Remote) UserName(_ testing.TB, user bridge.UserID) string {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	u := r.net.users[user]
	if u == nil {
		return ""
	}
	return u.info.Name
}

// HasPicture implements [bridgetest.RemotePuppets].
func (r *Remote) HasPicture(_ testing.TB, user bridge.UserID) bool {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	u := r.net.users[user]
	return u != nil && len(u.avatar) > 0
}

// Disable implements [bridgetest.RemotePuppets].
func (r *Remote) Disable(_ testing.TB, user bridge.UserID) { r.net.DisablePuppet(user) }

// DisablePuppet closes a puppet's account.
func (n *Network) DisablePuppet(user bridge.UserID) {
	n.mu.Lock()
	l := n.loginOf(user)
	if l != nil {
		l.disabled = true
	}
	n.mu.Unlock()
	if l != nil {
		n.Revoke(l.id)
	}
}

var errNoSecret = errors.New("a puppet's login without its secret")
