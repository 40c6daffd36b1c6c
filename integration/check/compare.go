package check

import (
	"fmt"
	"maps"
	"slices"
)

// Compare counts the faults between what was written and what both sides show.
func Compare(sent []Sent, mattermost, matrix Transcript) Report {
	c := comparison{
		sides: [2]Transcript{Mattermost: mattermost, Matrix: matrix},
		known: make(map[string]Sent, len(sent)),
		rows:  make(map[lane]*Row),
	}
	for side, transcript := range c.sides {
		c.found[side] = index(transcript)
	}
	for _, m := range sent {
		if _, twice := c.known[m.Text]; twice {
			c.fault(Strange, lane{m.Chat, m.From}, m.Text, "was written twice: texts must be unique")
		}
		c.known[m.Text] = m
		c.row(lane{m.Chat, m.From})
	}
	for _, m := range sent {
		c.crossed(m)
	}
	for side, transcript := range c.sides {
		for _, chat := range slices.Sorted(maps.Keys(transcript)) {
			c.strangers(Side(side), chat)
		}
	}
	for _, l := range slices.SortedFunc(maps.Keys(c.rows), lane.compare) {
		c.order(l)
		c.report.Rows = append(c.report.Rows, *c.rows[l])
	}
	return c.report
}

// comparison is one run of Compare.
type comparison struct {
	sides  [2]Transcript
	found  [2]map[string][]place // by text
	known  map[string]Sent
	rows   map[lane]*Row
	report Report
}

// row returns the counts of a lane.
func (c *comparison) row(l lane) *Row {
	if c.rows[l] == nil {
		c.rows[l] = &Row{Chat: l.chat, From: l.from}
	}
	return c.rows[l]
}

// fault counts and notes one fault.
func (c *comparison) fault(kind Fault, l lane, text, detail string) {
	c.row(l).Faults[kind]++
	c.report.Findings = append(c.report.Findings, Finding{Kind: kind, Chat: l.chat, From: l.from, Text: text, Detail: detail})
}

// crossed follows one message to the other side.
func (c *comparison) crossed(m Sent) {
	l := lane{m.Chat, m.From}
	row := c.row(l)
	at := c.found[m.From][m.Text]
	switch {
	case len(at) == 0 && m.Acknowledged:
		// The server's own fault, yet the message may have crossed before.
		c.fault(Vanished, l, m.Text, fmt.Sprintf("acknowledged, but not on %s itself", m.From))
	case len(at) == 0:
		row.Unclear++ // it was never there
		if there := c.found[m.From.Other()][m.Text]; len(there) > 0 {
			c.fault(Strange, l, m.Text, fmt.Sprintf("on %s, but not on %s", m.From.Other(), m.From))
		}
		return
	case !m.Acknowledged:
		row.Unclear++
	}
	row.Written++
	there := c.found[m.From.Other()][m.Text]
	if len(there) == 0 {
		c.fault(Lost, l, m.Text, fmt.Sprintf("not on %s", m.From.Other()))
		return
	}
	row.Crossed++
	if len(there) > 1 {
		c.fault(Doubled, l, m.Text, fmt.Sprintf("%d times on %s", len(there), m.From.Other()))
	}
	for _, p := range there {
		if p.chat != m.Chat {
			c.fault(WrongChat, l, m.Text, "in "+p.chat)
		}
		if p.Author != m.Author {
			c.fault(WrongName, l, m.Text, fmt.Sprintf("by %q instead of %q", p.Author, m.Author))
		}
	}
}

// place is a message with the chat in which it was found.
type place struct {
	Seen

	chat string
}

// index sorts a transcript by text.
func index(transcript Transcript) map[string][]place {
	found := make(map[string][]place)
	for _, chat := range slices.Sorted(maps.Keys(transcript)) {
		for _, s := range transcript[chat] {
			found[s.Text] = append(found[s.Text], place{s, chat})
		}
	}
	return found
}

// strangers finds what nobody wrote: spoilt texts, notices of trouble.
func (c *comparison) strangers(side Side, chat string) {
	for _, s := range c.sides[side][chat] {
		if _, known := c.known[s.Text]; !known {
			c.fault(Strange, lane{chat, side.Other()}, s.Text, fmt.Sprintf("on %s by %q, and nobody wrote it", side, s.Author))
		}
	}
}

// order counts the messages of a lane that stand behind one that was written
// after them. Of a doubled message the first counts.
func (c *comparison) order(l lane) {
	place := make(map[string]int64) // at the source
	for _, s := range c.sides[l.from][l.chat] {
		place[s.Text] = s.At
	}
	var line []Seen // at the other side
	done := make(map[string]bool)
	for _, s := range c.sides[l.from.Other()][l.chat] {
		_, there := place[s.Text]
		if m := c.known[s.Text]; there && !done[s.Text] && m.Chat == l.chat && m.From == l.from {
			done[s.Text] = true
			line = append(line, s)
		}
	}
	for i, late := range line {
		swapped := false
		for _, early := range line[:i] {
			if early.At == late.At || place[early.Text] <= place[late.Text] {
				continue
			}
			swapped = true
			if c.after(early.Text, late.Text) {
				c.fault(Reordered, l, late.Text, fmt.Sprintf("stands after %q on %s, though it was written %s earlier",
					early.Text, l.from.Other(), c.known[early.Text].Began.Sub(c.known[late.Text].Began)))
				swapped = false
				break
			}
		}
		if swapped {
			c.row(l).Simultaneous++
		}
	}
}

// after reports whether a message was begun when another one was known to be
// there. One that was never acknowledged may come into its chat at any time later:
// a server may work off after a restart what it had taken in before.
func (c *comparison) after(text, other string) bool {
	return c.known[other].Acknowledged && c.known[other].Ended.Before(c.known[text].Began)
}
