package policy

import (
	"strings"
	"unicode"

	// Decomposes letters, as one of the few things that needs Unicode's tables.
	"golang.org/x/text/unicode/norm"
)

// Skeleton reduces a name to what people tell it by at a glance: without case,
// spaces, punctuation, accents and what is not seen, and with one letter for those
// that look alike in Latin names. Names with one skeleton can be taken for each
// other; "" is that of a name without letters. It is no identifier: it follows the
// idea of UTS 39, with a short table of its own.
func Skeleton(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(name, "")) {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			continue
		}
		if same, ok := lookalikes[r]; ok { // a capital may look like another letter's small one
			r = same
		} else if r = unicode.ToLower(r); lookalikes[r] != 0 {
			r = lookalikes[r]
		}
		b.WriteRune(r)
	}
	return lookalikePairs.Replace(b.String())
}

// lookalikePairs are two letters that pass for one. Building the replacer takes
// longer than using it.
var lookalikePairs = strings.NewReplacer("rn", "m", "vv", "w", "ß", "ss", "æ", "ae", "œ", "oe")

// lookalikes are the letters and digits that pass for others in Latin names.
var lookalikes = func() map[rune]rune { //nolint:gochecknoglobals // a constant table
	table := map[rune]rune{}
	for latin, others := range map[rune]string{
		'a': "аα", 'b': "вβьЬΒВ", 'c': "сϲ", 'd': "ԁ", 'e': "еεΕ", 'g': "ɡ", 'h': "һнΗН", 'j': "јϳ", 'k': "кκ", 'l': "1IiіıӏιƖ", 'm': "мΜ",
		'n': "ոΝп", 'o': "0оοσөø", 'p': "рρ", 'q': "ԛ", 's': "ѕ", 't': "тτ", 'u': "υս", 'v': "ѵν", 'w': "ѡԝω", 'x': "хχ", 'y': "уγΥ", 'z': "ζΖ",
	} {
		for _, r := range others {
			table[r] = latin
		}
	}
	return table
}()
