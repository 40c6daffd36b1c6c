package engine

import (
	"context"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// resolveLinks makes links to ghosts and rooms of the people and chats that a
// content mentions. Of chats, only those have one that people of the school may
// know of: public ones, unless their room is one of others. The alias makes the
// room if there is none yet, as [Engine.Alias] does.
func (e *Engine) resolveLinks(ctx context.Context, p *store.Portal, c *event.MessageEventContent) {
	if c == nil || c.FormattedBody == "" {
		return
	}
	chat := func(slug string) string {
		to := e.portals.slug(slugKey(p.Bridge, slug))
		if to == nil || to.School != p.School || to.Private || to.Room != "" && !to.OwnRoom || to.Mode == store.ModeOff {
			return ""
		}
		return e.hs.AliasFor(aliasLocal(to)).URI().MatrixToURL()
	}
	user := func(u bridge.UserID) string {
		g, err := e.ghosts.known(ctx, e.st, p.School, p.Bridge, u)
		if err != nil {
			return "" // as in mention
		}
		return g.MXID.URI().MatrixToURL()
	}
	c.FormattedBody = bridge.ResolveLinks(c.FormattedBody, chat, user)
}
