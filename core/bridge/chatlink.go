package bridge

import "strings"

// chatLinkStart begins a link to another chat of the network, until the core knows
// where it leads. No client opens such an address.
const (
	chatLinkStart = `<a href="steg:chat/`
	chatLinkEnd   = `</a>`
)

// ChatLink writes, for the formatted body of an event, the mention of another chat
// of the network. The core makes a link to the chat's room of it where people may
// know that room, and words otherwise. slug is the chat's [ChatInfo.Slug], label
// what people see, as HTML without links. The chat's name may be shown to all who
// read the message: never mention a closed one.
func ChatLink(slug, label string) string {
	if slug == "" || strings.ContainsFunc(slug, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}) {
		return label
	}
	return chatLinkStart + slug + `">` + label + chatLinkEnd
}

// ResolveChatLinks gives the mentions of chats in a formatted body their addresses,
// as HTML attributes hold them. A mention without one becomes its words.
func ResolveChatLinks(formatted string, address func(slug string) string) string {
	var b strings.Builder
	for {
		before, link, ok := strings.Cut(formatted, chatLinkStart)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		slug, rest, ok := strings.Cut(link, `">`)
		label, rest, ended := strings.Cut(rest, chatLinkEnd)
		if !ok || !ended {
			b.WriteString(chatLinkStart)
			formatted = link
			continue
		}
		if href := address(slug); href != "" {
			label = `<a href="` + href + `">` + label + chatLinkEnd
		}
		b.WriteString(label)
		formatted = rest
	}
}
