package mattermost

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// randomText joins pieces that mean something to one of the parsers.
func randomText(r *rand.Rand, pieces []string) string {
	var b strings.Builder
	for range 1 + r.IntN(14) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func markupPieces() []string {
	return []string{
		"@all", "@here", "@room", "room", "@channel", "~town-square", "![a](https://x.example =1x1)", "@", "all", "@bob:hs.example", "@carol:hs.example", "@x.y", "＠all", "x", "é", " ", " ", "\n", "\n\n", "  ", "\t", ".", ":", "-", "_", "*", "**", "~", "~~", "`", "```", "\\", "&", "&#64;", "&amp;", "#", "# ", "> ", "- ", "+ ", "1. ",
		"[", "]", "](", ")", "(", "![", "]:", "](https://x.example/@all)", "https://", "http://x.example/", "https://x.example/@all", "www.", "www.x.example/@all", "x@y.example", "<", ">", "|", "|-|\n", "---", "===", "plain", "1", "ß", "12", ",", "/me ", "$", ":smile:", ":a", "!", "\u200b", "\x00", "\xff", "\u00a0", "\"", "'", ";",
	}
}

func htmlPieces() []string {
	tags := strings.Fields("<b> </b> <i> </i> <s> </s> <code> </code> <pre> </pre> <p> </p> <div> </div> <ul> <ol> <li> </li> </ul> </ol> <blockquote> </blockquote> <br> <hr> <table> <tr> <td> </td> </tr> </table> <h2> </h2> <span> </span> </a> <mx-reply> </mx-reply> <details> <summary> </summary> </details> <!---->")
	return append(append(tags, `<a href="https://x.example/@all">`, `<a href="https://matrix.to/#/@bob:hs.example">`, `<span data-mx-maths="@all $">`, `<span data-mx-spoiler="@all">`, `<img alt="@all">`, "&lt;", "&#96;"), markupPieces()...)
}

// TestConvertRandom reaches further into the grammar than the fuzzers' bytes do.
func TestConvertRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		html, body := randomText(r, htmlPieces()), randomText(r, markupPieces())
		checkToMatrix(t, body)
		checkFromMatrix(t, html, body, r.IntN(4) == 0)
		checkFromMatrix(t, "", body, r.IntN(4) == 0)
		if t.Failed() {
			t.Fatalf("html %q, body %q", html, body)
		}
	}
}
