package mattermost

import (
	"cmp"
	"strings"
	"unicode"
)

// plainEmote takes the italics off that every emote is stored in.
func plainEmote(text string) string {
	for _, mark := range []string{"*", "_"} {
		if len(text) > 2 && strings.HasPrefix(text, mark) && strings.HasSuffix(text, mark) {
			return text[1 : len(text)-1]
		}
	}
	return text
}

// shownName removes what could make a name look like something else, and cuts it.
func shownName(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.TrimSpace(s)
	if runes := []rune(s); len(runes) > limit {
		s = strings.TrimSpace(string(runes[:limit-1])) + "…"
	}
	return s
}

// special is what means something in the server's markup.
const special = "\\`*_{}[]()#+-.!|~<>:$"

// escapeText makes a name harmless inside markup.
func escapeText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '@':
			b.WriteString("@\u200b") // a backslash does not keep it from alarming people
			continue
		case strings.ContainsRune(special, r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// namePrefix puts a speaker's name before a text.
func namePrefix(name, text string) string {
	head := "**" + escapeText(cmp.Or(shownName(name, maxName), nameless)) + "**:"
	if startsBlock(text) {
		return head + "\n\n" + text
	}
	return head + " " + text
}

// startsBlock tells whether a text begins with markup that needs the beginning
// of a line.
func startsBlock(text string) bool {
	trimmed := strings.TrimLeft(text, " ")
	return strings.HasPrefix(text, "    ") || strings.HasPrefix(text, "\t") ||
		trimmed != "" && (strings.ContainsRune("#>-*+|`~$", rune(trimmed[0])) || trimmed[0] >= '0' && trimmed[0] <= '9')
}
