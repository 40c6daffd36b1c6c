package mattermost

import (
	"html"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"github.com/steg-bridge/steg/core/bridge"
)

// renderedPost is a post for Matrix.
type renderedPost struct {
	body      string
	formatted string // "" where it says no more than body
	mentions  []bridge.UserID
	all       bool // everybody is mentioned
}

// renderPost reads the markup of a post and writes both bodies.
func renderPost(md string, r inResolver) renderedPost {
	source := []byte(md)
	document := parseMarkdown(source, r)
	p := &postRenderer{source: source}
	if !p.fits(document, 0) {
		return renderedPost{body: defuseRoom(md)}
	}
	p.container(document)
	body := p.body()
	defused := defuseRoom(body)
	out := renderedPost{body: meanRoom(defused), mentions: p.mentions, all: p.all}
	if p.markup || p.urls && defused != body {
		out.formatted = meanRoom(p.out.String())
	}
	return out
}

// postRenderer writes org.matrix.custom.html, only of the tags that the Matrix
// specification lists for m.room.message, and notes what the plain body says in
// place of the source.
type postRenderer struct {
	source   []byte
	out      strings.Builder
	edits    []bodyEdit
	mentions []bridge.UserID
	all      bool // everybody is mentioned
	markup   bool // the HTML says more than its text
	urls     bool // the text holds addresses
	inLink   bool
}

// fits tells whether no node lies deeper than the nesting that the Matrix
// specification advises (100).
func (p *postRenderer) fits(n ast.Node, depth int) bool {
	if depth > 60 {
		return false
	}
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if !p.fits(child, depth+1) {
			return false
		}
	}
	return true
}

// container renders blocks. A paragraph that is alone, or alone before the lists
// of an item, needs no tags.
func (p *postRenderer) container(n ast.Node) {
	bare := true
	first := n.FirstChild()
	for child := first; child != nil; child = child.NextSibling() {
		shown := child.Kind() != ast.KindLinkReferenceDefinition
		list := child.Kind() == ast.KindList && n.Kind() == ast.KindListItem
		bare = bare && (child == first || list || !shown)
		if child == first && !shown {
			first = child.NextSibling()
		}
	}
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		p.block(child, bare)
	}
}

func (p *postRenderer) block(n ast.Node, bare bool) {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		switch maths, ok := p.mathsBlock(n); {
		case ok:
			p.maths("div", maths)
		case bare:
			p.inlines(n)
		default:
			p.wrap("p", n)
		}
	case *ast.Heading:
		p.markup = true
		p.wrap("h"+strconv.Itoa(n.Level), n)
	case *ast.ThematicBreak:
		p.markup = true
		p.out.WriteString("<hr>")
	case *ast.FencedCodeBlock:
		p.code(n, string(n.Language(p.source)))
	case *ast.CodeBlock:
		p.code(n, "")
	case *ast.Blockquote:
		p.markup = true
		p.out.WriteString("<blockquote>")
		p.container(n)
		p.out.WriteString("</blockquote>")
	case *ast.List:
		p.list(n)
	case *extast.Table:
		p.table(n)
	default:
		p.container(n)
	}
}

func (p *postRenderer) wrap(tag string, n ast.Node) {
	p.out.WriteString("<" + tag + ">")
	p.inlines(n)
	p.out.WriteString("</" + tag + ">")
}

func (p *postRenderer) list(n *ast.List) {
	p.markup = true
	tag := "ul"
	open := "<ul>"
	if n.IsOrdered() {
		tag, open = "ol", "<ol>"
		if n.Start != 1 {
			open = `<ol start="` + strconv.Itoa(n.Start) + `">`
		}
	}
	p.out.WriteString(open)
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		p.out.WriteString("<li>")
		p.container(item)
		p.out.WriteString("</li>")
	}
	p.out.WriteString("</" + tag + ">")
}

func (p *postRenderer) table(n *extast.Table) {
	p.markup = true
	p.out.WriteString("<table>")
	cell, end := "th", "</thead>"
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		if cell == "th" {
			p.out.WriteString("<thead>")
		}
		p.out.WriteString("<tr>")
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			p.wrap(cell, c)
		}
		p.out.WriteString("</tr>")
		if cell == "th" {
			p.out.WriteString(end)
			cell = "td"
			if row.NextSibling() != nil {
				p.out.WriteString("<tbody>")
				end = "</tbody>"
			} else {
				end = ""
			}
		}
	}
	p.out.WriteString(end + "</table>")
}

func (p *postRenderer) code(n ast.Node, language string) {
	p.markup = true
	code := lines(n, p.source)
	if strings.EqualFold(language, "latex") || strings.EqualFold(language, "tex") {
		if maths := strings.TrimSpace(code); maths != "" {
			p.maths("div", maths)
			return
		}
	}
	p.out.WriteString("<pre><code")
	if language = codeLanguage(language); language != "" {
		p.out.WriteString(` class="language-` + language + `"`)
	}
	p.out.WriteString(">")
	p.text(code)
	p.out.WriteString("</code></pre>")
}

// codeLanguage cleans the name of a programming language; "" when it is none.
func codeLanguage(s string) string {
	if len(s) > 32 || strings.ContainsFunc(s, func(r rune) bool { return !isAlnum(r) && !strings.ContainsRune("+-#._", r) }) {
		return ""
	}
	return s
}

// mathsBlock recognises a paragraph that is one $$formula$$.
func (p *postRenderer) mathsBlock(n ast.Node) (string, bool) {
	if n.Lines().Len() == 0 {
		return "", false
	}
	first := n.Lines().At(0)
	if !strings.HasPrefix(string(first.Value(p.source)), "$$") {
		return "", false
	}
	inner, ok := strings.CutSuffix(strings.TrimSpace(lines(n, p.source))[2:], "$$")
	inner = strings.TrimSpace(inner)
	return inner, ok && inner != "" && !strings.Contains(inner, "$$")
}

func (p *postRenderer) maths(tag, formula string) {
	p.markup = true
	code, end := "<code>", "</code>"
	if tag == "div" {
		code, end = "<pre><code>", "</code></pre>"
	}
	p.out.WriteString("<" + tag + ` data-mx-maths="` + html.EscapeString(formula) + `">` + code)
	p.text(formula)
	p.out.WriteString(end + "</" + tag + ">")
}

// escaper makes text harmless in HTML. Building one takes longer than using it.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (p *postRenderer) text(s string) {
	_, _ = escaper.WriteString(&p.out, defuseRoom(s)) // a builder takes everything
}

func (p *postRenderer) mention(user string) {
	if id := bridge.UserID(user); user != "" && !slices.Contains(p.mentions, id) {
		p.mentions = append(p.mentions, id)
	}
}

func lines(n ast.Node, source []byte) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		b.Write(line.Value(source))
	}
	return b.String()
}
