package transcript

import (
	"slices"
	"strings"
)

// Line is a message as people see it.
type Line struct {
	Author  string
	Text    string // the latest; "" when deleted
	Edited  bool
	Deleted bool
	Root    int // place of the first message of its thread, or -1
}

// noRoot is the Root of a message that starts a conversation.
const noRoot = -1

// Live returns the lines that are not deleted, their roots renumbered. The reply
// to a deleted message starts a conversation of its own.
func Live(lines []Line) []Line {
	place := make([]int, len(lines))
	var live []Line
	for i, line := range lines {
		if place[i] = noRoot; line.Deleted {
			continue
		}
		place[i] = len(live)
		if line.Root != noRoot {
			line.Root = place[line.Root]
		}
		live = append(live, line)
	}
	return live
}

// plain is a text without what the two sides write differently: markup, escapes
// and the invisible characters that make mentions harmless.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch r {
		case '*', '_', '\\', '`', '\u200b', '\u200c', '\u2060', '\ufeff':
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// texts lists the plain texts of lines.
func texts(lines []Line) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = plain(line.Text)
	}
	return all
}

// Holds reports whether any line holds a text.
func Holds(lines []Line, text string) bool {
	return slices.ContainsFunc(lines, func(l Line) bool { return strings.Contains(plain(l.Text), plain(text)) })
}
