package engine

import (
	"encoding/json"
	"strings"

	// The list of emoji that need a variation selector; part of mautrix's family.
	"go.mau.fi/util/variationselector"
	"maunium.net/go/mautrix/event"
)

// plainEmoji is an emoji as it is compared, stored and given to bridges: clients
// differ in whether they ask for colours with U+FE0F.
func plainEmoji(s string) string { return variationselector.Remove(s) }

// matrixEmoji is the key of a reaction to be sent (client-server API, "Annotations
// and reactions": with U+FE0F, so that those of all clients count as one).
func matrixEmoji(s string) string {
	if strings.HasPrefix(s, ":") {
		return s // a custom emoji's name
	}
	return variationselector.Add(s)
}

// reactionKey reads the emoji of a Matrix reaction, "" when there is none. A custom
// emoji is a picture, and its name stands beside it (MSC4027).
func reactionKey(content *event.ReactionEventContent, raw json.RawMessage) string {
	key := content.RelatesTo.Key
	if !strings.HasPrefix(key, "mxc://") {
		return plainEmoji(key)
	}
	var named struct {
		Shortcode string `json:"shortcode"`
		Beeper    string `json:"com.beeper.reaction.shortcode"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return ""
	}
	name := strings.Trim(named.Shortcode, ":")
	if name == "" {
		name = strings.Trim(named.Beeper, ":")
	}
	if name == "" {
		return ""
	}
	return ":" + name + ":"
}
