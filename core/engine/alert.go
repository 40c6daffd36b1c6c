package engine

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// alertsRoom reports whether a remote message alerts everybody in its room: its
// author may do so on the network, and the ghost may in the room. In a room of ours
// it is let to; in those of others that is for others to say.
func (e *Engine) alertsRoom(ctx context.Context, p *store.Portal, room id.RoomID, ghost id.UserID, m *bridge.Message) (bool, error) {
	if !m.MentionsAll {
		return false, nil
	}
	own := p.OwnRoom
	if now := e.portals.id(p.ID); now != nil {
		own = now.OwnRoom // p may be older than the room
	}
	unlock := e.making.lock(p.ID)
	defer unlock()
	return mayAlert(e.hs.MayAlert(ctx, room, ghost, own))
}

// alertsChat reports whether a Matrix message alerts everybody in its chat: it says
// so itself, and its sender may do so in the room, which no homeserver checks.
func (e *Engine) alertsChat(ctx context.Context, p *store.Portal, ev *matrixEvent) (bool, error) {
	if ev.message.Mentions == nil || !ev.message.Mentions.Room {
		return false, nil
	}
	return mayAlert(e.hs.MayAlert(ctx, p.Room, ev.Sender, false))
}

// mayAlert takes what cannot be read for a no: the message crosses in any case.
func mayAlert(may bool, err error) (bool, error) {
	switch {
	case errors.Is(err, bridge.ErrForbidden), errors.Is(err, bridge.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read who may alert everybody: %w", err)
	}
	return may, nil
}
