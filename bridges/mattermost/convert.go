package mattermost

import (
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Both directions are pure functions. Whatever they are given they answer in
// time and size proportional to it: input that could cost more is carried over
// as plain text, without markup.
const (
	// convertMaxMarkdown is the longest post, in bytes, whose markup is read. A
	// server takes 16383 runes.
	convertMaxMarkdown = 80 << 10
	// convertMaxHTML is the longest formatted body, in bytes, whose markup is
	// read. A Matrix event holds 64 KiB.
	convertMaxHTML = 256 << 10
	// convertMaxEvent is what body and formatted body may take together, in
	// bytes, before the formatted body is given up: a Matrix event is limited to
	// 65536 bytes with everything around them.
	convertMaxEvent = 60000
)

// inResolver answers what the markdown of a post refers to. A nil function knows
// nothing.
type inResolver struct {
	// User finds a person by username, lower case and without the @.
	User func(username string) (user bridge.UserID, display string, ok bool)
	// All says that the author may alert everybody.
	All bool
	// Channel finds the display name of a channel by its name, without the ~, and its
	// [bridge.ChatInfo.Slug].
	Channel func(name string) (display, slug string, ok bool)
}

// outResolver answers what Matrix content refers to. The zero value knows nothing.
type outResolver struct {
	// People maps Matrix IDs to the network's people.
	People map[id.UserID]bridge.Person
	// Usernames answers the present username of one of them.
	Usernames func(bridge.UserID) (string, bool)
	// All says that "@room" means everybody.
	All bool
	// Chats maps rooms, as links name them, to channels.
	Chats map[string]bridge.ChatInfo
	// URL is the server's address.
	URL string
}

// converted is a post as Matrix content.
type converted struct {
	// Content has an empty but present m.mentions: the core alone fills it.
	Content *event.MessageEventContent
	// Mentions are the people whose @username was found, each once, in order.
	Mentions []bridge.UserID
	// All says that everybody is alerted; only then "@room" stands in the content.
	All bool
}

// toMatrix converts the markdown of a post. The formatted body is set only where
// it says more than the body. A text that starts with "/me " becomes an emote.
func toMatrix(md string, r inResolver) converted {
	md = cleanText(md)
	content := &event.MessageEventContent{MsgType: event.MsgText, Mentions: &event.Mentions{}}
	if rest, ok := cutEmote(md); ok {
		content.MsgType = event.MsgEmote
		md = rest
	}
	if isPlain(md) || !parsableMarkdown(md) {
		content.Body = defuseRoom(md)
		return converted{Content: content}
	}
	p := renderPost(md, r)
	content.Body = p.body
	if p.formatted != "" && len(p.body)+len(p.formatted) <= convertMaxEvent {
		content.Format = event.FormatHTML
		content.FormattedBody = p.formatted
	}
	return converted{Content: content, Mentions: p.mentions, All: p.all}
}

// fromMatrix converts Matrix content to the markdown of a post. It reads the
// formatted body if there is one that is not beyond reason, otherwise the body.
// What looks like a mention and is none by r is made harmless. The text of an emote
// comes in italics, without the sender's name.
func fromMatrix(c *event.MessageEventContent, r outResolver) string {
	w := &mdWriter{outResolver: r, emote: c.MsgType == event.MsgEmote}
	if c.Format == event.FormatHTML && c.FormattedBody != "" && len(c.FormattedBody) <= convertMaxHTML {
		if root, ok := parseHTML(c.FormattedBody); ok {
			if md := w.document(root); md != "" {
				return md
			}
		}
	}
	return w.plain(c.Body)
}
