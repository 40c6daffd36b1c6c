package mattermost

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// TestConvertSafety holds for every golden case what must hold for all input.
func TestConvertSafety(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/convert/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in := sections(string(data))
		checkToMatrix(t, in["markdown"])
		checkFromMatrix(t, in["html"], in["body"], in["type"] == "m.emote")
	}
}

// The oracle itself must see mentions, or the tests that use it prove nothing.
func TestServerMentions(t *testing.T) {
	t.Parallel()
	for md, want := range map[string][]string{
		"@all":                        {"all"},
		"**@all**, x":                 {"all"},
		"a.@all":                      {"all"},
		"&#64;all":                    {"all"},
		`\@all`:                       {"all"},
		"`x`@all":                     {"all"},
		"[@all](https://x.example)":   {"all"},
		"`@all`":                      nil,
		"```\n@all\n```":              nil,
		"x@all.example":               nil,
		"https://x.example/@all":      nil,
		"[https://x.example/@all":     {"all"},
		"@" + zeroWidth + "all @ all": nil,
		"@bob.smith: @bob.":           {"bob.smith", "bob"},
	} {
		if diff := cmp.Diff(want, serverMentions(md)); diff != "" {
			t.Errorf("%q: %s", md, diff)
		}
	}
}

func TestToMatrixContent(t *testing.T) {
	t.Parallel()
	got := toMatrix("hallo @alice", convertResolver())
	c := got.Content
	if c.MsgType != event.MsgText || c.Body != "hallo @Alice Example" || c.FormattedBody != `hallo <a href="steg:user/id-alice">@Alice Example</a>` {
		t.Errorf("content %+v", c)
	}
	if diff := cmp.Diff(&event.Mentions{}, c.Mentions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bridge.UserID{"id-alice"}, got.Mentions); diff != "" {
		t.Error(diff)
	}
	if got := toMatrix("/me ", inResolver{}); got.Content.MsgType != event.MsgText {
		t.Errorf("an empty emote became %s", got.Content.MsgType)
	}
}

