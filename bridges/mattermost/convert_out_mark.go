package mattermost

import "strings"

// Marks stand in running text until its last pass: around what goes out as it is,
// and for emphasis, whose characters depend on what stands beside it. They are
// noncharacters, which cleanText removes from everything that comes in.
const (
	markRaw    = '\ufdd0' // raw text follows,
	markRawEnd = '\ufdd1' // until here
	markStrong = '\ufdd2'
	markEm     = '\ufdd3'
	markStrike = '\ufdd4'
	markClose  = 3 // added to one of the three: its end
)

// raw protects markdown, which holds one line, from being escaped.
func raw(s string) string {
	if s = strings.ReplaceAll(cleanText(s), "\n", " "); s == "" {
		return ""
	}
	return string(markRaw) + s + string(markRawEnd)
}

// emphasize puts marks around each line of s, inside its outer spaces.
func emphasize(s string, mark rune) string {
	var b strings.Builder
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		core := strings.TrimSpace(line)
		if core == "" {
			b.WriteString(line)
			continue
		}
		before, after, _ := strings.Cut(line, core)
		b.WriteString(before + string(mark) + core + string(mark+markClose) + after)
	}
	return b.String()
}

// unmarker removes marks of emphasis.
var unmarker = strings.NewReplacer(string(markEm), "", string(markEm+markClose), "")

// withoutEm removes the marks of emphasis from s.
func withoutEm(s string) string {
	return unmarker.Replace(s)
}

// piece is a stretch of a line: text to escape, raw text, or a mark.
type piece struct {
	mark rune // 0 for text, markRaw, or a mark of emphasis
	s    string
}

// pieces splits a line at its marks.
func pieces(line string) []piece {
	var out []piece
	for line != "" {
		at := strings.IndexFunc(line, func(r rune) bool { return r >= markRaw && r <= markStrike+markClose })
		if at < 0 {
			return append(out, piece{s: line})
		}
		if at > 0 {
			out = append(out, piece{s: line[:at]})
		}
		mark := []rune(line[at : at+len(string(markRaw))])[0]
		line = line[at+len(string(markRaw)):]
		switch {
		case mark == markRaw:
			end := strings.IndexRune(line, markRawEnd)
			if end < 0 {
				end = len(line)
			}
			out = append(out, piece{markRaw, line[:end]})
			line = strings.TrimPrefix(line[end:], string(markRawEnd))
		case mark != markRawEnd:
			out = append(out, piece{mark: mark})
		}
	}
	return out
}
