package mattermost

import (
	"fmt"
	"html"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/event"
)

// document writes a random formatted body as [toMatrix] does: of all that both
// sides have, nested at random.
type document struct{ *rand.Rand }

func (d document) pick(all ...string) string { return all[d.IntN(len(all))] }

// word is text that would be markup if nobody took care.
func (d document) word() string {
	return d.pick("Haus", "ein", "grüezi", "2*3", "snake_case", "_x_", "**y**", "`z`", "#tag", "a|b", "[l](m)", "!", "~ort", "~~w~~", "<b>", "&amp;", "5$",
		"1.", "-", "+", ">", "@all", "me@x.example", "\\*", "😄", "(k)", "„Zitat“", "x:y", "C:\\d", "=", "#", "|", "^2", "..", "don't")
}

func (d document) words() string {
	words := make([]string, 1+d.IntN(4))
	for i := range words {
		words[i] = d.word()
	}
	return html.EscapeString(strings.NewReplacer("'", "’", `"`, "”").Replace(strings.Join(words, " ")))
}

// line is running text; in names the marks around it.
func (d document) line(in string, breaks bool) string {
	parts := make([]string, 1+d.IntN(3))
	for i := range parts {
		parts[i] = d.span(in, breaks)
	}
	return strings.Join(parts, " ")
}

func (d document) span(in string, breaks bool) string {
	mark := d.pick("strong", "em", "del", "code", "a", "br", "maths", "", "", "")
	if strings.Contains(in, "<"+mark+">") {
		mark = ""
	}
	switch mark {
	case "strong", "em", "del":
		return "<" + mark + ">" + d.line(in+"<"+mark+">", false) + "</" + mark + ">"
	case "code":
		return "<code>" + d.words() + "</code>"
	case "a":
		return fmt.Sprintf(`<a href="https://x.example/%d?a=b&amp;c=d_e">%s</a>`, d.IntN(99), html.EscapeString(d.pick("hier", "da *und* dort", "[x]", "a_b")))
	case "br":
		if breaks {
			return d.words() + "<br>" + d.words()
		}
	case "maths":
		return `<span data-mx-maths="a_1 + b^2"><code>a_1 + b^2</code></span>`
	}
	return d.words()
}

// block writes one block, other than the kind before.
func (d document) block(depth int, before string) (kind, out string) {
	for kind = before; kind == before || depth > 2 && (kind == "ul" || kind == "ol" || kind == "blockquote"); {
		kind = d.pick("p", "p", "p", "h", "ul", "ol", "blockquote", "pre", "table", "maths", "hr")
		if before == "" && kind == "hr" || (before == "ul" || before == "ol") && (kind == "ul" || kind == "ol") {
			kind = before
		}
	}
	switch kind {
	case "p":
		return kind, "<p>" + d.line("", true) + "</p>"
	case "h":
		tag := fmt.Sprintf("h%d", 1+d.IntN(6))
		return kind, "<" + tag + ">" + d.line("", false) + "</" + tag + ">"
	case "ul", "ol":
		return kind, d.list(kind, depth)
	case "blockquote":
		return kind, "<blockquote>" + d.blocks(depth+1) + "</blockquote>"
	case "pre":
		return kind, "<pre><code" + d.pick("", ` class="language-go"`, ` class="language-c++"`) + ">" + d.words() + d.pick("\n", "\n\n  x\n") + "</code></pre>"
	case "table":
		return kind, d.table()
	case "maths":
		return kind, `<div data-mx-maths="\sum_{i} x &lt; 5"><pre><code>\sum_{i} x &lt; 5</code></pre></div>`
	}
	return kind, "<hr>"
}

func (d document) list(kind string, depth int) string {
	open := "<" + kind + ">"
	if kind == "ol" && d.IntN(3) == 0 && depth == 0 {
		open = fmt.Sprintf(`<ol start="%d">`, 2+d.IntN(99))
	}
	var b strings.Builder
	b.WriteString(open)
	for range 1 + d.IntN(3) {
		b.WriteString("<li>" + d.item(kind, depth) + "</li>")
	}
	return b.String() + "</" + kind + ">"
}

