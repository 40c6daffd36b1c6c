package mattermost

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// text escapes the text that stands at an offset of the line.
func (w *lineWriter) text(s string, offset int) {
	w.start = offset
	for i := 0; i < len(s); {
		if out, n := w.address(s[i:]); n > 0 {
			last, _ := utf8.DecodeLastRuneInString(out)
			w.put(out, last)
			w.prevRaw = true
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		end := offset + i + size
		beside := i+size == len(s) && end < len(w.flat) // raw or a mark follows
		w.put(w.escaped(r, end, beside), r)
		if w.notifies(r, end, beside) {
			w.putZeroWidth()
		}
		i += size
	}
}

// escaped returns r, which ends at an offset of the line, as it must be written.
func (w *lineWriter) escaped(r rune, end int, beside bool) string {
	next := w.next(end)
	if w.escapeAt == end-1 && r < utf8.RuneSelf {
		if r == '=' {
			return "&#61;" // the web client knows no backslash here
		}
		return `\` + string(r)
	}
	escape := false
	switch r {
	case '\\':
		escape = isPunct(next) || w.more && end == len(w.flat) // or it breaks the line
	case '*':
		escape = !unicode.IsSpace(w.prev) || !unicode.IsSpace(next) || beside
	case '_':
		escape = !isAlnum(w.prev) || w.prevRaw || !isAlnum(next) || beside
	case '~':
		escape = w.prev == '~' || next == '~' || beside || w.prevRaw
	case '`':
		escape = true
	case '[':
		escape = w.brackets || w.link
	case ']':
		escape = w.link
	case '!':
		escape = beside && next == '['
	case '|':
		escape = w.kind == leafCell
	case '&':
		if reference(w.flat[end-1:]) > 0 {
			return "&amp;"
		}
	case '<':
		if w.autolink(end) {
			return "&lt;"
		}
	case '$':
		if w.formulas {
			return "&#36;"
		}
	}
	switch {
	case !escape:
		return string(r)
	case r == w.em && r == '*':
		return "&#42;"
	case r == w.em && r == '_':
		return "&#95;"
	}
	return `\` + string(r)
}

// notifies tells whether the @ just written could begin a mention. The server
// takes a word for one that begins with @, also after a full stop, colon or dash,
// so the @ of a mail address is left alone.
func (w *lineWriter) notifies(r rune, end int, beside bool) bool {
	next := w.next(end)
	switch r {
	case '@':
		before, _ := utf8.DecodeLastRuneInString(w.flat[:end-1])
		if isAlnum(before) && end-1 > w.start {
			return false
		}
		return beside || unicode.IsLetter(next) || unicode.IsNumber(next) || strings.ContainsRune("._:-@", next)
	case '\uff20', '\ufe6b': // full-width and small @
		return !unicode.IsSpace(next)
	}
	return false
}

// autolink tells whether a < that ends at an offset begins a link in brackets.
func (w *lineWriter) autolink(end int) bool {
	const longest = 300
	inner, _, ok := strings.Cut(w.flat[end:min(len(w.flat), end+longest)], ">")
	return ok && !strings.Contains(inner, " ") &&
		(strings.Contains(inner, "@") || strings.Contains(inner, ":") || strings.HasPrefix(inner, "www"))
}

// hasFormula tells whether the web client would take any two $ of a line for the
// ends of a formula. Prices are none.
func hasFormula(line string) bool {
	for {
		at := strings.IndexByte(line, '$')
		n := strings.IndexByte(line[at+1:], '$')
		if at < 0 || n < 0 {
			return false
		}
		opens := at == 0 || !isAlnum(rune(line[at-1]))
		end := at + 1 + n + 1
		if n == 0 || opens && (end == len(line) || !isAlnum(rune(line[end]))) {
			return true
		}
		line = line[end-2:] // with the character before the second $
	}
}

// blockMark finds the character that makes a line of text begin or be a block,
// -1 when none does.
func (w *lineWriter) blockMark() int {
	text := strings.TrimLeft(w.flat, " ")
	lead := len(w.flat) - len(text)
	if text == "" {
		return -1
	}
	gap := func(n int) bool { return n == len(text) || text[n] == ' ' || text[n] == '\t' }
	switch c := text[0]; {
	case c == '>':
		return lead
	case c == '#' && gap(len(text)-len(strings.TrimLeft(text, "#"))):
		return lead
	case (c == '-' || c == '+' || c == '*') && gap(1):
		return lead
	case c >= '0' && c <= '9':
		n := len(text) - len(strings.TrimLeft(text, "0123456789"))
		if n < len(text) && (text[n] == '.' || text[n] == ')') && gap(n+1) {
			return lead + n
		}
	}
	if len(w.pieces) == 1 && strings.Trim(text, " \t|:-=") == "" {
		// A rule, the underline of a heading, or the second line of a table.
		if n := strings.IndexByte(text, '-'); n >= 0 {
			return lead + n
		}
		if n := strings.IndexByte(text, '='); n >= 0 && w.afterText {
			return lead + n
		}
	}
	return -1
}
