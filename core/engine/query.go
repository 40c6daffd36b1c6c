package engine

import (
	"context"
	"errors"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/store"
)

// Alias answers the homeserver's question about an alias that does not exist yet:
// the alias of a linked or linkable chat gets its room now.
func (e *Engine) Alias(ctx context.Context, alias id.RoomAlias) (bool, error) {
	key, ok := e.hs.ParseAlias(alias)
	if !ok {
		return false, nil
	}
	if err := e.reload(ctx); err != nil {
		return false, err
	}
	p := e.portals.slug(key)
	if p == nil || p.Mode == store.ModeOff || p.Paused != "" {
		return false, nil
	}
	if p.Room != "" && !p.OwnRoom {
		return false, nil // it lives in an existing room, under that room's alias
	}
	if _, err := e.ensureRoom(ctx, p); err != nil {
		return false, err
	}
	return true, nil
}

// User answers the homeserver's question about a ghost that does not exist: only
// people who have written in a linked chat have one.
func (e *Engine) User(ctx context.Context, user id.UserID) (bool, error) {
	_, err := e.st.GhostByMXID(ctx, user)
	if errors.Is(err, store.ErrNoRow) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, e.hs.EnsureGhost(ctx, user)
}
