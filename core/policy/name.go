package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the length that [CleanName] cuts names to, in runes.
const MaxName = 100

// CleanName makes a name from the other side safe to show: no control
// characters, no bidirectional overrides, no zero-width characters, white space
// folded, at most [MaxName] runes. An empty result becomes fallback.
func CleanName(name, fallback string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, hidden(r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, name)
	clean = strings.Join(strings.Fields(clean), " ")
	if runes := []rune(clean); len(runes) > MaxName {
		clean = string(runes[:MaxName-1]) + "…"
	}
	if clean == "" {
		return fallback
	}
	return clean
}

// hidden lists format characters that change how a name reads without being
// seen: bidirectional controls, zero-width characters, soft hyphen, tags. The
// zero-width joiner stays, since emoji and several scripts need it.
func hidden(r rune) bool {
	const zeroWidthJoiner = '\u200d'
	if r == zeroWidthJoiner {
		return false
	}
	return unicode.Is(unicode.Cf, r) || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0'
}
