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
	mentionText = regexp.MustCompile(`<@([^<>\s]+)>`)
	htmlTag     = regexp.MustCompile(`(?s)<[^>]*>`)
	pillLink    = regexp.MustCompile(`(?s)^<a\s[^>]*href="https://matrix\.to/#/(@[^"?]+)`)
)

// toMatrix converts the network's text to Matrix content. Names stand in for
// mentioned people; a mention of nobody stays as it is.
func toMatrix(text string, name func(bridge.UserID) string) (*event.MessageEventContent, []bridge.UserID) {
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
	if strings.Contains(body, everyone) {
		body = strings.ReplaceAll(body, everyone, "@all")
		c.Mentions.Room = true
	}
	c.Body = body
	if boldText.MatchString(body) {
		c.Format = event.FormatHTML
		c.FormattedBody = boldText.ReplaceAllString(html.EscapeString(body), "<strong>$1</strong>")
		c.FormattedBody = strings.ReplaceAll(c.FormattedBody, "\n", "<br>")
	}
	return c, mentions
}

// toNetwork converts Matrix content to the network's text. Mentions are made
// from pills only; what merely looks like one is broken up.
func toNetwork(c *event.MessageEventContent, people map[id.UserID]bridge.Person) string {
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
			out.WriteString(pill(tag, &rest, people))
		}
	}
	return strings.TrimSpace(harmless(out.String()))
}

// pill writes the mention that an <a> tag is, and takes the link's text off rest.
func pill(tag string, rest *string, people map[id.UserID]bridge.Person) string {
	m := pillLink.FindStringSubmatch(tag)
	if m == nil {
		return ""
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
const mark = "\x00"

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
	return strings.NewReplacer("<!", "<\u200b!", "<@", "<\u200b@", mark, "<@").Replace(s)
}

func (n *Network) userName(who bridge.UserID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u := n.users[who]; u != nil {
		return u.info.Name
	}
	return ""
}
