package mattermost

import "strings"

// table writes a table with its first row as header, which the dialect requires.
func (w *mdWriter) table(n *htmlNode) string {
	var rows [][]string
	var captions []string
	var rules []string // under the first row, one for each column
	columns := 0
	var walk func(n *htmlNode)
	walk = func(n *htmlNode) {
		for _, kid := range n.kids {
			switch kid.tag {
			case "tr":
				if row := w.row(kid); len(row) > 0 {
					if len(rows) == 0 {
						rules = alignments(kid)
					}
					rows = append(rows, row)
					columns = max(columns, len(row))
				}
			case "caption":
				if md := w.title(kid); md != "" {
					captions = append(captions, md+"\n\n")
				}
			default:
				walk(kid)
			}
		}
	}
	walk(n)
	if len(rows) == 0 {
		return strings.TrimSpace(strings.Join(captions, ""))
	}
	var b strings.Builder
	b.WriteString(strings.Join(captions, ""))
	for len(rows[0]) < columns {
		rows[0], rules = append(rows[0], ""), append(rules, "---")
	}
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |")
		if i == 0 {
			b.WriteString("\n| " + strings.Join(rules, " | ") + " |")
		}
	}
	return b.String()
}

// alignments writes how the columns are aligned, as the cells of the first row say.
func alignments(tr *htmlNode) []string {
	var rules []string
	for _, cell := range tr.kids {
		if cell.tag != "td" && cell.tag != "th" {
			continue
		}
		align := cell.attribute("align")
		if _, style, ok := strings.Cut(strings.ReplaceAll(cell.attribute("style"), " ", ""), "text-align:"); ok {
			align, _, _ = strings.Cut(style, ";")
		}
		switch strings.ToLower(align) {
		case "left":
			rules = append(rules, ":---")
		case "center":
			rules = append(rules, ":---:")
		case "right":
			rules = append(rules, "---:")
		default:
			rules = append(rules, "---")
		}
	}
	return rules
}

func (w *mdWriter) row(tr *htmlNode) []string {
	var row []string
	for _, cell := range tr.kids {
		if cell.tag == "td" || cell.tag == "th" {
			row = append(row, escapeLeaf(oneLine(w.inlines(cell.kids, inlineState{})), leafCell))
		}
	}
	return row
}
