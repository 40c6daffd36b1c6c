package transcript

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Print writes two sides next to each other, width characters each. Lines that
// belong together stand in one row.
func Print(out io.Writer, left, right Side, width int) error {
	var b strings.Builder
	row := func(one, two string) {
		b.WriteString(strings.TrimRight("  "+padded(one, width)+" │ "+two, " ") + "\n")
	}
	row(left.Name, right.Name)
	b.WriteString("  " + strings.Repeat("─", width+1) + "┼" + strings.Repeat("─", width+1) + "\n")
	for _, pair := range align(left.Lines, right.Lines) {
		var cells [2][]string
		for i, side := range []Side{left, right} {
			if pair[i] >= 0 {
				cells[i] = wrapped(side.Lines[pair[i]], width)
			}
		}
		for i := range max(len(cells[0]), len(cells[1])) {
			row(at(cells[0], i), at(cells[1], i))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func at(cells []string, i int) string {
	if i < len(cells) {
		return cells[i]
	}
	return ""
}

// wrapped is a line as text, broken at spaces. What answers something is
// indented.
func wrapped(line Line, width int) []string {
	start, more := "", "  "
	if line.Root != noRoot {
		start, more = "  ↳ ", "      "
	}
	text := line.Text
	switch {
	case line.Deleted:
		text = "(deleted)"
	case line.Edited:
		text += " (edited)"
	}
	var rows []string
	current := start + line.Author + ":"
	for word := range strings.FieldsSeq(text) {
		if utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
			rows = append(rows, current)
			current = more + word
			continue
		}
		current += " " + word
	}
	return append(rows, current)
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// align pairs the lines of both sides in order, -1 where one side has none: the
// longest common subsequence.
func align(left, right []Line) [][2]int {
	longest := make([][]int, len(left)+1)
	for i := range longest {
		longest[i] = make([]int, len(right)+1)
	}
	for i := range slices.Backward(left) {
		for j := range slices.Backward(right) {
			if same(left[i], right[j]) {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(left) || j < len(right); {
		switch {
		case i < len(left) && j < len(right) && same(left[i], right[j]):
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case j == len(right) || i < len(left) && longest[i+1][j] >= longest[i][j+1]:
			pairs = append(pairs, [2]int{i, -1})
			i++
		default:
			pairs = append(pairs, [2]int{-1, j})
			j++
		}
	}
	return pairs
}

func same(a, b Line) bool {
	return a.Deleted == b.Deleted && a.Author == b.Author && plain(a.Text) == plain(b.Text)
}