// A mention is one only for a person of the network with a username.
func TestFromMatrixPerson(t *testing.T) {
	t.Parallel()
	people := map[id.UserID]bridge.Person{"@a:hs": {User: "u", Name: "Anna"}}
	c := &event.MessageEventContent{Body: "Hallo @a:hs!"}
	for name, test := range map[string]struct {
		usernames func(bridge.UserID) (string, bool)
		want      string
	}{
		"known":     {func(bridge.UserID) (string, bool) { return "anna.m", true }, "Hallo @anna.m!"},
		"unknown":   {func(bridge.UserID) (string, bool) { return "", false }, "Hallo Anna!"},
		"no lookup": {nil, "Hallo Anna!"},
		"everybody": {func(bridge.UserID) (string, bool) { return "All", true }, "Hallo Anna!"},
		"no name":   {func(bridge.UserID) (string, bool) { return "x all", true }, "Hallo Anna!"},
	} {
		if got := fromMatrix(c, outResolver{People: people, Usernames: test.usernames}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// What has the same meaning on both sides comes back as it was.
func TestRoundTripHTML(t *testing.T) {
	t.Parallel()
	for _, formatted := range []string{
		"<strong>a</strong>", "x <em>a</em> y", "a<em>b</em>c", "<del>a b</del>", "<strong><em>a</em> b</strong>", "<em>a <strong>b</strong></em>",
		"<strong>a <em>b</em></strong>", "<em><strong>a</strong> b</em> c", "<strong>(a)</strong>b", "<strong>a*b_c`d</strong>", "<em>a*b</em> <em>a_b</em>",
		"<del>a <strong>b <em>c</em></strong></del>", "<strong>a</strong><em>b</em><del>c</del>", "<em>a</em><strong>b</strong>",
		"<code>a</code>", "<code>a`b``c</code> <code>`</code>", "<strong><code>a</code></strong>", "<code>a</code><code>b</code>",
		`<a href="https://x.example/a_b?c=d&amp;e=f">x <strong>y</strong></a>`, `<strong>see <a href="https://x.example">x]</a></strong>`,
		"<p>a<br>b</p><h2>c # d #</h2><hr><p>e</p>", "<blockquote>a<br>b</blockquote>", "<blockquote><p>a</p><p>b</p></blockquote>",
		"<blockquote>a</blockquote><p>b</p>", "<blockquote><ul><li>a</li><li>b</li></ul></blockquote>",
		"<ul><li>a</li><li>b<ul><li>c<ol><li>d</li></ol></li></ul></li></ul>", `<ol start="7"><li>a</li><li>b</li></ol>`,
		`<ul><li>a<ol start="3"><li>b</li></ol></li></ul>`, "<ul><li></li><li>b</li></ul>",
		"<ul><li><p>a</p><p>b</p></li><li>c</li></ul>", "<ul><li><blockquote>a</blockquote></li></ul>",
		"<ul><li>☐ a</li><li>☑ <strong>b</strong></li></ul>", "<p>a</p><ul><li>b</li></ul><p>c</p>",
		"<pre><code>a\n\n  b *c* @all\n</code></pre>", "<pre><code class=\"language-c++\">a```b\n</code></pre>",
		"<ol><li>a<br>b</li><li><pre><code>x\n</code></pre></li></ol>",
		"<table><thead><tr><th>a</th><th><strong>b</strong></th></tr></thead><tbody><tr><td>c|d</td><td><code>e</code></td></tr></tbody></table>",
		`<span data-mx-maths="a_b*c"><code>a_b*c</code></span>`, `<div data-mx-maths="\sum_1"><pre><code>\sum_1</code></pre></div>`,
		"<strong>1. a</strong><br>2. b", "<em>x</em><br># y<br>&gt; z<br>- a<br>+ b<br>* c<br>===<br>---<br>| - |<br>~~~<br>```<br>[x]: https://x.example/",
		"<em>x</em> &amp;amp; &amp;#64; &lt;b&gt; \\ \\* a\\b 2 * 3 [a](b) ![c](d) [e] $x$ $$y$$ _z_ snake_case <strong>é_ü_ö</strong>",
	} {
		md := fromHTML(formatted, "x")
		back := toMatrix(md, inResolver{}).Content.FormattedBody
		back = strings.NewReplacer(zeroWidth, "", `<a href="https://x.example/">https://x.example/</a>`, "https://x.example/").Replace(back)
		if diff := cmp.Diff(formatted, back); diff != "" {
			t.Errorf("by way of\n%s\n%s", md, diff)
		}
	}
}

// Markdown need not come back letter by letter, but must show the same.
func TestRoundTripMarkdown(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/convert/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		once := toMatrix(sections(string(data))["markdown"], inResolver{}).Content
		twice := toMatrix(fromMatrix(once, outResolver{}), inResolver{}).Content
		if once.MsgType == event.MsgEmote {
			continue // goes out in italics
		}
		if strings.Contains(once.FormattedBody, "<a href") {
			// Parentheses are percent-encoded in addresses, and a bare one may get its scheme.
			once.FormattedBody = strings.NewReplacer("(", "%28", ")", "%29").Replace(once.FormattedBody)
			twice.FormattedBody = strings.NewReplacer("(", "%28", ")", "%29").Replace(twice.FormattedBody)
		}
		clean := func(c *event.MessageEventContent) string {
			s := c.FormattedBody
			if s == "" {
				s = "<p>" + c.Body // no markup: the text counts
			}
			return strings.NewReplacer(zeroWidth, "", "  \n", "\n").Replace(s)
		}
		if diff := cmp.Diff(clean(once), clean(twice)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

// The plain text of a message is what people see of its body's markdown.
func TestPlainTextUnchanged(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"a*b*c **d** _e_ __f__ ~~g~~ `h` ``i`` ***j*** * k * _ l _", "# a\n## b\n#c\n> d\n- e\n* f\n+ g\n1. h\n2) i\n---\n***\n___\n===",
		"a\n===\nb\n---\nc\n- - -\nd\n-\ne\n=", "| a | b |\n| - | - |\n| c | d |", "a | b\n:-- | --:\nc | d", "[a](b) [c][d] [e]\n[e]: https://f.example",
		"![a](https://b.example) <https://c.example> <d@e.example> <f>", "&amp; &lt; &#42; &#x40; &copy; &nope; & &;", `\ \\ \* \_ a\ C:\Users\_x`,
		"```\na\n```\n~~~\nb\n~~~", "$a$ $$b$$ $5 $6 a$b $ c $", "x\n    y\n\n    z\n\tq", ":smil: :) 10:30:45", "a\\\nb", "- [ ] a\n- [x] b", "1.\n2.\n-",
	} {
		md := fromHTML("", body)
		content := toMatrix(md, inResolver{}).Content
		got := content.FormattedBody
		if got == "" {
			got = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(content.Body)
		}
		if tags := strings.NewReplacer("<p>", "", "</p>", "", "<br>", "").Replace(got); strings.Contains(tags, "<") && !strings.Contains(tags, "<a href") {
			t.Errorf("%q became markup: %q\n%s", body, md, got)
		}
		squash := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, zeroWidth, "")), " ") }
		shown := textOf(strings.ReplaceAll(got, "</p>", "<br>"))
		if diff := cmp.Diff(squash(body), squash(shown)); diff != "" {
			t.Errorf("%q by way of %q: %s", body, md, diff)
		}
	}
}

