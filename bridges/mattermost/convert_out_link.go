package mattermost

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// anchor writes a link. A link to a person is a mention.
func (w *mdWriter) anchor(n *htmlNode, in inlineState) string {
	href := n.attribute("href")
	if user, ok := linkedUser(href); ok {
		if text, ok := w.person(user); ok {
			return text
		}
		return w.inlines(n.kids, in)
	}
	if text, ok := w.channel(href); ok && !in.link {
		return text
	}
	href, ok := allowedLink(href)
	if !ok || in.link {
		return w.inlines(n.kids, in)
	}
	in.link = true
	label := oneLine(w.inlines(n.kids, in))
	if label == "" {
		label = href
	}
	switch href {
	case label, "http://" + label:
		if out, n := bareAddress(label, true); n == len(label) && out == label {
			return label
		}
	case "mailto:" + label:
		return label
	}
	return raw("[") + label + raw("]("+linkTarget(href)+")")
}

// channel writes a link to the room of a channel as one to the channel.
func (w *mdWriter) channel(href string) (string, bool) {
	room, ok := bridge.LinkedRoom(href)
	info, known := w.Chats[room]
	team, name, named := strings.Cut(info.Ref, "/")
	if !ok || !known || !named {
		return "", false
	}
	label := plainName(info.Name)
	if label == "" {
		label = name
	}
	return raw("[") + "~" + label + raw("]("+linkTarget(w.URL+"/"+team+"/channels/"+name)+")"), true
}

// linkTarget writes an address so that no reader of markdown ends it early.
func linkTarget(href string) string {
	var b strings.Builder
	for _, r := range href {
		switch {
		case unicode.IsSpace(r):
			b.WriteString(url.PathEscape(string(r)))
		case strings.ContainsRune("()<>\\\"'`|*[]^{}", r):
			fmt.Fprintf(&b, "%%%02X", r)
		default:
			b.WriteRune(r)
		}
	}
	return escapeReferences(b.String())
}

// escapeReferences keeps what looks like a character reference from being one.
func escapeReferences(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '&' && reference(s[i:]) > 0 {
			b.WriteString("amp;")
		}
	}
	return b.String()
}

// linkedUser reads the Matrix user that a permalink points to.
func linkedUser(href string) (id.UserID, bool) {
	rest, ok := "", false
	for _, start := range []string{"https://matrix.to/#/", "http://matrix.to/#/", "matrix:u/", "matrix:user/"} {
		if len(href) > len(start) && strings.EqualFold(href[:len(start)], start) {
			rest, ok = href[len(start):], true
			if start[0] == 'm' {
				rest = "@" + rest
			}
		}
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, err := url.PathUnescape(rest)
	rest = strings.TrimLeft(rest, "/")
	return id.UserID(rest), ok && err == nil && strings.HasPrefix(rest, "@")
}

// person writes a person of the map: as a mention when it is one of the network's
// people, otherwise by name.
func (w *mdWriter) person(user id.UserID) (string, bool) {
	p, ok := w.People[user]
	if !ok {
		return "", false
	}
	if p.User != "" && w.Usernames != nil {
		if name, ok := w.Usernames(p.User); ok && isUsername(name) {
			return raw("@" + name), true
		}
	}
	name := plainName(p.Name)
	return name, name != ""
}

// isUsername tells whether a mention of this name reaches one person.
func isUsername(name string) bool {
	return name != "" && !alertsAll(name) && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return !isAlnum(r) && r != '.' && r != '-' && r != '_'
	})
}

