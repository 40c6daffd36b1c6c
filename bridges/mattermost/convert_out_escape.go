package mattermost

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// leafKind is what holds the running text.
type leafKind int

const (
	leafBlock   leafKind = iota // lines that may begin with the mark of a block
	leafHeading                 // one line after #
	leafCell                    // one line between |
)

// escapeLeaf turns running text with marks into markdown. A backslash comes only
// before what would be markup for one of the three readers: the web client (a
// marked of 2014), the mobile clients (commonmark.js), and the server, which
// looks for mentions. No line begins a block, and nothing mentions anybody but
// what was marked as raw.
func escapeLeaf(s string, kind leafKind) string {
	for _, mark := range []rune{markStrong, markEm, markStrike} {
		s = strings.ReplaceAll(s, string(mark+markClose)+string(mark), "")
	}
	// A [ alone is harmless, but the server sees no links behind it.
	brackets := kind == leafCell || strings.Contains(s, "](") || strings.Contains(s, "][") || strings.Contains(s, "]:") ||
		strings.Contains(s, "://") || strings.Contains(strings.ToLower(s), "www")
	var b strings.Builder
	blanks := 2 // empty lines before; none are written at the start
	all := strings.Split(strings.TrimRightFunc(s, unicode.IsSpace), "\n")
	for i, line := range all {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line == "" {
			blanks++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", min(blanks, 1)+1))
		}
		w := newLineWriter(&b, line, kind, brackets, b.Len() > 0 && blanks == 0)
		w.more = i < len(all)-1
		w.write()
		blanks = 0
	}
	return b.String()
}

// lineWriter escapes one line, knowing what stands around each character.
type lineWriter struct {
	b         *strings.Builder
	pieces    []piece
	flat      string // all characters of the line; a mark counts as one *
	kind      leafKind
	brackets  bool // every [ needs a backslash
	formulas  bool // every $ needs an escape
	afterText bool // the line before belongs to the same paragraph
	more      bool // lines follow

	prev      rune // the character written last
	prevRaw   bool // it was not text
	prevClose bool // it ended emphasis
	em        rune // the mark of the emphasis that is open, _ or *
	scanned   int  // what scanAddress has seen of the line
	inAddress bool // the word so far may be an address
	start     int  // offset of the piece of text being written
	link      bool // inside the text of a link
	escapeAt  int  // offset in flat of the one character that would begin a block
}

func newLineWriter(b *strings.Builder, line string, kind leafKind, brackets, afterText bool) *lineWriter {
	w := &lineWriter{
		b: b, pieces: pieces(line), kind: kind, brackets: brackets, afterText: afterText, prev: '\n', escapeAt: -1,
	}
	var flat strings.Builder
	for i := range w.pieces {
		if p := &w.pieces[i]; p.mark == 0 && i == 0 && kind == leafBlock {
			p.s = dedent(p.s)
		} else if p.mark != 0 && p.mark != markRaw {
			p.s = "*"
		}
		flat.WriteString(w.pieces[i].s)
	}
	w.flat = flat.String()
	if kind == leafBlock && len(w.pieces) > 0 && w.pieces[0].mark == 0 {
		w.escapeAt = w.blockMark()
	}
	w.formulas = hasFormula(w.flat)
	if kind == leafHeading && strings.HasSuffix(w.flat, "#") {
		w.escapeAt = len(w.flat) - 1
	}
	return w
}

// dedent leaves three columns of the white space in front: four are code.
func dedent(s string) string {
	text := strings.TrimLeftFunc(s, unicode.IsSpace)
	lead := strings.ReplaceAll(s[:len(s)-len(text)], "\t", "    ")
	return strings.Repeat(" ", min(utf8.RuneCountInString(lead), 3)) + text
}

func (w *lineWriter) write() {
	offset := 0
	for i, p := range w.pieces {
		end := offset + len(p.s)
		switch p.mark {
		case 0:
			w.text(p.s, offset)
		case markRaw:
			w.scanAddress(offset)
			w.raw(p.s, end)
			w.scanned, w.inAddress = end, false
		default:
			w.emphasis(i, offset)
		}
		offset = end
	}
}

// put writes s, whose last character is last.
func (w *lineWriter) put(s string, last rune) {
	w.b.WriteString(s)
	w.prev, w.prevRaw, w.prevClose = last, false, false
}

func (w *lineWriter) putZeroWidth() { w.put(zeroWidth, '\u200b') }

// next returns the character at an offset of flat, a line end after the last.
func (w *lineWriter) next(offset int) rune {
	if offset >= len(w.flat) {
		return '\n'
	}
	r, _ := utf8.DecodeRuneInString(w.flat[offset:])
	return r
}

