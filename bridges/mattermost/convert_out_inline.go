package mattermost

import (
	"strings"
	"unicode/utf8"
)

// inlineState is what the text stands in.
type inlineState struct {
	strong, em, strike, link bool
}

// inlines writes running text with marks; a line end is a line break. Blocks in
// it, as in a table's cell, become lines.
func (w *mdWriter) inlines(nodes []*htmlNode, in inlineState) string {
	var b strings.Builder
	w.run(&b, nodes, in)
	return b.String()
}

func (w *mdWriter) run(b *strings.Builder, nodes []*htmlNode, in inlineState) {
	for _, n := range nodes {
		s := w.inline(n, in)
		if n.tag == "" || strings.HasPrefix(s, " ") {
			// One space where HTML has many, none at the start of a line.
			if last, _ := utf8.DecodeLastRuneInString(b.String()); last == ' ' || last == '\n' {
				s = strings.TrimLeft(s, " ")
			}
		}
		b.WriteString(s)
	}
}

func (w *mdWriter) inline(n *htmlNode, in inlineState) string {
	if isDroppedTag(n.tag) {
		return ""
	}
	if maths := strings.TrimSpace(n.attribute("data-mx-maths")); maths != "" {
		return mathsSpan(maths)
	}
	switch n.tag {
	case "":
		return w.resolve(collapse(n.text))
	case "br", "hr":
		return "\n"
	case "b", "strong":
		if !in.strong {
			in.strong = true
			return emphasize(w.inlines(n.kids, in), markStrong)
		}
	case "i", "em":
		if !in.em {
			in.em = true
			return emphasize(w.inlines(n.kids, in), markEm)
		}
	case "s", "del", "strike":
		if !in.strike {
			in.strike = true
			return emphasize(w.inlines(n.kids, in), markStrike)
		}
	case "code", "tt", "kbd", "samp":
		code, _ := preText(n)
		return codeSpan(code)
	case "sup":
		text := w.inlines(n.kids, in)
		if raised, ok := script(text, superscripts); ok || text == "" {
			return raised
		}
		return "^" + text
	case "sub":
		text := w.inlines(n.kids, in)
		if lowered, ok := script(text, subscripts); ok {
			return lowered
		}
		return text
	case "img":
		for _, key := range []string{"alt", "title"} {
			if text := collapse(n.attribute(key)); strings.TrimSpace(text) != "" {
				return text
			}
		}
		return ""
	case "a":
		return w.anchor(n, in)
	case "span":
		if reason, ok := spoilerReason(n); ok {
			return spoilerLabel(reason) + ": " + trimInline(w.inlines(n.kids, in)) + "]"
		}
	}
	text := w.inlines(n.kids, in)
	if isBlockTag(n.tag) {
		return "\n" + strings.Trim(text, " \n") + "\n"
	}
	return text
}

// spoilerReason tells whether an element hides what it holds, and why.
func spoilerReason(n *htmlNode) (string, bool) {
	for _, a := range n.attr {
		if a.Key == "data-mx-spoiler" {
			return oneLine(cleanText(a.Val)), true
		}
	}
	return "", false
}

// spoilerLabel begins a text that Mattermost cannot hide.
func spoilerLabel(reason string) string {
	if reason == "" {
		return "[Spoiler"
	}
	return "[Spoiler (" + reason + ")"
}

// The characters that stand for small ones above and below the line, which
// Mattermost has no markup for.
const (
	smallFrom    = "0123456789+-=()n"
	superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ"
	subscripts   = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙ"
)

// script writes a text with the characters of an alphabet that go with those of
// smallFrom; false when it has others.
func script(text, alphabet string) (string, bool) {
	letters := []rune(alphabet)
	var b strings.Builder
	for _, r := range text {
		at := strings.IndexRune(smallFrom, r)
		if at < 0 {
			return "", false
		}
		b.WriteRune(letters[at])
	}
	return b.String(), text != ""
}

// collapse makes one space of each run of white space, as HTML does.
func collapse(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if r == ' ' || r == '\t' || r == '\n' {
			space = true
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	if space {
		b.WriteByte(' ')
	}
	return b.String()
}

// trimInline removes spaces and line breaks around running text.
func trimInline(s string) string { return strings.Trim(s, " \n") }

// oneLine makes spaces of line breaks, for headings and cells.
func oneLine(s string) string {
	return strings.TrimSpace(collapse(s))
}

// codeSpan writes code on one line. Inside, nothing is markup or notifies.
func codeSpan(code string) string {
	code = strings.TrimSpace(collapse(code))
	if code == "" {
		return ""
	}
	marks := strings.Repeat("`", longestRun(code, '`')+1)
	if strings.HasPrefix(code, "`") || strings.HasSuffix(code, "`") {
		code = " " + code + " "
	}
	return raw(marks + code + marks)
}

// mathsSpan writes a formula. What would end it, or act inside where formulas are
// switched off, turns it into code.
func mathsSpan(formula string) string {
	formula = oneLine(formula)
	if strings.ContainsAny(formula, "`$@[]<>&!") || strings.HasSuffix(formula, `\`) {
		return codeSpan(formula)
	}
	return raw("$" + formula + "$")
}
