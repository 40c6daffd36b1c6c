package engine

import (
	"html"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// linkChats makes links to rooms of the chats that a content mentions. Only those
// have one that people of the school may know of: those of its public chats, unless
// it is a room of others. The alias makes the room if there is none yet, as [Engine.Alias] does.
func (e *Engine) linkChats(p *store.Portal, c *event.MessageEventContent) {
	if c == nil || c.FormattedBody == "" {
		return
	}
	c.FormattedBody = bridge.ResolveChatLinks(c.FormattedBody, func(slug string) string {
		to := e.portals.slug(slugKey(p.Bridge, slug))
		if to == nil || to.School != p.School || to.Private || to.Room != "" && !to.OwnRoom || to.Mode == store.ModeOff {
			return ""
		}
		return html.EscapeString(e.hs.AliasFor(aliasLocal(to)).URI().MatrixToURL())
	})
}
