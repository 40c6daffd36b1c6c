package bridgefake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.DirectOpener = (*client)(nil)

// Direct returns the chat of just these people and puppets, and makes it when there
// is none.
func (n *Network) Direct(people ...bridge.UserID) bridge.ChatID {
	slices.Sort(people)
	ref := fmt.Sprint("direct ", people)
	n.mu.Lock()
	for _, c := range n.order {
		if c.info.Ref == ref {
			n.mu.Unlock()
			return c.info.ID
		}
	}
	n.mu.Unlock()
	id := n.NewChat(ref, true)
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.chats[id]
	c.direct = true
	for _, u := range people {
		c.people[u] = true
		if l := n.loginOf(u); l != nil {
			c.admit[l.id], c.in[l.id] = true, 0
		}
	}
	return id
}

// OpenDirect implements [bridge.DirectOpener].
func (c *client) OpenDirect(ctx context.Context, people []bridge.UserID) (bridge.Direct, error) {
	if _, err := c.net.enter(ctx, Call{Op: "direct", Login: c.id}); err != nil {
		return bridge.Direct{}, fmt.Errorf("open direct chat: %w", classify(err))
	}
	c.net.mu.Lock()
	for _, u := range people {
		if c.net.users[u] == nil {
			c.net.mu.Unlock()
			return bridge.Direct{}, fmt.Errorf("open direct chat: %w", bridge.ErrNotFound)
		}
	}
	c.net.mu.Unlock()
	return c.direct(c.net.Direct(append(slices.Clone(people), c.self())...)), nil
}

// direct describes a direct chat as this account sees it.
func (c *client) direct(id bridge.ChatID) bridge.Direct {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	people := slices.Sorted(maps.Keys(c.net.chats[id].people))
	return bridge.Direct{
		Chat: id, From: "0", People: slices.DeleteFunc(people, func(u bridge.UserID) bool { return u == c.self() }),
	}
}

// isDirect reports whether a chat is one that a puppet tells of.
func (c *client) isDirect(id bridge.ChatID) bool {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	ch := c.net.chats[id]
	return ch != nil && ch.direct && strings.HasPrefix(string(c.id), "puppet-")
}

// directs lists the direct chats that the account is in.
func (c *client) directs() []bridge.ChatID {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	var out []bridge.ChatID
	for _, ch := range c.net.order {
		if _, in := ch.in[c.id]; in && ch.direct {
			out = append(out, ch.info.ID)
		}
	}
	return out
}

// meet tells the core of a direct chat, and reads it when the core wants it.
func (r *reader) meet(ctx context.Context, id bridge.ChatID) error {
	if _, known := r.pos[id]; known || !r.client.isDirect(id) {
		return nil
	}
	d := r.client.direct(id)
	followed, err := r.sink.Direct(ctx, d)
	if err != nil || !followed {
		return err
	}
	all, err := r.sink.Followed(ctx)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Chat == id {
			return r.start(ctx, f)
		}
	}
	return nil
}

// Direct implements [bridgetest.RemoteDirects].
func (r *Remote) Direct(_ testing.TB, people ...bridge.UserID) bridge.ChatID {
	return r.net.Direct(people...)
}
