package bridgefake

import (
	"html"
	"regexp"
	"strings"
	"unicode"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const everyone = "<!all>"

var (
	boldText    = regexp.MustCompile(`\*\*([^*\n]+)\*\*`)
	chatText    = regexp.MustCompile(`&lt;#([a-z0-9._-]+)&gt;`)
	userText    = regexp.MustCompile(`&lt;@([^<>\s]+?)&gt;`)
	roomText    = regexp.MustCompile(`@room\b`)
	mentionText = regexp.MustCompile(`<@([^<>\s]+)>`)
	htmlTag     = regexp.MustCompile(`(?s)<[^>]*>`)
	pillLink    = regexp.MustCompile(`(?s)^<a\s[^>]*href="https://matrix\.to/#/(@[^"?]+)`)
	anyLink     = regexp.MustCompile(`(?s)^<a\s[^>]*href="([^"]+)"`)
)

// toMatrix converts the network's text to Matrix content. Names stand in for
// mentioned people; a mention of nobody stays as it is. all says that the author
// may alert everybody.
func toMatrix(text string, all bool, name func(bridge.UserID) string) (*event.MessageEventContent, []bridge.UserID, bool) {
	var mentions []bridge.UserID
	body := mentionText.ReplaceAllStringFunc(text, func(s string) string {
		who := bridge.UserID(s[2 : len(s)-1])
		n := name(who)
		if n == "" {
			return s
		}
		mentions = append(mentions, who)
		return "@" + n
	})
	c := &event.MessageEventContent{MsgType: event.MsgText, Mentions: &event.Mentions{}}
	word := "@all"
	if all = all && strings.Contains(body, everyone); all {
		word = "@room"
	}
	body = roomText.ReplaceAllString(body, "@\u200broom") // it means nothing on the network
	body = strings.ReplaceAll(body, everyone, word)
	c.Body = body
	escaped := html.EscapeString(strings.ReplaceAll(roomText.ReplaceAllString(text, "@\u200broom"), everyone, word))
	if boldText.MatchString(body) || chatText.MatchString(escaped) || len(mentions) > 0 {
		c.Format = event.FormatHTML
		c.FormattedBody = boldText.ReplaceAllString(escaped, "<strong>$1</strong>")
		c.FormattedBody = userText.ReplaceAllStringFunc(c.FormattedBody, func(s string) string {
			who := bridge.UserID(html.UnescapeString(userText.FindStringSubmatch(s)[1]))
			if n := name(who); n != "" {
				return bridge.UserLink(who, "@"+html.EscapeString(n))
			}
			return s
		})
		c.FormattedBody = chatText.ReplaceAllStringFunc(c.FormattedBody, func(s string) string {
			slug := chatText.FindStringSubmatch(s)[1]
			return bridge.ChatLink(slug, "#"+slug)
		})
		c.FormattedBody = strings.ReplaceAll(c.FormattedBody, "\n", "<br>")
	}
	return c, mentions, all
}

// toNetwork converts Matrix content to the network's text. Mentions are made
// from pills only; what merely looks like one is broken up. all says that @room
// is meant.
func toNetwork(
	c *event.MessageEventContent, people map[id.UserID]bridge.Person, chats map[string]bridge.ChatInfo, all bool,
) string {
	clean := func(s string) string {
		if s = clean(s); all {
			s = roomText.ReplaceAllString(s, markAll)
		}
		return s
	}
	if c.Format != event.FormatHTML || c.FormattedBody == "" {
		return harmless(clean(c.Body))
	}
	var out strings.Builder
	rest := c.FormattedBody
	for rest != "" {
		at := htmlTag.FindStringIndex(rest)
		if at == nil {
			out.WriteString(clean(html.UnescapeString(rest)))
			break
		}
		out.WriteString(clean(html.UnescapeString(rest[:at[0]])))
		tag := rest[at[0]:at[1]]
		rest = rest[at[1]:]
		switch {
		case tag == "<strong>", tag == "</strong>", tag == "<b>", tag == "</b>":
			out.WriteString("**")
		case strings.HasPrefix(tag, "<br"), tag == "</p>":
			out.WriteString("\n")
		case tag == "<blockquote>":
			out.WriteString("> ")
		case tag == "</blockquote>":
			out.WriteString("\n\n")
		default:
			out.WriteString(pill(tag, &rest, people, chats))
		}
	}
	return strings.TrimSpace(harmless(out.String()))
}

// pill writes the mention that an <a> tag is, and takes the link's text off rest.
func pill(tag string, rest *string, people map[id.UserID]bridge.Person, chats map[string]bridge.ChatInfo) string {
	m := pillLink.FindStringSubmatch(tag)
	if m == nil {
		m = anyLink.FindStringSubmatch(tag)
		if m == nil {
			return ""
		}
		room, _ := bridge.LinkedRoom(html.UnescapeString(m[1]))
		chat, ok := chats[room]
		if !ok {
			return ""
		}
		_, *rest, _ = strings.Cut(*rest, "</a>")
		return "<#" + chat.Slug + ">"
	}
	p, ok := people[id.UserID(html.UnescapeString(m[1]))]
	if !ok || p.User == "" {
		return ""
	}
	_, *rest, _ = strings.Cut(*rest, "</a>")
	return mark + string(p.User) + ">"
}

// mark stands for the beginning of a true mention until harmless has run; clean
// takes it out of all that people write.
const (
	mark    = "\x00"
	markAll = "\x01"
)

// clean takes out control characters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// harmless breaks up what alarms people. It sees the whole text: a tag between
// two letters hides a word only until the tags are gone.
func harmless(s string) string {
	return strings.NewReplacer("<!", "<\u200b!", "<@", "<\u200b@", mark, "<@", markAll, everyone).Replace(s)
}

func (n *Network) userName(who bridge.UserID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u := n.users[who]; u != nil {
		return u.info.Name
	}
	return ""
}
