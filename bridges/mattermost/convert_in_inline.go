package mattermost

import (
	"html"
	"net/url"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"github.com/steg-bridge/steg/core/bridge"
)

// inlines renders what stands inside a paragraph, heading or cell.
func (p *postRenderer) inlines(n ast.Node) {
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		p.inline(child)
	}
}

func (p *postRenderer) inline(n ast.Node) {
	switch n := n.(type) {
	case *mdToken:
		p.token(n)
	case *ast.Text:
		p.plainText(n)
	case *ast.String:
		p.text(string(n.Value))
	case *ast.CodeSpan:
		p.markup = true
		p.out.WriteString("<code>")
		p.text(codeText(n, p.source))
		p.out.WriteString("</code>")
	case *ast.Emphasis:
		p.markup = true
		tag := "em"
		if n.Level == 2 {
			tag = "strong"
		}
		p.wrap(tag, n)
	case *extast.Strikethrough:
		p.markup = true
		p.wrap("del", n)
	case *extast.TaskCheckBox:
		if n.IsChecked {
			p.out.WriteString("☑ ")
		} else {
			p.out.WriteString("☐ ")
		}
	case *ast.Link:
		p.markup = true
		p.link(string(n.Destination), n)
	case *ast.Image:
		p.markup = true
		p.link(string(n.Destination), n)
	case *ast.AutoLink:
		p.autoLink(n)
	default:
		p.inlines(n)
	}
}

func (p *postRenderer) token(n *mdToken) {
	shown := string(n.Value)
	if n.maths {
		p.maths("span", shown)
		return
	}
	p.edit(n.start, n.stop, shown)
	p.mention(n.user)
	p.all = p.all || n.all
	switch label := escaper.Replace(defuseRoom(shown)); {
	case n.chat != "" && !p.inLink:
		p.markup = true
		p.out.WriteString(bridge.ChatLink(n.chat, label))
	case n.user != "" && !p.inLink:
		p.markup = true
		p.out.WriteString(bridge.UserLink(bridge.UserID(n.user), label))
	default:
		p.out.WriteString(label)
	}
}

// plainText renders text with its escapes resolved. Every end of a line is a
// line break in Mattermost.
func (p *postRenderer) plainText(n *ast.Text) {
	raw := string(n.Segment.Value(p.source))
	shown := raw
	if !n.IsRaw() {
		shown = unescapeMarkdown(raw)
	}
	p.text(shown)
	if shown != raw && n.Segment.Padding == 0 {
		p.edit(n.Segment.Start, n.Segment.Stop, shown)
	}
	if n.HardLineBreak() && n.Segment.Stop < len(p.source) && p.source[n.Segment.Stop] == '\\' {
		p.edit(n.Segment.Stop, n.Segment.Stop+1, "")
	}
	if (n.SoftLineBreak() || n.HardLineBreak()) && n.NextSibling() != nil {
		p.out.WriteString("<br>")
	}
}

// unescapeMarkdown resolves backslashes and character references.
func unescapeMarkdown(s string) string {
	if !strings.ContainsAny(s, `\&`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && isPunct(rune(s[i+1])):
			i++
			b.WriteByte(s[i])
		case s[i] == '&' && reference(s[i:]) > 0:
			n := reference(s[i:])
			b.WriteString(cleanText(html.UnescapeString(s[i : i+n])))
			i += n - 1
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// reference returns the length of the character reference at the start of s.
func reference(s string) int {
	const longest = 33
	n := strings.IndexByte(s[:min(len(s), longest)], ';') + 1
	if n < 3 || html.UnescapeString(s[:n]) == s[:n] {
		return 0
	}
	for i := 1; i < n-1; i++ {
		if !isAlnum(rune(s[i])) && !(i == 1 && s[i] == '#') {
			return 0
		}
	}
	return n
}

func codeText(n ast.Node, source []byte) string {
	var b strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		switch child := child.(type) {
		case *ast.Text:
			b.Write(child.Segment.Value(source))
		case *ast.String:
			b.Write(child.Value)
		}
	}
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// link renders a link, or an image as one, if its address is allowed, otherwise
// only what is inside.
func (p *postRenderer) link(destination string, n ast.Node) {
	destination = unescapeMarkdown(destination)
	if !strings.Contains(destination, ":") && strings.Contains(destination, ".") && isAlnum(rune(destination[0])) {
		destination = "http://" + destination // as Mattermost does
	}
	href, ok := allowedLink(destination)
	if !ok || p.inLink {
		p.inlines(n)
		return
	}
	p.inLink = true
	p.out.WriteString(`<a href="` + html.EscapeString(href) + `">`)
	before := p.out.Len()
	p.inlines(n)
	if p.out.Len() == before {
		p.text(href)
	}
	p.out.WriteString("</a>")
	p.inLink = false
}

func (p *postRenderer) autoLink(n *ast.AutoLink) {
	p.urls = true
	destination := string(n.URL(p.source))
	if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(destination), "mailto:") {
		destination = "mailto:" + destination
	}
	href, ok := allowedLink(destination)
	if !ok || p.inLink {
		p.text(string(n.Label(p.source)))
		return
	}
	p.out.WriteString(`<a href="` + html.EscapeString(href) + `">`)
	p.text(string(n.Label(p.source)))
	p.out.WriteString("</a>")
}

// allowedLink tells whether people may be sent to an address. A link to a Matrix
// user is none: clients would show it as a mention, and mentions are the core's.
func allowedLink(s string) (string, bool) {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil {
		return "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https", "ftp":
		if u.Host == "" {
			return "", false
		}
	case "mailto":
	default:
		return "", false
	}
	if _, pill := linkedUser(s); pill {
		return "", false
	}
	return s, true
}
