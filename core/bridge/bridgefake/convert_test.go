package bridgefake

import (
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

func TestToMatrix(t *testing.T) {
	t.Parallel()
	name := func(u bridge.UserID) string { return map[bridge.UserID]string{"u1": "Lou"}[u] }
	tests := map[string]struct {
		text, body, html string
		mentions         []bridge.UserID
		may, all         bool
	}{
		"plain":   {text: "a < b", body: "a < b"},
		"bold":    {text: "a **b** & c", body: "a **b** & c", html: "a <strong>b</strong> &amp; c"},
		"lines":   {text: "**a**\nb", body: "**a**\nb", html: "<strong>a</strong><br>b"},
		"mention": {text: "hi <@u1>!", body: "hi @Lou!", html: `hi <a href="steg:user/u1">@Lou</a>!`, mentions: []bridge.UserID{"u1"}},
		"nobody":  {text: "hi <@u2>!", body: "hi <@u2>!"},
		"all":     {text: "<!all> hi", body: "@all hi"},
		"all may": {text: "<!all> hi", body: "@room hi", may: true, all: true},
		"nothing": {text: "@room hi", body: "@\u200broom hi", may: true},
		"chat":    {text: "see <#gym.market> & go", body: "see <#gym.market> & go", html: `see <a href="steg:chat/gym.market">#gym.market</a> &amp; go`},
	}
	for n, tt := range tests {
		t.Run(n, func(t *testing.T) {
			t.Parallel()
			c, mentions, all := toMatrix(tt.text, tt.may, name)
			if c.Body != tt.body || c.FormattedBody != tt.html || all != tt.all || !slices.Equal(mentions, tt.mentions) {
				t.Errorf("got %q, %q, all %v, %q", c.Body, c.FormattedBody, all, mentions)
			}
		})
	}
}

func TestToNetwork(t *testing.T) {
	t.Parallel()
	people := map[id.UserID]bridge.Person{"@lou:x": {User: "u1"}, "@max:x": {Name: "Max"}}
	chats := map[string]bridge.ChatInfo{"#market:x": {Slug: "gym.market"}}
	tests := map[string]struct {
		body, html, want string
		all              bool
	}{
		"plain":    {body: "a < b", want: "a < b"},
		"bold":     {body: "-", html: "a <strong>b</strong> <b>c</b>", want: "a **b** **c**"},
		"entities": {body: "-", html: "&lt;b&gt; &amp;", want: "<b> &"},
		"lines":    {body: "-", html: "<p>a</p><p>b<br/>c</p>", want: "a\nb\nc"},
		"pill":     {body: "-", html: `<a href="https://matrix.to/#/@lou:x">Lou</a> hi`, want: "<@u1> hi"},
		"chat":     {body: "-", html: `<a href="https://matrix.to/#/%23market:x">M</a> <a href="https://matrix.to/#/%23other:x">O</a>`, want: "<#gym.market> O"},
		"no ghost": {body: "-", html: `<a href="https://matrix.to/#/@max:x">Max</a> hi`, want: "Max hi"},
		"stranger": {body: "-", html: `<a href="https://matrix.to/#/@eve:x">Eve</a> hi`, want: "Eve hi"},
		"alarm":    {body: "<!all> <@u1>", want: "<\u200b!all> <\u200b@u1>"},
		"hidden":   {body: "-", html: "&lt;!all&gt;", want: "<\u200b!all>"},
		"room":     {body: "@room <!all>", want: "@room <\u200b!all>"},
		"room may": {body: "@room @rooms <!all>", want: "<!all> @rooms <\u200b!all>", all: true},
		"control":  {body: "a\x00b\x1bc\nd", want: "abc\nd"},
	}
	for n, tt := range tests {
		t.Run(n, func(t *testing.T) {
			t.Parallel()
			c := &event.MessageEventContent{MsgType: event.MsgText, Body: tt.body}
			if tt.html != "" {
				c.Format, c.FormattedBody = event.FormatHTML, tt.html
			}
			if got := toNetwork(c, people, chats, tt.all); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzToNetwork(f *testing.F) {
	for _, s := range []string{"<!all>", "&lt;!all&gt;", "<<b>!all>", "<b></b>&lt;<i></i>!all>", `<a href="https://matrix.to/#/@lou:x">`} {
		f.Add(s)
	}
	people := map[id.UserID]bridge.Person{"@lou:x": {User: "u1"}}
	f.Fuzz(func(t *testing.T, s string) {
		c := &event.MessageEventContent{MsgType: event.MsgText, Body: s, Format: event.FormatHTML, FormattedBody: s}
		if got := toNetwork(c, people, nil, false); strings.Contains(got, everyone) || strings.ContainsRune(got, 0) {
			t.Errorf("%q became %q", s, got)
		}
	})
}
