package mattermost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.Reactor = (*client)(nil)

// emojiVariant asks for the coloured form. The server's names stand for sequences
// with it or without.
const emojiVariant = "\uFE0F"

// emojiNames finds the server's name of an emoji without variation selectors. Of
// several names the shortest counts, and of those the first: mostly the one that
// the server's own clients use ("+1", not "thumbsup").
var emojiNames = sync.OnceValue(func() map[string]string {
	names := make(map[string]string, len(model.SystemEmojis))
	for name := range model.SystemEmojis {
		text, ok := emojiText(name)
		if !ok {
			continue
		}
		text = strings.ReplaceAll(text, emojiVariant, "")
		old, known := names[text]
		if !known || len(name) < len(old) || len(name) == len(old) && name < old {
			names[text] = name
		}
	}
	return names
})

// emojiName is the server's name of a reaction, "" when there can be none. A custom
// emoji need not exist.
func emojiName(emoji string) string {
	if name, ok := emojiNames()[strings.ReplaceAll(emoji, emojiVariant, "")]; ok {
		return name
	}
	name, begins := strings.CutPrefix(emoji, ":")
	name, ends := strings.CutSuffix(name, ":")
	_, system := model.SystemEmojis[name]
	if begins && ends && (system || model.IsValidEmojiName(name) == nil) {
		return name
	}
	return ""
}

// reactionEmoji is the contract's form of a reaction's name.
func reactionEmoji(name string) string {
	if text, ok := emojiText(name); ok {
		return strings.ReplaceAll(text, emojiVariant, "")
	}
	return ":" + name + ":"
}

// React sets the bot's reaction or takes it back. The server holds each emoji once
// for the bot, however often it is told.
func (c *client) React(ctx context.Context, m *bridge.OutgoingReaction) error {
	name := emojiName(m.Emoji)
	switch {
	case name == "":
		return fmt.Errorf("%w: the emoji has no name here", bridge.ErrUnsupported)
	case !validID(string(m.Target)):
		return bridge.ErrNotFound
	}
	me, err := c.me(ctx)
	if err != nil {
		return err
	}
	if m.Removed {
		err = c.api.unreact(ctx, me.id, string(m.Target), name)
	} else {
		err = c.api.react(ctx, me.id, string(m.Target), name)
	}
	return c.explain(ctx, err, m.Chat)
}

func (a *api) react(ctx context.Context, user, post, name string) error {
	r := &model.Reaction{UserId: user, PostId: post, EmojiName: name}
	return a.call(ctx, "react", http.MethodPost, "/reactions", r, nil)
}

func (a *api) unreact(ctx context.Context, user, post, name string) error {
	return a.call(ctx, "take reaction back", http.MethodDelete, "/users/"+user+"/posts/"+post+"/reactions/"+name, nil, nil)
}

// reactions reads the reactions to posts, past the server's cache.
func (a *api) reactions(ctx context.Context, posts []string) (map[string][]*model.Reaction, error) {
	return post[map[string][]*model.Reaction](ctx, a, "read reactions", "/posts/ids/reactions", posts)
}

// reactionsEvent makes the event of all reactions to a post, and what tells them
// from others. at is the server's time of the telling; which names the telling: what
// was so, then otherwise, then so again is told three times.
func (f *feed) reactionsEvent(chat bridge.ChatID, post string, all []*model.Reaction, at, which int64) (ev *bridge.Reactions, sum string) {
	ev = &bridge.Reactions{Target: bridge.MessageID(post)}
	seen := map[bridge.Reaction]bool{}
	hash := sha256.New()
	slices.SortStableFunc(all, func(a, b *model.Reaction) int { return strings.Compare(a.UserId+a.EmojiName, b.UserId+b.EmojiName) })
	for _, r := range all {
		// One emoji may have several names.
		one := bridge.Reaction{User: bridge.UserID(r.UserId), Emoji: reactionEmoji(r.EmojiName)}
		if r.UserId == f.me.id || r.DeleteAt > 0 || seen[one] {
			continue
		}
		seen[one] = true
		// One that was taken back and set again has kept its first time.
		one.Time = fromMillis(max(r.CreateAt, r.UpdateAt))
		ev.Present = append(ev.Present, one)
		_, _ = fmt.Fprintln(hash, one.User, one.Emoji, one.Time.UnixMilli()) // a hash never fails
	}
	if len(ev.Present) > 0 {
		sum = hex.EncodeToString(hash.Sum(nil)[:9])
	}
	ev.Meta = bridge.Meta{
		Chat: chat, Time: fromMillis(at), Key: bridge.Key("react:" + post + ":" + strconv.FormatInt(which, 10) + ":" + sum),
	}
	return ev, sum
}
