package check

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
)

// Fault is a kind of broken promise.
type Fault int

// The faults.
const (
	Lost      Fault = iota // acknowledged or there on its own side, missing on the other
	Doubled                // more than once on the other side
	Reordered              // behind a message that was written after it
	WrongName              // under another name than its author's
	WrongChat              // in another chat than its own
	Vanished               // acknowledged, but missing on its own side: the server's fault
	Strange                // there, though nobody wrote it
	faults
)

// String names the fault as the head of a column.
func (f Fault) String() string {
	names := [...]string{"lost", "doubled", "reordered", "wrong name", "wrong chat", "vanished", "strange"}
	if f < 0 || int(f) >= len(names) {
		return fmt.Sprintf("fault %d", int(f))
	}
	return names[f]
}

// Faults lists all kinds.
func Faults() []Fault {
	return []Fault{Lost, Doubled, Reordered, WrongName, WrongChat, Vanished, Strange}
}

// Row counts what became of the messages of one chat that were written on one
// side.
type Row struct {
	Chat    string
	From    Side
	Written int // on their own side in the end, or acknowledged
	Crossed int // of these, on the other side
	Unclear int // never acknowledged; those that were there nevertheless count as written too
	// Simultaneous counts messages that changed places with one that was being
	// written at the same moment. It is no fault.
	Simultaneous int
	Faults       [faults]int
}

// add sums two rows.
func (r *Row) add(o Row) {
	r.Written += o.Written
	r.Crossed += o.Crossed
	r.Unclear += o.Unclear
	r.Simultaneous += o.Simultaneous
	for f, n := range o.Faults {
		r.Faults[f] += n
	}
}

// Finding is one fault.
type Finding struct {
	Kind   Fault
	Chat   string
	From   Side
	Text   string
	Detail string
}

// String tells the fault in a line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %q from %s: %s", f.Kind, f.Text, f.From, f.Detail)
}

// Report is the result of a comparison.
type Report struct {
	Rows     []Row // by side, then by chat
	Findings []Finding
}

// lane is one direction of a chat.
type lane struct {
	chat string
	from Side
}

func (l lane) compare(o lane) int {
	return cmp.Or(cmp.Compare(l.from, o.from), cmp.Compare(l.chat, o.chat))
}

// Total sums up what was written on one side.
func (r Report) Total(from Side) Row {
	total := Row{From: from}
	for _, row := range r.Rows {
		if row.From == from {
			total.add(row)
		}
	}
	return total
}

// Count returns how often a kind of fault was found.
func (r Report) Count(kind Fault) int {
	return r.Total(Mattermost).Faults[kind] + r.Total(Matrix).Faults[kind]
}

// Err returns nil when there are no faults, else an error that names the first
// ones.
func (r Report) Err() error {
	if len(r.Findings) == 0 {
		return nil
	}
	const shown = 40
	var b strings.Builder
	fmt.Fprintf(&b, "%d faults:", len(r.Findings))
	for _, f := range r.Findings[:min(len(r.Findings), shown)] {
		b.WriteString("\n  " + f.String())
	}
	if rest := len(r.Findings) - shown; rest > 0 {
		fmt.Fprintf(&b, "\n  and %d more", rest)
	}
	return errors.New(b.String())
}

// String is a table with one line for each direction.
func (r Report) String() string { return r.table(r.Total(Mattermost), r.Total(Matrix)) }

// Detailed is a table with one line for each chat and direction, and the sums.
func (r Report) Detailed() string {
	return r.table(append(append([]Row(nil), r.Rows...), r.Total(Mattermost), r.Total(Matrix))...)
}

func (Report) table(rows ...Row) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "direction\tchat\twritten\tcrossed\tunclear\tsimultaneous\t")
	for _, f := range Faults() {
		fmt.Fprintf(table, "%s\t", f)
	}
	fmt.Fprintln(table)
	for _, row := range rows {
		chat := row.Chat
		if chat == "" {
			chat = "all"
		}
		fmt.Fprintf(table, "%s → %s\t%s\t%d\t%d\t%d\t%d\t", row.From, row.From.Other(), chat, row.Written, row.Crossed, row.Unclear, row.Simultaneous)
		for _, n := range row.Faults {
			fmt.Fprintf(table, "%d\t", n)
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // a strings.Builder takes everything
	return b.String()
}
