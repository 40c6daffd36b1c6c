package mattermost

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// zeroWidth breaks a word for a parser and not for a reader. After an @ it keeps
// a mention from notifying, which a backslash does not (measured on 11.4).
const zeroWidth = "\u200b"

// cleanText repairs invalid UTF-8, unifies line ends, and removes what no text
// holds: control characters (the server answers a NUL with 500) and
// noncharacters, which the conversion uses as its own marks.
func cleanText(s string) string {
	if !strings.ContainsFunc(s, unclean) && utf8.ValidString(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case unclean(r):
			return -1
		}
		return r
	}, s)
}

func unclean(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return true
	}
	return r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe // noncharacters
}

// plainName makes a person's or channel's name fit for a running text: one line,
// without control, direction-changing and zero-width characters.
func plainName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unclean(r), unicode.Is(unicode.Cf, r) && r != '\u200d': // emoji need the joiner
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// cutEmote takes off the "/me " of a text that starts with it.
func cutEmote(s string) (string, bool) {
	rest, ok := strings.CutPrefix(s, "/me ")
	rest = strings.TrimSpace(rest)
	return rest, ok && rest != ""
}

// markRoom stands in an "@room" that is meant until the rest is made harmless.
// cleanText removes it from everything that comes in.
const markRoom = '\ufdd0'

// meanRoom lets the marked ones be what they say.
func meanRoom(s string) string { return strings.ReplaceAll(s, string(markRoom), "") }

// alertsAll tells whether the server takes a name after an @ for everybody.
func alertsAll(name string) bool {
	switch strings.ToLower(name) {
	case "all", "channel", "here":
		return true
	}
	return false
}

// roomWord is how people on Matrix write that they mean everybody.
const roomWord = "@room"

// startsWithRoom tells whether a text begins with this word.
func startsWithRoom(s string) bool {
	return len(s) >= len(roomWord) && strings.EqualFold(s[:len(roomWord)], roomWord) &&
		!(len(s) > len(roomWord) && isWordByte(s[len(roomWord)]))
}

// defuseRoom keeps "@room" in a text from the network from notifying a Matrix
// room, as clients and homeservers without intentional mentions would.
func defuseRoom(s string) string {
	at := strings.IndexByte(s, '@')
	if at < 0 {
		return s
	}
	var b strings.Builder
	for at >= 0 {
		before, _ := utf8.DecodeLastRuneInString(s[:at])
		rest := s[at:]
		b.WriteString(s[:at+1])
		if startsWithRoom(rest) && !(before < utf8.RuneSelf && isAlnum(before)) {
			b.WriteString(zeroWidth)
		}
		s = rest[1:]
		at = strings.IndexByte(s, '@')
	}
	b.WriteString(s)
	return b.String()
}

func isWordByte(c byte) bool { return c == '_' || isAlnum(rune(c)) }

// isAlnum tells whether r is an ASCII letter or digit.
func isAlnum(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// isPunct tells whether r is ASCII punctuation, which a backslash may precede.
func isPunct(r rune) bool {
	return r > ' ' && r < 0x7f && !isAlnum(r)
}
