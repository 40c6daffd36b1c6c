package bridgefake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Confider     = (*client)(nil)
	_ bridge.PersonFinder = (*client)(nil)
)

// Confided lists what a login has told a person in private.
func (n *Network) Confided(user bridge.UserID) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u := n.users[user]; u != nil {
		return slices.Clone(u.confided)
	}
	return nil
}

// Confide implements [bridge.Confider].
func (c *client) Confide(ctx context.Context, user bridge.UserID, text string) error {
	lost, err := c.net.enter(ctx, Call{Op: "confide", Login: c.id})
	if err != nil {
		return fmt.Errorf("confide: %w", classify(err))
	}
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	u := c.net.users[user]
	if u == nil || user == c.self() {
		return fmt.Errorf("confide: %w", bridge.ErrNotFound)
	}
	u.confided = append(u.confided, text)
	c.net.announce()
	if lost {
		return fmt.Errorf("confide: %w", classify(errBroken))
	}
	return nil
}

// FindPerson implements [bridge.PersonFinder]: the network's IDs are its names.
func (c *client) FindPerson(ctx context.Context, name string) (*bridge.UserInfo, error) {
	if rest, ok := strings.CutPrefix(name, "<@"); ok {
		name = strings.TrimSuffix(rest, ">")
	}
	id := bridge.UserID(name)
	if id == c.self() {
		return nil, fmt.Errorf("find person: %w", bridge.ErrNotFound)
	}
	return c.User(ctx, id)
}

// Confided implements [bridgetest.Remote].
func (r *Remote) Confided(_ testing.TB, user bridge.UserID) []string { return r.net.Confided(user) }
