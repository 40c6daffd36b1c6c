package bridgefake

import (
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// Entitle lets a person alert everybody in a chat.
func (n *Network) Entitle(id bridge.ChatID, who bridge.UserID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		c.chiefs[who] = true
	}
}

func (n *Network) entitled(id bridge.ChatID, who bridge.UserID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.chats[id]
	return c != nil && c.chiefs[who]
}

// EveryoneText implements [bridgetest.Remote].
func (*Remote) EveryoneText() string { return everyone }

// Entitle implements [bridgetest.Remote].
func (r *Remote) Entitle(_ testing.TB, user bridge.UserID, chat bridge.ChatID) {
	r.net.Entitle(chat, user)
}

// ChatText implements [bridgetest.Remote].
func (r *Remote) ChatText(_ testing.TB, chat bridge.ChatID) string {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	c := r.net.chats[chat]
	if c.info.Private {
		return "#" + c.info.Slug // the network lets nobody mention it
	}
	return "<#" + c.info.Slug + ">"
}

// MentionText implements [bridgetest.Remote].
func (*Remote) MentionText(_ testing.TB, user bridge.UserID) string {
	return "<@" + string(user) + ">"
}
