package transcript

import (
	"fmt"
	"slices"
)

// Side is one side's lines with its name for the words about differences.
type Side struct {
	Name  string
	Lines []Line
}

// Differences tells in words where two sides differ: every message once, in the
// same order, with the same author, edit mark and thread. Deleted messages must
// be gone on both. Texts are expected to differ from each other.
func Differences(a, b Side) []string {
	a.Lines, b.Lines = Live(a.Lines), Live(b.Lines)
	differences := append(absent(a, b), absent(b, a)...)
	if len(differences) > 0 {
		return differences
	}
	if of, in := texts(a.Lines), texts(b.Lines); !slices.Equal(of, in) {
		for i := range of {
			if of[i] != in[i] {
				return []string{fmt.Sprintf("the order differs from message %d on: %q on %s, %q on %s", i+1, of[i], a.Name, in[i], b.Name)}
			}
		}
	}
	for i, one := range a.Lines {
		two := b.Lines[i]
		if one.Author != two.Author {
			differences = append(differences, fmt.Sprintf("%q is by %q on %s, by %q on %s", one.Text, one.Author, a.Name, two.Author, b.Name))
		}
		if one.Edited != two.Edited {
			differences = append(differences, fmt.Sprintf("%q is marked as edited: %t on %s, %t on %s", one.Text, one.Edited, a.Name, two.Edited, b.Name))
		}
		if one.Root != two.Root {
			differences = append(differences, fmt.Sprintf("%q answers %s on %s, %s on %s",
				one.Text, first(a.Lines, one.Root), a.Name, first(b.Lines, two.Root), b.Name))
		}
	}
	return differences
}

// first tells which message starts a thread.
func first(lines []Line, root int) string {
	if root == noRoot {
		return "nothing"
	}
	return fmt.Sprintf("%q", lines[root].Text)
}

// absent lists what one side shows more often than the other.
func absent(of, in Side) []string {
	var differences []string
	have := texts(in.Lines)
	counted := make(map[string]bool)
	all := texts(of.Lines)
	for _, text := range all {
		if counted[text] {
			continue
		}
		counted[text] = true
		if here, there := count(all, text), count(have, text); here > there {
			differences = append(differences, fmt.Sprintf("%q is %d times on %s, %d times on %s", text, here, of.Name, there, in.Name))
		}
	}
	return differences
}

func count(all []string, text string) int {
	n := 0
	for _, one := range all {
		if one == text {
			n++
		}
	}
	return n
}
