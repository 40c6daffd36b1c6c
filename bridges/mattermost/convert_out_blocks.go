package mattermost

import (
	"strconv"
	"strings"
)

// convertMaxIndent is how many quotes and lists may stand in each other; deeper
// ones lose their marks. Each adds a prefix to every line inside.
const convertMaxIndent = 10

// mdWriter writes the markdown of one message.
type mdWriter struct {
	outResolver

	emote bool
}

// mdBlock is one block of markdown without a line end.
type mdBlock struct {
	md   string
	list string // the tag of a list
	para bool
	// apart says that it is a list which does not begin straight after a text:
	// one that is numbered from another number than 1.
	apart bool
}

func (w *mdWriter) document(root *htmlNode) string {
	return strings.Trim(join(w.blocks(root, 0)), "\n")
}

// plain writes a body that has no formatting: nothing in it is markup.
func (w *mdWriter) plain(body string) string {
	text := w.resolve(cleanText(body))
	if w.emote {
		text = emphasize(text, markEm)
	}
	return strings.Trim(escapeLeaf(text, leafBlock), "\n")
}

func join(blocks []mdBlock) string {
	parts := make([]string, len(blocks))
	for i, b := range blocks {
		parts[i] = b.md
	}
	return strings.Join(parts, "\n\n")
}

// blocks writes what an element holds, one block after the other.
func (w *mdWriter) blocks(n *htmlNode, depth int) []mdBlock {
	var out []mdBlock
	w.collect(&out, n, depth)
	return out
}

func (w *mdWriter) collect(out *[]mdBlock, n *htmlNode, depth int) {
	run := 0 // start of the inline nodes before a block
	for i, kid := range n.kids {
		if kid.block && !isDroppedTag(kid.tag) {
			w.paragraph(out, n.kids[run:i], depth)
			w.block(out, kid, depth)
			run = i + 1
		}
	}
	w.paragraph(out, n.kids[run:], depth)
}

func (w *mdWriter) paragraph(out *[]mdBlock, nodes []*htmlNode, depth int) {
	if len(nodes) == 0 {
		return
	}
	text := trimInline(w.inlines(nodes, inlineState{}))
	if w.emote && depth == 0 {
		text = emphasize(withoutEm(text), markEm)
	}
	if md := escapeLeaf(text, leafBlock); md != "" {
		*out = append(*out, mdBlock{md: md, para: true})
	}
}

func (w *mdWriter) block(out *[]mdBlock, n *htmlNode, depth int) {
	put := func(md string) {
		if md != "" {
			*out = append(*out, mdBlock{md: md})
		}
	}
	if maths := n.attribute("data-mx-maths"); maths != "" {
		put(fence(maths, "latex"))
		return
	}
	if reason, ok := spoilerReason(n); ok && depth < convertMaxIndent {
		// In a quote, it is seen where it ends.
		md := join(append([]mdBlock{{md: escapeLeaf(spoilerLabel(reason)+"]", leafBlock)}}, w.blocks(n, depth+1)...))
		put(prefix(md, "> ", "> "))
		return
	}
	switch n.tag {
	case "h1", "h2", "h3", "h4", "h5", "h6":
		if text := escapeLeaf(oneLine(w.inlines(n.kids, inlineState{})), leafHeading); text != "" {
			put(strings.Repeat("#", int(n.tag[1]-'0')) + " " + text)
		}
		return
	case "hr":
		if depth > 0 {
			put("***") // after a list's dash, dashes are one rule
		} else {
			put("---")
		}
		return
	case "pre":
		if code, language := preText(n); strings.TrimSpace(code) != "" {
			put(fence(code, language))
		}
		return
	case "ul", "ol":
		if depth < convertMaxIndent {
			w.list(out, n, depth)
			return
		}
	case "blockquote":
		if depth < convertMaxIndent {
			if md := join(w.blocks(n, depth+1)); md != "" {
				put(prefix(md, "> ", "> "))
			}
			return
		}
	case "table":
		put(w.table(n))
		return
	case "summary":
		put(w.title(n))
		return
	}
	w.collect(out, n, depth)
}

// title writes what a foldable part or a table is called.
func (w *mdWriter) title(n *htmlNode) string {
	return escapeLeaf(emphasize(oneLine(w.inlines(n.kids, inlineState{strong: true})), markStrong), leafBlock)
}

