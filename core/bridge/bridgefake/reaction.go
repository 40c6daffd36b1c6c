package bridgefake

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridge.Reactor          = (*client)(nil)
	_ bridgetest.RemoteReacts = (*Remote)(nil)
)

// knownEmoji are all that there are on the network.
var knownEmoji = []string{"👍", "👍🏽", "❤", "🎉", ":party:"} //nolint:gochecknoglobals // a constant list

// maxReactions is how many different emoji one message holds.
const maxReactions = 4

// React sets a person's reaction or takes it back.
func (n *Network) React(by bridge.UserID, id bridge.ChatID, target bridge.MessageID, emoji string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		if m := c.live(target); m != nil {
			n.react(c, m, change{by: by}, emoji, on)
		}
	}
}

// Reactions lists who has reacted to a message, by emoji.
func (n *Network) Reactions(id bridge.ChatID, target bridge.MessageID) map[string][]bridge.UserID {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string][]bridge.UserID{}
	if m := n.chats[id].live(target); m != nil {
		for _, r := range m.reactions {
			out[r.Emoji] = append(out[r.Emoji], r.User)
		}
	}
	return out
}

// react needs mu held.
func (n *Network) react(c *chat, m *message, ch change, emoji string, on bool) {
	same := func(r bridge.Reaction) bool { return r.User == ch.by && r.Emoji == emoji }
	if slices.ContainsFunc(m.reactions, same) == on {
		return
	}
	if on {
		m.reactions = append(m.reactions, bridge.Reaction{User: ch.by, Emoji: emoji, Time: n.opts.Now().UTC()})
	} else {
		m.reactions = slices.DeleteFunc(m.reactions, same)
	}
	ch.kind, ch.msg, ch.present = changeReact, m, slices.Clone(m.reactions)
	n.record(c, ch)
}

func (n *Network) reactBy(ctx context.Context, id bridge.LoginID, r *bridge.OutgoingReaction) error {
	c, lost, err := n.open(ctx, Call{Op: "react", Login: id, Chat: r.Chat})
	if err != nil {
		return err
	}
	defer n.mu.Unlock()
	m := c.live(r.Target)
	switch {
	case m == nil:
		return &status{code: codeNotFound}
	case c.info.Gone:
		return &status{code: codeForbidden}
	case !slices.Contains(knownEmoji, r.Emoji):
		return fmt.Errorf("no such emoji: %w", bridge.ErrUnsupported)
	}
	kinds := map[string]bool{r.Emoji: true}
	for _, there := range m.reactions {
		kinds[there.Emoji] = true
	}
	if len(kinds) > maxReactions && !r.Removed {
		return &status{code: codeTooLarge}
	}
	n.react(c, m, change{by: n.login(id).user, login: id, key: r.Key}, r.Emoji, !r.Removed)
	if lost {
		return errBroken
	}
	return nil
}

// React implements [bridge.Reactor].
func (c *client) React(ctx context.Context, m *bridge.OutgoingReaction) error {
	if err := classify(c.net.reactBy(ctx, c.id, m)); err != nil {
		return fmt.Errorf("react: %w", err)
	}
	return nil
}

// reactions makes the event of a change, without what we did ourselves.
func (c *client) reactions(meta bridge.Meta, ch change) bridge.Event {
	meta.Sender = ""
	present := slices.DeleteFunc(slices.Clone(ch.present), func(r bridge.Reaction) bool { return r.User == c.self() })
	return &bridge.Reactions{Meta: meta, Target: ch.msg.ID, Present: present}
}

// React implements [bridgetest.RemoteReacts].
func (r *Remote) React(_ testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, emoji string, on bool) {
	r.net.React(user, chat, id, emoji, on)
}

// Reactions implements [bridgetest.RemoteReacts].
func (r *Remote) Reactions(_ testing.TB, chat bridge.ChatID, id bridge.MessageID) map[string][]bridge.UserID {
	return r.net.Reactions(chat, id)
}
