package bridgefake

import (
	"context"
	"fmt"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridge.Spacer           = (*client)(nil)
	_ bridgetest.RemoteSpaces = (*Remote)(nil)
)

// NewSpace makes a space that everybody may enter.
func (n *Network) NewSpace(name string) bridge.SpaceID {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := bridge.SpaceID(n.newID("s"))
	n.spaces[id] = &bridge.SpaceInfo{ID: id, Name: name, Slug: string(id), Open: true}
	return id
}

// Move puts a chat into a space.
func (n *Network) Move(id bridge.ChatID, space bridge.SpaceID) {
	n.changeChat(id, changeInfo, func(c *chat) { c.info.Space = space })
}

// Convert makes a chat private, or public.
func (n *Network) Convert(id bridge.ChatID, private bool) {
	n.changeChat(id, changeInfo, func(c *chat) { c.info.Private = private })
}

// RenameSpace changes a space's name.
func (n *Network) RenameSpace(id bridge.SpaceID, name string) {
	n.changeSpace(id, func(s *bridge.SpaceInfo) { s.Name = name })
}

// OpenSpace lets everybody enter a space, or only who is let in.
func (n *Network) OpenSpace(id bridge.SpaceID, open bool) {
	n.changeSpace(id, func(s *bridge.SpaceInfo) { s.Open = open })
}

func (n *Network) changeSpace(id bridge.SpaceID, f func(*bridge.SpaceInfo)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.spaces[id]; s != nil {
		f(s)
		for _, l := range n.logins {
			l.push(push{space: id})
		}
		n.announce()
	}
}

// ArchiveSpace closes all chats of a space, or opens them again.
func (n *Network) ArchiveSpace(id bridge.SpaceID, archived bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	kind := changeInfo
	if archived {
		kind = changeGone
	}
	for _, c := range n.order {
		if c.info.Space == id && c.info.Gone != archived {
			c.info.Gone = archived
			n.record(c, change{kind: kind, info: c.info})
		}
	}
}

// Space implements [bridge.Spacer].
func (c *client) Space(ctx context.Context, id bridge.SpaceID) (*bridge.SpaceInfo, error) {
	if _, err := c.net.enter(ctx, Call{Op: "space", Login: c.id}); err != nil {
		return nil, fmt.Errorf("read space: %w", classify(err))
	}
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	s := c.net.spaces[id]
	if s == nil {
		return nil, fmt.Errorf("read space: %w", bridge.ErrNotFound)
	}
	info := *s
	return &info, nil
}

// NewSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) NewSpace(_ testing.TB, name string) bridge.SpaceID { return r.net.NewSpace(name) }

// NewChatIn implements [bridgetest.RemoteSpaces].
func (r *Remote) NewChatIn(tb testing.TB, space bridge.SpaceID) bridge.ChatID {
	tb.Helper()
	id, _ := r.NewChat(tb, false)
	r.net.Move(id, space)
	return id
}

// RenameSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) RenameSpace(_ testing.TB, space bridge.SpaceID, name string) {
	r.net.RenameSpace(space, name)
}

// OpenSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) OpenSpace(_ testing.TB, space bridge.SpaceID, open bool) {
	r.net.OpenSpace(space, open)
}

// ArchiveSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) ArchiveSpace(_ testing.TB, space bridge.SpaceID, archived bool) {
	r.net.ArchiveSpace(space, archived)
}