// resolve replaces Matrix user IDs in a text that are in the people map, and
// @room where it is meant.
func (w *mdWriter) resolve(s string) string {
	if len(w.People) == 0 && !w.All || !strings.Contains(s, "@") {
		return s
	}
	var b strings.Builder
	written := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '@' {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		if i > 0 && (isAlnum(before) || strings.ContainsRune("/_#=%&?.-+@~", before)) {
			continue
		}
		text, length := "", 0
		if w.All && startsWithRoom(s[i:]) && !continuesName(s[i+len(roomWord):]) {
			text, length = raw("@channel"), len(roomWord)
		} else if user := w.knownUser(s[i:]); user != "" {
			text, _ = w.person(user)
			length = len(user)
		}
		if length > 0 {
			b.WriteString(s[written:i] + text)
			written = i + length
			i = written - 1
		}
	}
	return b.String() + s[written:]
}

// knownUser finds a user ID of the map at the start of s; the punctuation of the
// sentence may follow it, but no more of a server name.
func (w *mdWriter) knownUser(s string) id.UserID {
	const longest = 255 // of a user ID
	end := 1
	for end < len(s) && end < longest && (isAlnum(rune(s[end])) || strings.IndexByte("._=-/+", s[end]) >= 0) {
		end++
	}
	if end == len(s) || s[end] != ':' {
		return ""
	}
	for end < len(s) && end < longest && (isAlnum(rune(s[end])) || strings.IndexByte(".-:[]", s[end]) >= 0) {
		end++
	}
	for ; ; end-- {
		if user := id.UserID(s[:end]); w.has(user) {
			return user
		}
		if isAlnum(rune(s[end-1])) || s[end-1] == '@' {
			return ""
		}
	}
}

func (w *mdWriter) has(user id.UserID) bool {
	_, ok := w.person(user)
	return ok
}

// address recognises an address that readers of markdown link by themselves, and
// returns how to write it and its length in s.
func (w *lineWriter) address(s string) (string, int) {
	if w.link || isAlnum(w.prev) || w.prevRaw && w.prev != '*' && w.prev != '_' && w.prev != '~' {
		return "", 0
	}
	// Only here it is certain that the server sees a link, in which nothing
	// notifies: behind a colon, for one, it may see an emoji.
	certain := w.prev == ' ' || w.prev == '\t' || w.prev == '\n' || w.prev == '('
	return bareAddress(s, certain)
}

// bareAddress reads an address at the start of s. Without keepAt, or where the
// server would not see a link, every @ in it is made harmless.
func bareAddress(s string, keepAt bool) (string, int) {
	const longestHost = 255
	host := 0
	for _, scheme := range []string{"https://", "http://", "ftp://", "www."} {
		if len(s) > len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			host = len(scheme)
			break
		}
	}
	if host == 0 || !isAlnum(rune(s[host])) {
		return "", 0
	}
	end := host
	for end < len(s) && end < longestHost && (isAlnum(rune(s[end])) || s[end] == '-' || s[end] == '.') {
		end++
	}
	if end < len(s) && (s[end] == '_' || s[end] == '@' || s[end] >= utf8.RuneSelf) {
		return "", 0
	}
	if s[0] == 'w' || s[0] == 'W' {
		if !strings.Contains(strings.Trim(s[host:end], "."), ".") {
			return "", 0
		}
		keepAt = keepAt && s[:4] == "www."
	}
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		if !isAlnum(r) && !strings.ContainsRune("-._~:/?#@!$&'(),;=%+*|", r) && !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			break
		}
		end += size
	}
	end = len(trimAddress(s[:end]))
	if end <= host {
		return "", 0
	}
	out := strings.NewReplacer("*", "%2A", "|", "%7C").Replace(s[:end])
	if !keepAt {
		out = strings.ReplaceAll(escapeReferences(out), "@", "@"+zeroWidth)
	}
	return out, end
}

// trimAddress takes off the punctuation of the sentence around an address.
func trimAddress(s string) string {
	open := strings.Count(s, "(") - strings.Count(s, ")")
	for s != "" {
		c := s[len(s)-1]
		if c == ')' && open >= 0 || strings.IndexByte("?!.,:;*_~'\")|$&", c) < 0 {
			break
		}
		if c == ')' {
			open++
		}
		s = s[:len(s)-1]
	}
	return s
}
