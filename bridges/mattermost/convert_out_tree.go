package mattermost

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// convertMaxNesting is how deep elements may stand in each other before the
// plain body is taken instead.
const convertMaxNesting = 512

// htmlNode is an element, or text where tag is "".
type htmlNode struct {
	tag  string
	attr []html.Attribute
	text string
	kids []*htmlNode
	// block says that the element, or one inside it, starts on its own line.
	block bool
}

func (n *htmlNode) attribute(key string) string {
	for _, a := range n.attr {
		if a.Key == key {
			return cleanText(a.Val)
		}
	}
	return ""
}

// parseHTML builds a tree in linear time and space. The HTML5 algorithm of
// [html.Parse] repeats open formatting elements in each paragraph, so that an
// event of 60 KB can become millions of nodes; messages do not need it. It
// reports false when the nesting is too deep.
func parseHTML(s string) (*htmlNode, bool) {
	root := &htmlNode{tag: "body"}
	stack := []*htmlNode{root}
	tokens := html.NewTokenizer(strings.NewReader(s))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return root, true
		}
		t := tokens.Token()
		switch kind {
		case html.TextToken:
			if text := cleanText(t.Data); text != "" {
				add(stack, &htmlNode{text: text})
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			stack = autoClose(stack, t.Data)
			n := &htmlNode{tag: t.Data, attr: t.Attr, block: isBlockTag(t.Data)}
			add(stack, n)
			if n.block {
				markBlock(stack)
			}
			if isVoidTag(t.Data) {
				continue
			}
			if len(stack) >= convertMaxNesting {
				return nil, false
			}
			stack = append(stack, n)
		case html.EndTagToken:
			stack = closeTag(stack, t.Data)
		case html.ErrorToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

func add(stack []*htmlNode, n *htmlNode) {
	parent := stack[len(stack)-1]
	parent.kids = append(parent.kids, n)
}

// markBlock tells the inline elements around a block that they hold one.
func markBlock(stack []*htmlNode) {
	for i := len(stack) - 1; i >= 0 && !stack[i].block; i-- {
		stack[i].block = true
	}
}

// autoClose ends the elements that the start of tag ends.
func autoClose(stack []*htmlNode, tag string) []*htmlNode {
	switch tag {
	case "li":
		return closeUpTo(stack, tag, "ul", "ol")
	case "tr":
		return closeUpTo(stack, tag, "table")
	case "td", "th":
		return closeUpTo(closeUpTo(stack, "td", "table", "tr"), "th", "table", "tr")
	case "dt", "dd":
		return closeUpTo(closeUpTo(stack, "dt", "dl"), "dd", "dl")
	case "a":
		return closeUpTo(stack, tag, "td", "th", "li", "table")
	}
	if isBlockTag(tag) {
		return closeUpTo(stack, "p", "li", "td", "th", "blockquote", "div", "table", "details")
	}
	return stack
}

// closeUpTo ends the innermost open tag and all within it, unless one of fences
// stands between.
func closeUpTo(stack []*htmlNode, tag string, fences ...string) []*htmlNode {
	for i := len(stack) - 1; i > 0; i-- {
		if stack[i].tag == tag {
			return stack[:i]
		}
		if slices.Contains(fences, stack[i].tag) {
			return stack
		}
	}
	return stack
}

// closeTag ends tag. The end of an inline element does not end blocks.
func closeTag(stack []*htmlNode, tag string) []*htmlNode {
	for i := len(stack) - 1; i > 0; i-- {
		if stack[i].tag == tag {
			return stack[:i]
		}
		if !isBlockTag(tag) && isBlockTag(stack[i].tag) {
			return stack
		}
	}
	return stack
}

func isVoidTag(tag string) bool {
	switch tag {
	case "br", "hr", "img", "wbr", "input", "col", "embed", "source", "track", "area", "base", "link", "meta", "param":
		return true
	}
	return false
}

func isBlockTag(tag string) bool {
	switch tag {
	case "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "hr",
		"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "details", "summary",
		"dl", "dt", "dd", "section", "article", "header", "footer", "main", "nav", "aside",
		"figure", "figcaption", "address", "center", "form", "fieldset":
		return true
	}
	return false
}

// isDroppedTag tells whether an element goes with all that it holds. mx-reply is
// the quote of the message that a reply answers.
func isDroppedTag(tag string) bool {
	switch tag {
	case "mx-reply", "script", "style", "head", "title", "template", "iframe", "object", "svg", "math":
		return true
	}
	return false
}
