package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// quoteLength is how many characters of a message are quoted.
const quoteLength = 200

// quote puts into a message what it answers, where the network does not know that:
// it was said before the chat was linked, or in a direction that does not cross. Only
// what was said in the portal's own room is read. An edit of the message goes without.
func (e *Engine) quote(ctx context.Context, p *store.Portal, of id.EventID, m *bridge.Outgoing) error {
	raw, err := e.hs.Content(ctx, p.Room, of)
	if err != nil {
		if bridge.Classify(err) == bridge.ClassPermanent {
			return nil // whoever reads it must do without
		}
		return fmt.Errorf("read what is answered: %w", err)
	}
	var said event.MessageEventContent
	if json.Unmarshal(raw, &said) != nil {
		return nil
	}
	said.RemoveReplyFallback()
	text := strings.TrimSpace(said.Body)
	if text == "" {
		return nil
	}
	if runes := []rune(text); len(runes) > quoteLength {
		text = strings.TrimSpace(string(runes[:quoteLength])) + "…"
	}
	c := *m.Content
	if c.Format != event.FormatHTML || c.FormattedBody == "" {
		c.Format, c.FormattedBody = event.FormatHTML, asHTML(c.Body)
	}
	c.FormattedBody = "<blockquote>" + asHTML(text) + "</blockquote>" + c.FormattedBody
	c.Body = "> " + strings.ReplaceAll(text, "\n", "\n> ") + "\n\n" + c.Body
	m.Content = &c
	return nil
}

// asHTML is plain text as HTML.
func asHTML(text string) string {
	return strings.ReplaceAll(html.EscapeString(text), "\n", "<br>")
}
