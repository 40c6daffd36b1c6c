package bridgetest

import (
	"strings"

	"maunium.net/go/mautrix/event"
)

// plain is the text of a content as people read it.
func plain(c *event.MessageEventContent) string {
	if c == nil {
		return ""
	}
	return strings.TrimRight(c.Body, " \n")
}

// fill repeats word up to n runes exactly; word is ASCII.
func fill(word string, n int) string {
	if n <= 0 {
		return ""
	}
	s := strings.Repeat(word, n/len(word)+1)[:n]
	if strings.HasSuffix(s, " ") || strings.HasPrefix(s, " ") {
		s = strings.TrimSpace(s)
		s += strings.Repeat("x", n-len(s))
	}
	return s
}

// visible takes out what is there only to break a word up.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff':
			return -1
		}
		return r
	}, s)
}
