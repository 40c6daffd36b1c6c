package engine

import (
	"context"
	"regexp"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// resolveLinks makes links to ghosts and rooms of the people and chats that a
// content mentions. Of a chat whose room is one of others, that room is not told.
// The alias makes the room if there is none yet, as [Engine.Alias] does.
func (e *Engine) resolveLinks(ctx context.Context, p *store.Portal, c *event.MessageEventContent) {
	if c == nil || c.FormattedBody == "" {
		return
	}
	chat := func(slug string) string {
		to := e.portals.slug(slugKey(p.Bridge, slug))
		if !mayBeNamed(p, to) || to.Room != "" && !to.OwnRoom {
			return ""
		}
		return e.hs.AliasFor(aliasLocal(to)).URI().MatrixToURL()
	}
	user := func(u bridge.UserID) string {
		if own, err := e.ownAccount(ctx, p, p.Room, u); err == nil && own != "" {
			return own.URI().MatrixToURL()
		}
		g, err := e.ghosts.known(ctx, e.st, p.School, p.Bridge, u)
		if err != nil {
			return "" // as in mention
		}
		return g.MXID.URI().MatrixToURL()
	}
	c.FormattedBody = bridge.ResolveLinks(c.FormattedBody, chat, user)
	if size := len(c.Body) + len(c.FormattedBody) + strings.Count(c.FormattedBody, `"`); size > maxContent {
		c.Format, c.FormattedBody = "", "" // the addresses have made it too large
	}
}

// maxContent is what body and formatted body may take together, in bytes: an event
// holds 65,536 with everything around them.
const maxContent = 60_000

// mayBeNamed reports whether those who read in a portal may know of another one:
// that of a public chat of their school and network.
func mayBeNamed(p, other *store.Portal) bool {
	return other != nil && other.School == p.School && other.Bridge == p.Bridge && !other.Private && other.Mode != store.ModeOff
}

// roomLink finds links to rooms (matrix.to and matrix: URIs).
var roomLink = regexp.MustCompile(`(?i)(?:https?://matrix\.to/#/|matrix:)((?:#|!|%23|%21|r/|roomid/)[^"'?&<>\s]{1,512})`)

// maxChats bounds how many rooms of one message are looked up.
const maxChats = 20

// chatsIn resolves the rooms that a content links to.
func (e *Engine) chatsIn(p *store.Portal, c *event.MessageEventContent) map[string]bridge.ChatInfo {
	var out map[string]bridge.ChatInfo
	for _, m := range roomLink.FindAllStringSubmatch(c.FormattedBody, maxChats) {
		room, ok := bridge.LinkedRoom(m[0])
		if !ok {
			continue
		}
		for _, to := range e.portalsOf(room) {
			if !mayBeNamed(p, to) {
				continue
			}
			if out == nil {
				out = map[string]bridge.ChatInfo{}
			}
			out[room] = bridge.ChatInfo{ID: to.Chat, Ref: to.Ref, Slug: to.Slug, Name: to.Name}
		}
	}
	return out
}

// portalsOf finds the portals of a room, by its ID or an alias of ours.
func (e *Engine) portalsOf(room string) []*store.Portal {
	if local, ok := e.hs.ParseAlias(id.RoomAlias(room)); ok {
		if p := e.portals.slug(local); p != nil {
			return []*store.Portal{p}
		}
		return nil
	}
	return e.portals.room(id.RoomID(room))
}
