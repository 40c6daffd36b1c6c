package bridgefake

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.Typist = (*client)(nil)

// typingTime is how long the network shows that somebody is writing.
const typingTime = 5 * time.Second

// Type lets a person begin to write in a chat.
func (n *Network) Type(by bridge.UserID, id bridge.ChatID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.chats[id]
	if c == nil {
		return
	}
	for login := range c.in {
		n.login(login).push(push{chat: id, typing: &bridge.Typing{Chat: id, Sender: by, For: typingTime}})
	}
	n.announce()
}

// Typed tells how often a login was shown as writing in a chat, and whether it is
// shown now.
func (n *Network) Typed(id bridge.ChatID) (times int, now bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.chats[id]
	if c == nil {
		return 0, false
	}
	return c.typed, c.typing
}

// Typing implements [bridge.Typist].
func (c *client) Typing(ctx context.Context, chat bridge.ChatID, _ bridge.Author, on bool) error {
	ch, _, err := c.net.open(ctx, Call{Op: "type", Login: c.id, Chat: chat})
	if err != nil {
		return fmt.Errorf("show typing: %w", classify(err))
	}
	defer c.net.mu.Unlock()
	if ch.typing = on; on {
		ch.typed++
	}
	c.net.announce()
	return nil
}

// Type implements [bridgetest.Remote].
func (r *Remote) Type(_ testing.TB, user bridge.UserID, chat bridge.ChatID) { r.net.Type(user, chat) }

// SeesTyping implements [bridgetest.Remote].
func (r *Remote) SeesTyping(_ testing.TB, _ bridge.UserID, chat bridge.ChatID) bool {
	_, now := r.net.Typed(chat)
	return now
}