func (w *mdWriter) list(out *[]mdBlock, n *htmlNode, depth int) {
	var items []string
	bullet := "- "
	if before := *out; len(before) > 0 && before[len(before)-1].list == n.tag && strings.HasPrefix(before[len(before)-1].md, "-") {
		bullet = "* " // or the two lists would be one
	}
	number := 1
	if start, err := strconv.Atoi(n.attribute("start")); err == nil && start >= 0 && start < 1e9-1e6 {
		number = start
	}
	first := number
	for _, kid := range n.kids {
		if kid.tag == "" && strings.TrimSpace(kid.text) == "" {
			continue
		}
		item := kid
		if kid.tag != "li" {
			item = &htmlNode{tag: "li", kids: []*htmlNode{kid}, block: true}
		}
		marker := bullet
		if n.tag == "ol" {
			marker = strconv.Itoa(number) + ". "
			number++
		}
		md := w.item(item, depth+1, n.tag == "ul")
		if (kid.tag == "ul" || kid.tag == "ol") && len(items) > 0 {
			// A list straight in a list belongs to the item before.
			items[len(items)-1] += "\n" + prefix(md, strings.Repeat(" ", len(marker)), strings.Repeat(" ", len(marker)))
			number--
			continue
		}
		items = append(items, prefix(md, marker, strings.Repeat(" ", len(marker))))
	}
	if len(items) > 0 {
		*out = append(*out, mdBlock{md: strings.Join(items, "\n"), list: n.tag, apart: n.tag == "ol" && first != 1})
	}
}

// item writes a list's item; its lists follow its text without an empty line.
func (w *mdWriter) item(n *htmlNode, depth int, bullets bool) string {
	check := ""
	if bullets {
		check = taskMark(n)
	}
	blocks := w.blocks(n, depth)
	tight := true
	for i, b := range blocks {
		tight = tight && (i == 0 && b.para || b.list != "" && !b.apart)
	}
	md := join(blocks)
	if tight {
		parts := make([]string, len(blocks))
		for i, b := range blocks {
			parts[i] = b.md
		}
		md = strings.Join(parts, "\n")
	}
	if check == "" && (strings.HasPrefix(md, "[ ]") || strings.HasPrefix(md, "[x]") || strings.HasPrefix(md, "[X]")) {
		md = `\` + md
	}
	if md == "" {
		md = zeroWidth // a mark alone would underline the text before it
	}
	return check + md
}

// taskMark takes the box of a task off the text of an item.
func taskMark(n *htmlNode) string {
	for len(n.kids) > 0 && (n.kids[0].tag == "p" || n.kids[0].tag == "" && strings.TrimSpace(n.kids[0].text) == "") {
		if n.kids[0].tag == "" {
			n = &htmlNode{kids: n.kids[1:]}
		} else {
			n = n.kids[0]
		}
	}
	if len(n.kids) == 0 || n.kids[0].tag != "" {
		return ""
	}
	text := strings.TrimLeft(n.kids[0].text, " \n\t")
	for box, mark := range map[string]string{"☐ ": "[ ] ", "☑ ": "[x] ", "☒ ": "[x] "} {
		if rest, ok := strings.CutPrefix(text, box); ok && (strings.TrimSpace(rest) != "" || len(n.kids) > 1) {
			n.kids[0].text = rest
			return mark
		}
	}
	return ""
}

// prefix puts first before the first line of md and rest before the others.
func prefix(md, first, rest string) string {
	var b strings.Builder
	for i, line := range strings.Split(md, "\n") {
		mark := first
		if i > 0 {
			b.WriteByte('\n')
			mark = rest
		}
		if line == "" {
			mark = strings.TrimRight(mark, " ")
		}
		b.WriteString(mark + line)
	}
	return b.String()
}

// preText collects the text and language of a code block.
func preText(n *htmlNode) (code, language string) {
	var b strings.Builder
	var walk func(n *htmlNode)
	walk = func(n *htmlNode) {
		if class, ok := strings.CutPrefix(n.attribute("class"), "language-"); ok && n.tag == "code" && language == "" {
			language, _, _ = strings.Cut(class, " ")
		}
		if n.tag == "br" {
			b.WriteByte('\n')
		}
		b.WriteString(n.text)
		for _, kid := range n.kids {
			if !isDroppedTag(kid.tag) {
				walk(kid)
			}
		}
	}
	walk(n)
	return b.String(), codeLanguage(language)
}

// fence writes a code block with a fence that its text cannot end.
func fence(code, language string) string {
	marks := strings.Repeat("`", max(3, longestRun(code, '`')+1))
	return marks + language + "\n" + strings.TrimSuffix(code, "\n") + "\n" + marks
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