// item is a line, perhaps with a box or a list, or several blocks.
func (d document) item(kind string, depth int) string {
	switch d.IntN(6) {
	case 0:
		if kind == "ul" {
			return d.pick("☐ ", "☑ ") + d.line("", false)
		}
	case 1:
		if depth < 2 {
			return d.line("", false) + d.list(d.pick("ul", "ol"), depth+1)
		}
	case 2:
		return "<p>" + d.line("", true) + "</p><p>" + d.line("", false) + "</p>"
	}
	return d.line("", true)
}

func (d document) table() string {
	columns := 1 + d.IntN(3)
	row := func(tag string) string {
		out := "<tr>"
		for range columns {
			out += "<" + tag + ">" + d.line("", false) + "</" + tag + ">"
		}
		return out + "</tr>"
	}
	out := "<table><thead>" + row("th") + "</thead>"
	if n := d.IntN(3); n > 0 {
		out += "<tbody>"
		for range n {
			out += row("td")
		}
		out += "</tbody>"
	}
	return out + "</table>"
}

// blocks writes several blocks. A paragraph alone has no tags.
func (d document) blocks(depth int) string {
	n := 1 + d.IntN(4)
	if n == 1 {
		return d.line("", true)
	}
	out, kind, block := "", "", ""
	for range n {
		kind, block = d.block(depth, kind)
		out += block
	}
	return out
}

var mailLink = regexp.MustCompile(`<a href="mailto:[^"]*">([^<]*)</a>`)

// sameMarks says one thing for what is the same.
var sameMarks = strings.NewReplacer("<strong><em>", "<em><strong>", "</em></strong>", "</strong></em>")

// asHTML writes a body without markup as the formatted body that it stands for.
func asHTML(body string) string {
	paragraphs := strings.Split(escaper.Replace(body), "\n\n")
	for i, p := range paragraphs {
		if p = strings.ReplaceAll(p, "\n", "<br>"); len(paragraphs) > 1 {
			p = "<p>" + p + "</p>"
		}
		paragraphs[i] = p
	}
	return strings.Join(paragraphs, "")
}

// What both sides have comes back from Mattermost as it was, however it is nested.
func TestRoundTripRandom(t *testing.T) {
	t.Parallel()
	d := document{rand.New(rand.NewPCG(3, 4))}
	for range 3000 {
		formatted := d.blocks(0)
		c := &event.MessageEventContent{MsgType: event.MsgText, Body: "x", Format: event.FormatHTML, FormattedBody: formatted}
		md := fromMatrix(c, outResolver{})
		checkMentions(t, md)
		back := toMatrix(md, inResolver{}).Content
		got := back.FormattedBody
		if got == "" {
			got = asHTML(back.Body)
		}
		got = mailLink.ReplaceAllString(strings.ReplaceAll(got, zeroWidth, ""), "$1") // links by itself
		if diff := cmp.Diff(sameMarks.Replace(formatted), sameMarks.Replace(got)); diff != "" || t.Failed() {
			t.Fatalf("by way of\n%s\n%s", md, diff)
		}
	}
}

// shownText is what people read of a content, without spaces.
func shownText(c *event.MessageEventContent) string {
	s := c.FormattedBody
	if s == "" {
		s = asHTML(c.Body)
	}
	s = textOf(strings.NewReplacer("<p>", "<br>", "<li>", "<br>", "<td>", "<br>", "<th>", "<br>").Replace(s))
	s = strings.NewReplacer(zeroWidth, "", "%2A", "*", "%7C", "|").Replace(s) // as addresses have it
	return strings.Join(strings.Fields(s), "")
}

// Whatever somebody writes on Mattermost, it says the same when it has been to
// Matrix and back.
func TestRoundTripText(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range 10000 {
		// Emotes are messages of another kind, names of emoji become emoji, and readers
		// differ in what belongs to an address beside other marks.
		md := strings.NewReplacer("/me ", "", ":smile:", "", ":a", "", "x@y.example", "").Replace(randomText(r, markupPieces()))
		if strings.Contains(md, "://") || strings.Contains(md, "www.") {
			continue
		}
		once := toMatrix(md, inResolver{}).Content
		there := fromMatrix(once, outResolver{})
		twice := toMatrix(there, inResolver{}).Content
		if diff := cmp.Diff(shownText(once), shownText(twice)); diff != "" && shownText(once) != "" {
			t.Fatalf("%q\nbecame %q\nand %q\n%s", md, once.FormattedBody, there, diff)
		}
	}
}
