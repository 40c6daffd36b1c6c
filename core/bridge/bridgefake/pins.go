package bridgefake

import (
	"context"
	"fmt"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridge.Pinner         = (*client)(nil)
	_ bridgetest.RemotePins = (*Remote)(nil)
)

// Pin pins a message or takes the pin away.
func (n *Network) Pin(id bridge.ChatID, target bridge.MessageID, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		if m := c.live(target); m != nil {
			n.pin(c, m, change{}, on)
		}
	}
}

// Pinned lists the pinned messages, oldest first.
func (n *Network) Pinned(id bridge.ChatID) []bridge.MessageID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.chats[id].pinned()
}

// pinned and pin need mu held.

func (c *chat) pinned() []bridge.MessageID {
	var out []bridge.MessageID
	for _, m := range c.msgs {
		if m.pinned && !m.gone {
			out = append(out, m.ID)
		}
	}
	return out
}

func (n *Network) pin(c *chat, m *message, ch change, on bool) {
	if m.pinned == on {
		return
	}
	m.pinned = on
	ch.kind, ch.msg = changePin, m
	n.record(c, ch)
}

// Pinned implements [bridge.Pinner].
func (c *client) Pinned(ctx context.Context, id bridge.ChatID) ([]bridge.MessageID, error) {
	chat, _, err := c.net.open(ctx, Call{Op: "pinned", Login: c.id, Chat: id})
	if err != nil {
		return nil, fmt.Errorf("read pins: %w", classify(err))
	}
	defer c.net.mu.Unlock()
	return chat.pinned(), nil
}

// Pin implements [bridge.Pinner].
func (c *client) Pin(ctx context.Context, id bridge.ChatID, target bridge.MessageID, on bool) error {
	chat, _, err := c.net.open(ctx, Call{Op: "pin", Login: c.id, Chat: id})
	if err != nil {
		return fmt.Errorf("pin: %w", classify(err))
	}
	defer c.net.mu.Unlock()
	m := chat.live(target)
	if m == nil {
		return fmt.Errorf("pin: %w", bridge.ErrNotFound)
	}
	c.net.pin(chat, m, change{login: c.id}, on)
	return nil
}

// Pin implements [bridgetest.RemotePins].
func (r *Remote) Pin(_ testing.TB, _ bridge.UserID, chat bridge.ChatID, id bridge.MessageID, on bool) {
	r.net.Pin(chat, id, on)
}

// Pinned implements [bridgetest.RemotePins].
func (r *Remote) Pinned(_ testing.TB, chat bridge.ChatID) []bridge.MessageID {
	return r.net.Pinned(chat)
}
