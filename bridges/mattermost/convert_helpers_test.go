package mattermost

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mattermost/mattermost/server/public/shared/markdown"
	"golang.org/x/net/html"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// convertResolver knows a few people and channels of Mattermost.
func convertResolver() inResolver {
	people := map[string]string{
		"alice": "Alice Example", "bob": "Bob", "bob.smith": "Bob *Smith*", "room": "room", "under_score": "U S",
		"evil": "E\u202evil\n@room",
	}
	return inResolver{
		User: func(name string) (bridge.UserID, string, bool) {
			display, ok := people[name]
			return bridge.UserID("id-" + name), display, ok
		},
		Channel: func(name string) (string, string, bool) {
			return map[string]string{"town-square": "Town Square", "evil-": "*E\u202e* @room"}[name], "gym." + name, name == "town-square" || name == "evil-"
		},
	}
}

// convertPeople is what the core tells about Matrix IDs; bob alone has a username.
func convertPeople() map[id.UserID]bridge.Person {
	return map[id.UserID]bridge.Person{
		"@bob:hs.example":    {User: "id-bob", Name: "Bob"},
		"@carol:hs.example":  {Name: "Carol *C*"},
		"@gone:hs.example":   {User: "id-gone", Name: "@all"},
		"@taken:hs.example":  {User: "id-all", Name: "Taken"},
		"@nameless:hs.other": {},
	}
}

// convertOut is all that a message from Matrix refers to.
func convertOut(all bool) outResolver {
	return outResolver{
		People: convertPeople(), Usernames: convertUsername, All: all, URL: "https://mm.example",
		Chats: map[string]bridge.ChatInfo{
			"#markt:hs.example": {Ref: "gym/markt_platz", Name: "Markt *Platz* @all"}, "!id:hs.example": {Ref: "gym/b", Name: "\u202e"}, "!odd:hs.example": {Ref: "odd", Name: "Odd"},
		},
	}
}

func convertUsername(user bridge.UserID) (string, bool) {
	switch user {
	case "id-bob":
		return "bob", true
	case "id-all":
		return "all", true // no server would, but it must not matter
	}
	return "", false
}

func fromHTML(formatted, body string) string {
	c := &event.MessageEventContent{MsgType: event.MsgText, Body: body}
	if formatted != "" {
		c.Format, c.FormattedBody = event.FormatHTML, formatted
	}
	return fromMatrix(c, convertOut(false))
}

// serverMentions lists what a server may take for mentions in a post. It reads
// the text as the server does (server/v8, channels/app/notification.go): the
// server's own markdown parser, adjacent texts joined, words cut at anything but
// letters, numbers and :.-_@. It is stricter than the server: any @ that begins a
// word or follows :.-_@ counts.
func serverMentions(md string) []string {
	var found []string
	text, inText := "", false
	flush := func() {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool {
			return !strings.ContainsRune(":.-_@", r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
		}) {
			for i := range len(word) {
				if word[i] != '@' || i > 0 && strings.IndexByte(":.-_@", word[i-1]) < 0 {
					continue
				}
				name, _, _ := strings.Cut(word[i+1:], "@")
				if name = strings.TrimRight(name, ".:-_"); name != "" {
					found = append(found, name)
				}
			}
		}
		text = ""
	}
	markdown.Inspect(md, func(node any) bool {
		t, ok := node.(*markdown.Text)
		switch {
		case ok:
			text += t.Text
		case node == nil && inText: // its end, where the server cuts words; here they go on
		default:
			flush()
		}
		inText = ok
		return true
	})
	flush()
	return found
}

// checkMentions fails for each mention in md that is not of one of allowed.
func checkMentions(t *testing.T, md string, allowed ...string) {
	t.Helper()
	for _, name := range serverMentions(md) {
		if !slices.Contains(allowed, name) {
			t.Errorf("the post mentions %q:\n%q", name, md)
		}
	}
}

// checkText fails for what no text may hold.
func checkText(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%s is not UTF-8: %q", what, s)
	}
	for _, r := range s {
		if unclean(r) {
			t.Errorf("%s holds %U: %q", what, r, s)
		}
	}
}

// matrixTags are the elements that Matrix allows, with their attributes (client-
// server API, m.room.message msgtypes).
func matrixTags() map[string][]string {
	tags := map[string][]string{
		"a": {"href"}, "ol": {"start"}, "code": {"class"}, "span": {"data-mx-maths"}, "div": {"data-mx-maths"},
	}
	for tag := range strings.FieldsSeq("del h1 h2 h3 h4 h5 h6 blockquote p ul li strong em hr br table thead tbody tr th td pre") {
		tags[tag] = nil
	}
	return tags
}

// checkHTML fails for anything that Matrix does not allow in a formatted body,
// and for elements that are not closed in order.
func checkHTML(t *testing.T, formatted string) {
	t.Helper()
	tags := matrixTags()
	var open []string
	tokens := html.NewTokenizer(strings.NewReader(formatted))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("not closed: %v in %q", open, formatted)
			}
			return
		case html.StartTagToken:
			token := tokens.Token()
			attributes, ok := tags[token.Data]
			if !ok {
				t.Errorf("element %s in %q", token.Data, formatted)
			}
			for _, a := range token.Attr {
				if !slices.Contains(attributes, a.Key) {
					t.Errorf("attribute %s of %s in %q", a.Key, token.Data, formatted)
				}
				if a.Key == "href" {
					checkHref(t, a.Val)
				}
			}
			if token.Data != "br" && token.Data != "hr" {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Errorf("end of %s in %v: %q", name, open, formatted)
				return
			}
			open = open[:len(open)-1]
		case html.TextToken:
		case html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
			t.Errorf("comment or self-closing tag in %q", formatted)
		}
	}
}

func checkHref(t *testing.T, href string) {
	t.Helper()
	if href == "steg:chat/gym.town-square" || href == "steg:chat/gym.evil-" || strings.HasPrefix(href, "steg:user/id-") {
		return
	}
	u, err := url.Parse(href)
	if err != nil || !slices.Contains([]string{"http", "https", "ftp", "mailto"}, strings.ToLower(u.Scheme)) {
		t.Errorf("link to %q", href)
	}
	if strings.HasPrefix(href, "https://matrix.to/#/@") {
		t.Errorf("link to a person: %q", href)
	}
}

// textOf is the text of HTML as people see it.
func textOf(formatted string) string {
	var b strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(formatted))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			b.WriteString(tokens.Token().Data)
		case html.StartTagToken:
			if name, _ := tokens.TagName(); string(name) == "br" {
				b.WriteByte('\n')
			}
		case html.EndTagToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}
