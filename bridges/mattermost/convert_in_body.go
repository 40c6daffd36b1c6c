package mattermost

import (
	"slices"
	"strings"
)

// bodyEdit is a piece of the source that the plain body says otherwise.
type bodyEdit struct {
	start, stop int
	shown       string
}

func (p *postRenderer) edit(start, stop int, shown string) {
	if start < stop {
		p.edits = append(p.edits, bodyEdit{start, stop, shown})
	}
}

// body is the source with names for mentions, emoji for their names, and without
// the backslashes that only markdown needs.
func (p *postRenderer) body() string {
	slices.SortStableFunc(p.edits, func(a, b bodyEdit) int { return a.start - b.start })
	var b strings.Builder
	at := 0
	for _, e := range p.edits {
		if e.start < at {
			continue
		}
		b.Write(p.source[at:e.start])
		b.WriteString(e.shown)
		at = e.stop
	}
	b.Write(p.source[at:])
	return strings.Trim(b.String(), "\n")
}
