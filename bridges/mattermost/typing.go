package mattermost

import (
	"context"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.Typist = (*client)(nil)

const (
	// typingShown is how long the server's apps show that somebody is writing; they
	// repeat it every 5 s (TimeBetweenUserTypingUpdatesMilliseconds).
	typingShown = 6 * time.Second
	// typingRest is the least time between two notices in one channel: all Matrix
	// people are one account.
	typingRest = 3 * time.Second
)

// typing tells the core of a notice that somebody is writing.
func (f *feed) typing(fr *frame) {
	chat, user := channelOf(fr), fr.text("user_id")
	f.mu.Lock()
	_, followed := f.chats[chat]
	f.mu.Unlock()
	if followed && user != "" && user != f.me.id {
		f.sink.Typing(bridge.Typing{Chat: chat, Sender: bridge.UserID(user), For: typingShown})
	}
}

// Typing shows the bot as writing. The end of it the server's apps find by
// themselves.
func (c *client) Typing(ctx context.Context, chat bridge.ChatID, _ bridge.Author, on bool) error {
	if !validID(string(chat)) {
		return bridge.ErrNotFound
	}
	now := c.net.deps.Now()
	if last, ok := c.typed.get(chat); !on || ok && now.Sub(last) < typingRest {
		return nil
	}
	me, err := c.me(ctx)
	if err != nil {
		return err
	}
	c.typed.put(chat, now)
	return classify(c.api.typing(ctx, me.id, string(chat)))
}
