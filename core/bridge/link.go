package bridge

import (
	"net/url"
	"strings"
)

// In the formatted body of an event a bridge mentions people and chats of its
// network by addresses of this scheme, which no client opens. Only the core knows
// who and what they are on Matrix.
const (
	linkStart = `<a href="steg:`
	linkEnd   = `</a>`
	chatLink  = "chat/"
	userLink  = "user/"
)

// ChatLink writes the mention of another chat of the network. The core makes a link
// to the chat's room of it where people may know that room, and words otherwise.
// slug is the chat's [ChatInfo.Slug], label what people see, as HTML without links.
// All who read the message learn the name: never mention a closed chat.
func ChatLink(slug, label string) string { return link(chatLink+url.QueryEscape(slug), label) }

// UserLink writes the mention of a person of the network, who is one of
// [Message.Mentions], too. The core makes a link to the person's ghost of it, which
// clients show as a mention, and words where there is none.
func UserLink(user UserID, label string) string {
	return link(userLink+url.QueryEscape(string(user)), label)
}

func link(to, label string) string { return linkStart + to + `">` + label + linkEnd }

// ResolveLinks gives the mentions in a formatted body their addresses. One without
// address becomes its words.
func ResolveLinks(formatted string, chat func(slug string) string, user func(UserID) string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(formatted, linkStart)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		to, rest, ok := strings.Cut(after, `">`)
		label, rest, ended := strings.Cut(rest, linkEnd)
		if !ok || !ended {
			b.WriteString(linkStart)
			formatted = after
			continue
		}
		formatted = rest
		kind, name, _ := strings.Cut(to, "/")
		name, err := url.QueryUnescape(name)
		href := ""
		switch {
		case err != nil:
		case kind+"/" == chatLink:
			href = chat(name)
		case kind+"/" == userLink:
			href = user(UserID(name))
		}
		if href != "" {
			label = `<a href="` + escapeAttribute.Replace(href) + `">` + label + linkEnd
		}
		b.WriteString(label)
	}
}

// LinkedRoom reads the room, by ID or alias, that a permalink of Matrix leads to: a
// matrix.to address or a matrix: URI (Matrix specification, appendices).
func LinkedRoom(href string) (string, bool) {
	rest, sigil := href, ""
	for _, start := range []struct{ prefix, sigil string }{
		{"https://matrix.to/#/", ""}, {"http://matrix.to/#/", ""}, {"matrix:r/", "#"}, {"matrix:room/", "#"}, {"matrix:roomid/", "!"},
	} {
		if len(href) > len(start.prefix) && strings.EqualFold(href[:len(start.prefix)], start.prefix) {
			rest, sigil = href[len(start.prefix):], start.sigil
			break
		}
	}
	if rest == href {
		return "", false
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, event, _ := strings.Cut(rest, "/")
	room, err := url.PathUnescape(rest)
	room = sigil + room
	ok := err == nil && event == "" && len(room) > 1 && (room[0] == '#' || room[0] == '!')
	return room, ok
}

var escapeAttribute = strings.NewReplacer("&", "&amp;", `"`, "&#34;", "<", "&lt;", ">", "&gt;")
