package mattermost

import (
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
)

func FuzzToMatrix(f *testing.F) {
	for _, s := range []string{
		"**a** _b_ ~~c~~ `d` @alice ~town-square :smile: https://x.example/a_b", "- [ ] a\n  1. b\n\n> c\n\n```go\nd\n```",
		"| a | b |\n|---|:-:|\n| c \\| d | `e` |", "[a](https://x.example \"t\") ![b](javascript:c) <d@e.example> [f]\n\n[f]: https://g.example",
		"$a$ $$b$$\n\n$$\nc\n$$\n```latex\nd\n```", "/me @room &#64;room &lt;b&gt; \\* \\\n", "# a\nb\n===\n---\n*\n\n    c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, md string) { checkToMatrix(t, md) })
}

func FuzzFromMatrix(f *testing.F) {
	for _, s := range [][2]string{
		{"<b>a</b><i>b</i> <code>@all</code> @<i>all</i> &#64;here", "a"},
		{"<ul><li>☐ a<ol start=3><li>b</ol></ul><blockquote>c</blockquote><pre><code class=\"language-go\">d</code></pre>", "a"},
		{`<a href="https://matrix.to/#/@bob:hs.example">Bob</a>.x <a href="https://x.example/@all">y</a><img alt="z">`, "a"},
		{"<table><tr><th>a|b<td>c<tr><td>d</table><h1>e #</h1><hr><details><summary>f</summary>g</details>", "a"},
		{"<span data-mx-maths='a'></span><div data-mx-maths='b'></div><span data-mx-spoiler>c</span>", "a"},
		{"", "*a* _b_ [c](d) https://x.example/@all www.x.example/@all :https://y.example/@all @bob:hs.example\n# e\n===\n1. f $g$ &amp; \\"},
	} {
		f.Add(s[0], s[1], false)
	}
	f.Add("a<b>b</b>c", "d_e_", true)
	f.Fuzz(func(t *testing.T, formatted, body string, emote bool) { checkFromMatrix(t, formatted, body, emote) })
}

// checkToMatrix converts a post and checks all that holds for any of them.
func checkToMatrix(t *testing.T, md string) {
	t.Helper()
	known := []string{"id-alice", "id-bob", "id-bob.smith", "id-room", "id-under_score", "id-evil"}
	checkAll(t, md)
	got := toMatrix(md, convertResolver())
	c := got.Content
	if got.All {
		t.Errorf("alerts everybody without leave: %q", md)
	}
	checkText(t, "body", c.Body)
	checkText(t, "formatted body", c.FormattedBody)
	if c.Mentions == nil || c.Mentions.Room || len(c.Mentions.UserIDs) > 0 {
		t.Errorf("m.mentions is %v", c.Mentions)
	}
	if defuseRoom(c.Body) != c.Body {
		t.Errorf("the body mentions the room: %q", c.Body)
	}
	for i, user := range got.Mentions {
		if !slices.Contains(known, string(user)) || slices.Contains(got.Mentions[:i], user) {
			t.Errorf("mentions %v", got.Mentions)
		}
	}
	if (c.Format == event.FormatHTML) != (c.FormattedBody != "") {
		t.Errorf("format %q of %q", c.Format, c.FormattedBody)
	}
	checkHTML(t, c.FormattedBody)
	if plain := cleanText(md); isPlain(plain) {
		if p := renderPost(plain, inResolver{}); p.body != plain || p.formatted != "" {
			t.Errorf("%q is not plain: %+v", plain, p)
		}
	}
	// A mention of 4 bytes or an emoji of 3 grows most.
	if len(c.Body) > 16*len(md)+64 || c.FormattedBody != "" && len(c.Body)+len(c.FormattedBody) > convertMaxEvent {
		t.Errorf("%d bytes became %d and %d", len(md), len(c.Body), len(c.FormattedBody))
	}
	checkMentions(t, fromMatrix(c, outResolver{}))
}

// checkAll converts a post whose author may alert everybody, and the answer back.
func checkAll(t *testing.T, md string) {
	t.Helper()
	r := convertResolver()
	r.All = true
	got := toMatrix(md, r)
	checkHTML(t, got.Content.FormattedBody)
	checkText(t, "body", got.Content.Body+got.Content.FormattedBody)
	if !got.All && defuseRoom(got.Content.Body) != got.Content.Body {
		t.Errorf("%q does not alert everybody, but the body says so", md)
	}
	if got.All && !alertWord.MatchString(strings.NewReplacer("\x00", "").Replace(cleanText(md))) {
		t.Errorf("%q alerts everybody by no word", md)
	}
	checkMentions(t, fromMatrix(got.Content, outResolver{All: true}), "channel")
}

// checkFromMatrix converts a message and checks all that holds for any of them.
func checkFromMatrix(t *testing.T, formatted, body string, emote bool) {
	t.Helper()
	c := &event.MessageEventContent{MsgType: event.MsgText, Body: body, Format: event.FormatHTML, FormattedBody: formatted}
	if emote {
		c.MsgType = event.MsgEmote
	}
	md := fromMatrix(c, convertOut(false))
	checkText(t, "post", md)
	// Escapes of one character take up to 5, prefixes of lines are bounded, and
	// so are the names of people.
	size := len(formatted) + len(body)
	lines := strings.Count(md, "\n") + 1
	if len(md)-lines*4*convertMaxIndent > 12*size+64 {
		t.Errorf("%d bytes became %d", size, len(md))
	}
	if strings.Contains(formatted+body, "bob") {
		checkMentions(t, md, "bob")
	} else {
		checkMentions(t, md)
	}
	allowed := []string{"bob"}
	if strings.Contains(strings.ToLower(formatted+body), "room") {
		allowed = append(allowed, "channel")
	}
	checkMentions(t, fromMatrix(c, convertOut(true)), allowed...)
	checkToMatrix(t, md)
}