// raw writes what is markdown already.
func (w *lineWriter) raw(s string, end int) {
	switch s[0] {
	case '@':
		if w.prev == '_' || unicode.IsLetter(w.prev) || unicode.IsNumber(w.prev) {
			w.putZeroWidth()
		}
	case '`':
		w.leaveAddress()
		if w.prev == '`' && w.prevRaw {
			w.putZeroWidth()
		}
	case '[':
		w.leaveAddress()
		w.link = true
	case ']':
		w.link = false
	}
	if w.kind == leafCell {
		s = strings.ReplaceAll(s, "|", `\|`)
	}
	last, _ := utf8.DecodeLastRuneInString(s)
	w.put(s, last)
	w.prevRaw = true
	if s[0] == '@' && continuesName(w.flat[end:]) {
		w.putZeroWidth()
	}
}

// scanAddress notes whether the word before an offset of the line may be an
// address to the server, which would take all up to the next space into it.
func (w *lineWriter) scanAddress(end int) {
	for ; w.scanned < end; w.scanned++ {
		rest := w.flat[w.scanned:end]
		switch {
		case rest[0] == ' ' || rest[0] == '\t':
			w.inAddress = false
		case strings.HasPrefix(rest, "://"), len(rest) > 2 && strings.EqualFold(rest[:3], "www"):
			w.inAddress = true
		}
	}
}

// leaveAddress parts code or a link from an address before it.
func (w *lineWriter) leaveAddress() {
	if w.inAddress && w.prev != ' ' {
		w.put(" ", ' ')
	}
}

// continuesName tells whether a username would go on with s.
func continuesName(s string) bool {
	rest := strings.TrimLeft(s, ".:-_*") // a * in flat may become a _
	if rest == "" {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return r == '@' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// emphasis writes the mark of piece i. A zero-width space stands where the rules
// of CommonMark would not see a mark between punctuation and a letter.
func (w *lineWriter) emphasis(i, offset int) {
	mark := w.pieces[i].mark
	opens := mark <= markStrike
	after := w.next(offset + 1)
	var s string
	switch mark {
	case markStrong, markStrong + markClose:
		s = "**"
	case markStrike, markStrike + markClose:
		s = "~~"
	case markEm:
		if w.em = w.emMark(i, offset); w.em == 0 {
			if w.prev == '\n' {
				w.putZeroWidth() // what follows may look like the mark of a block
			}
			return
		}
		s = string(w.em)
	default:
		if w.em == 0 {
			return
		}
		s = string(w.em)
		w.em = 0
	}
	if opens {
		if w.prevClose && w.prev == rune(s[0]) {
			w.putZeroWidth()
		}
		// Between two marks and punctuation it could end as well as begin.
		tight := isPunctuation(after) && (!isSpaceOrPunctuation(w.prev) ||
			s == "*" && w.prev == '~' && w.prevRaw && i+1 < len(w.pieces) && w.pieces[i+1].mark <= markRaw)
		w.put(s, rune(s[0]))
		if tight {
			w.putZeroWidth()
		}
		w.prevRaw = true
		return
	}
	if isPunctuation(w.prev) && !isSpaceOrPunctuation(after) ||
		w.prevRaw && w.prev == '$' && s == "_" { // which would keep a formula from being one
		w.putZeroWidth()
	}
	w.put(s, rune(s[0]))
	w.prevRaw, w.prevClose = true, true
}

// emMark chooses between _ and *: _ does not work inside words, and neither may
// stand in the text, because the web client does not know its escape there. It
// returns 0 where both fail.
func (w *lineWriter) emMark(i, offset int) rune {
	end := offset + 1
	next := i + 1
	for ; next < len(w.pieces) && w.pieces[next].mark != markEm+markClose; next++ {
		end += len(w.pieces[next].s)
	}
	inner := w.flat[offset+1 : min(end, len(w.flat))]
	after := w.next(end + 1)
	apart := isSpaceOrPunctuation(w.prev) && w.prev < unicode.MaxASCII && w.prev != '_' && (unicode.IsSpace(after) || isPunct(after))
	if apart && next+1 < len(w.pieces) && w.pieces[next+1].mark == 0 {
		apart = !strings.ContainsRune("*_~`[]\\|", after) // may get a backslash
	} else {
		apart = apart && after != '`'
	}
	underscore, asterisk := strings.Contains(inner, "_"), strings.Contains(inner, "*")
	switch {
	case apart && (!underscore || asterisk):
		return '_'
	case asterisk:
		return 0
	}
	return '*'
}

func isPunctuation(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

func isSpaceOrPunctuation(r rune) bool { return unicode.IsSpace(r) || isPunctuation(r) }
