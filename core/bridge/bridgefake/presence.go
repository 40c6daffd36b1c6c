package bridgefake

import (
	"context"
	"fmt"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.PresenceLister = (*client)(nil)

// SetPresence changes what the network shows of a person, who is offline at first.
func (n *Network) SetPresence(user bridge.UserID, p bridge.Presence) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u := n.users[user]; u != nil {
		u.presence = p
	}
}

// Presence implements [bridge.PresenceLister].
func (c *client) Presence(ctx context.Context, users []bridge.UserID) (map[bridge.UserID]bridge.Presence, error) {
	if _, err := c.net.enter(ctx, Call{Op: "presence", Login: c.id}); err != nil {
		return nil, fmt.Errorf("read presence: %w", classify(err))
	}
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	out := map[bridge.UserID]bridge.Presence{}
	for _, id := range users {
		if u := c.net.users[id]; u != nil {
			if out[id] = u.presence; u.presence == "" {
				out[id] = bridge.PresenceOffline
			}
		}
	}
	return out, nil
}

// SetPresence implements [bridgetest.RemotePresence].
func (r *Remote) SetPresence(_ testing.TB, user bridge.UserID, p bridge.Presence) {
	r.net.SetPresence(user, p)
}