// Beyond the bounds a post stays as it is; what people write is within them.
func TestParsableMarkdown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		md   string
		want bool
	}{
		"rules":        {strings.Repeat("-", 200) + "\n" + strings.Repeat("* ", 100) + "\n", true},
		"table":        {"|a|b|\n|-|-|\n" + strings.Repeat("|c|d|\n", 500), true},
		"code":         {strings.Repeat("x | y || z\n", 1000), true},
		"quotes":       {strings.Repeat(">", convertMaxDepth+1) + " x", false},
		"lists":        {strings.Repeat("- ", convertMaxDepth+1) + "x", false},
		"numbers":      {strings.Repeat("1. ", convertMaxDepth+1) + "x", false},
		"delimiters":   {strings.Repeat("a*", convertMaxDelimiters+1), false},
		"wide table":   {strings.Repeat("|a", 200) + "\n" + strings.Repeat("|-", 200) + strings.Repeat("\n|", 200), false},
		"quoted table": {"> " + strings.Repeat("|a", 200) + "\n> " + strings.Repeat("|-", 200) + strings.Repeat("\n> |", 200), false},
		"long":         {strings.Repeat("a", convertMaxMarkdown+1), false},
	} {
		if got := parsableMarkdown(test.md); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
		if c := toMatrix(test.md, inResolver{}).Content; !test.want && (c.Body != test.md || c.FormattedBody != "") {
			t.Errorf("%s: changed", name)
		}
	}
}

// Markup bombs cost no more than plain text of their size.
func TestConvertBombs(t *testing.T) {
	t.Parallel()
	const size = 32 << 10
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	bombs := map[string]string{}
	for _, s := range []string{
		"[", "]", "![", "[](", "[a](", "[[a]", "](", "<", ">", "> ", "- ", "* ", "+ ", "1. ", "*", "**", "*a", "*a ", "a*", "a**b", "_", "_a ", "a_ ", "~~", "~~a ", "`", "``a", "`a``b",
		"|", "| ", "|-", "a|\n", "|-|\n", "\\", "&", "&#", "$", "$a", "$$", "@", "@a", "@all ", ":", ":a", ":a:", ":smile:", "#", "# ", "\n", " ", "\t", "-", "=\n", "a\n=\n",
		"\n- ", "\n> ", "[a]: b\n", "[a]:", "http://", "http://a", "www.", "www.a.", "a@", "a@b.", "(", ")", "http://a.b/(", "<a@", "<a:", "- [ ] ", "*a_", "*a _b ", "**a *b ", "~~a *b ", "!", "]]", "a\u00a0", "～", "\U0001f600",
		"@bob:hs.example ", "@bob:", "\"", "1.", "```\n", "~~~\n", "\n\n- a", "\n    a", "<b>", "<!--", "</", "&lt;", "```",
	} {
		bombs["md "+s] = repeat(s)
	}
	indented := ""
	for i := 0; len(indented) < size; i++ {
		indented += strings.Repeat(" ", i*2) + "- a\n"
	}
	bombs["md list"] = indented
	bombs["md table"] = strings.Repeat("|a", 500) + "\n" + strings.Repeat("|-", 500) + "\n" + repeat("|\n")
	bombs["md quote"] = strings.Repeat(">", 20) + repeat("a\n>")
	for name, s := range bombs {
		fast(t, name, func() { toMatrix(s, convertResolver()) })
		fast(t, "body "+name, func() { fromHTML("", s) })
		fast(t, "html "+name, func() { fromHTML(s, "x") })
		s = s[:1<<10] // the server's parser, which checks, is slow itself
		checkToMatrix(t, s)
		checkFromMatrix(t, "", s, false)
		checkFromMatrix(t, s, "x", true)
	}
	for _, s := range []string{
		"<b>", "<b><i>", "<p>", "<div>", "<blockquote>", "<ul><li>", "<li>", "<table>", "<table><tr><td>", "<td>", "<a href=x>", "<code>", "<pre>", "</b>", "<b></p>", "<br>", "<hr>", "<b>*</b>",
		"<b>a</b>", "<i>a</i>", "<b>.</b>a", "<code>`</code>", "<a href='https://x.example/('>(</a>", "<img alt='*'>", "<mx-reply>", "<span data-mx-maths=a>", "<h1>", "<details><summary>", "&", "<", "<!--", "<script>", "@<b>x</b>", "<i>_</i>*",
		"<ol><li>a</ol>", "<a href='https://matrix.to/#/@bob:hs.example'>x</a>", "<textarea>", "<b a=1 b=2>",
	} {
		html := repeat(s)
		for _, h := range []string{html, strings.Repeat("<div>", 500) + html, strings.Repeat("<blockquote><ul><li>", 100) + html, strings.Repeat("<b><i><s>", 100) + html} {
			fast(t, s, func() { fromHTML(h, "x") })
			checkFromMatrix(t, h[:2<<10], "x", false)
		}
	}
}

// fast fails when f takes many times what it should, on a slow machine too.
func fast(t *testing.T, what string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d > 8*time.Second {
		t.Errorf("%q took %v", what, d)
	} else if d > time.Second {
		t.Logf("%q took %v", what, d)
	}
}
