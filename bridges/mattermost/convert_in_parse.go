package mattermost

import (
	"bytes"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Bounds on what is given to the markdown parser, whose time or output grows
// with their product. No post written by a person comes near.
const (
	convertMaxDepth      = 30    // containers opened by one line
	convertMaxDelimiters = 4000  // characters that may open or close a span
	convertMaxCells      = 20000 // lines times columns of the widest table
)

// parsableMarkdown tells whether the markup of a post may be read.
func parsableMarkdown(md string) bool {
	if len(md) > convertMaxMarkdown {
		return false
	}
	delimiters, lines, columns := 0, 0, 0
	for line := range strings.Lines(md) {
		lines++
		containers, onlyBars, bars := 0, true, 0
		leading := true
		for i := range len(line) {
			c := line[i]
			switch c {
			case '*', '_', '~', '[', ']', '`', '!', '<', '$', ':', '@':
				delimiters++
			}
			switch c {
			case ' ', '\t', '\n':
			case '>', '-', '*', '+', '.', ')':
				if leading {
					containers++
				}
			default:
				leading = leading && c >= '0' && c <= '9'
			}
			if c == '|' {
				bars++
			} else if onlyBars {
				onlyBars = strings.IndexByte(" \t\n:->", c) >= 0
			}
		}
		if onlyBars {
			columns = max(columns, bars+1)
		}
		if containers > convertMaxDepth && strings.Trim(line, " \t\n-") != "" && strings.Trim(line, " \t\n*") != "" {
			return false
		}
	}
	return delimiters <= convertMaxDelimiters && lines*columns <= convertMaxCells
}

// isPlain tells at a glance that a text holds no markup, as most do not.
func isPlain(md string) bool {
	if strings.ContainsAny(md, "*_~`[]<>|\\&$:@#=\t\n") || strings.Contains(md, "www.") || strings.Contains(md, "  ") {
		return false
	}
	first := md[:min(len(md), 1)]
	return !strings.ContainsAny(first, "-+0123456789 ")
}

// parseMarkdown reads Mattermost's dialect: CommonMark with tables, strike-out,
// task lists and links without brackets, and no HTML.
func parseMarkdown(source []byte, r inResolver) ast.Node {
	c := parser.NewContext()
	c.Set(resolverKey, r)
	return markdownParser().Parse(text.NewReader(source), parser.WithContext(c))
}

var (
	// resolverKey is where a parse carries its resolver.
	resolverKey = parser.NewContextKey()
	// markdownParser is made once: that takes longer than reading a post. It is
	// never changed, and safe for concurrent use.
	markdownParser = sync.OnceValue(newMarkdownParser)
)

func newMarkdownParser() parser.Parser {
	return parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewSetextHeadingParser(), 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(parser.NewListParser(), 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(parser.NewBlockquoteParser(), 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(extension.NewTaskCheckBoxParser(), 0),
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(mdTokenParser{}, 150),
			util.Prioritized(parser.NewLinkParser(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewEmphasisParser(), 500),
			util.Prioritized(strikeParser{}, 500),
			util.Prioritized(extension.NewLinkifyParser(), 999),
		),
		parser.WithParagraphTransformers(
			util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
			util.Prioritized(extension.NewTableParagraphTransformer(), 200),
		),
		parser.WithASTTransformers(
			util.Prioritized(extension.NewTableASTTransformer(), 0),
		),
	)
}

// strikeParser reads ~~text~~. One ~ alone is no mark in Mattermost: it begins
// the name of a channel.
type strikeParser struct{}

func (strikeParser) Trigger() []byte         { return []byte{'~'} }
func (strikeParser) IsDelimiter(b byte) bool { return b == '~' }
func (strikeParser) OnMatch(int) ast.Node    { return extast.NewStrikethrough() }

func (strikeParser) CanOpenCloser(opener, closer *parser.Delimiter) bool {
	return opener.Char == closer.Char
}

func (s strikeParser) Parse(_ ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, segment := block.PeekLine()
	node := parser.ScanDelimiter(line, block.PrecendingCharacter(), 2, s)
	if node == nil || node.OriginalLength != 2 {
		return nil
	}
	node.Segment = segment.WithStop(segment.Start + 2)
	block.Advance(2)
	pc.PushDelimiter(node)
	return node
}

// mdToken is a piece of text that Mattermost shows as something else: a mention, a
// channel, an emoji, a formula. It is an [ast.String] of what to show.
type mdToken struct {
	ast.String

	start, stop int // of the original in the source; equal when unknown
	user        string
	all         bool
	chat        string // slug of the channel
	maths       bool
}

// mdTokenParser finds the tokens of Mattermost's dialect.
type mdTokenParser struct{}

func (mdTokenParser) Trigger() []byte { return []byte{'@', '~', ':', '$', '!'} }

func (mdTokenParser) Parse(_ ast.Node, block text.Reader, pc parser.Context) ast.Node {
	r, _ := pc.Get(resolverKey).(inResolver)
	line, segment := block.PeekLine()
	before := block.PrecendingCharacter()
	if line[0] == '!' {
		image, n := scanImage(line)
		if image == nil {
			return nil // without a size it is read as everywhere
		}
		block.Advance(n)
		return image
	}
	var t *mdToken
	n := 0
	switch {
	case line[0] == '$':
		t, n = scanMaths(line, before)
	case before == '_' || isAlnum(before), line[0] == '@' && (unicode.IsLetter(before) || unicode.IsNumber(before)):
		return nil
	case line[0] == '@':
		t, n = scanMention(line, r)
	case line[0] == '~':
		t, n = scanChannel(line, r)
	case line[0] == ':':
		t, n = scanEmoji(line)
	}
	if t == nil {
		return nil
	}
	if segment.Padding == 0 {
		t.start, t.stop = segment.Start, segment.Start+n
	}
	block.Advance(n)
	return t
}

// scanMention reads @username. Like the server it takes the longest known name and
// leaves the full stop of a sentence outside.
func scanMention(line []byte, r inResolver) (*mdToken, int) {
	end := scanName(line)
	if word := strings.TrimRight(string(line[1:end]), ".-_"); r.All && alertsAll(word) && !continuesWord(line[1+len(word):]) {
		t := newMDToken("@" + string(markRoom) + "room")
		t.all = true
		return t, 1 + len(word)
	}
	if r.User == nil {
		return nil, 0
	}
	for end > 1 {
		if user, display, ok := r.User(strings.ToLower(string(line[1:end]))); ok {
			if display = plainName(display); display == "" {
				display = string(line[1:end])
			}
			t := newMDToken("@" + display)
			t.user = string(user)
			return t, end
		}
		if strings.IndexByte(".-_", line[end-1]) < 0 {
			break
		}
		end--
	}
	return nil, 0
}

func scanChannel(line []byte, r inResolver) (*mdToken, int) {
	end := scanName(line)
	if r.Channel == nil || end == 1 {
		return nil, 0
	}
	for end > 1 {
		if display, slug, ok := r.Channel(strings.ToLower(string(line[1:end]))); ok {
			if display = plainName(display); display == "" {
				return nil, 0
			}
			t := newMDToken("~" + display)
			t.chat = slug
			return t, end
		}
		if strings.IndexByte(".-_", line[end-1]) < 0 {
			break
		}
		end-- // the full stop of a sentence
	}
	return nil, 0
}

// continuesWord tells whether the server would see one word before and in rest.
func continuesWord(rest []byte) bool {
	r, _ := utf8.DecodeRune(rest)
	return r == '@' || r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r))
}

// scanName returns the end of the name of a person or channel after line[0].
func scanName(line []byte) int {
	const longest = 64
	end := 1
	for end < len(line) && end <= longest && (isWordByte(line[end]) || line[end] == '.' || line[end] == '-') {
		end++
	}
	return end
}

func scanEmoji(line []byte) (*mdToken, int) {
	const longest = 64
	end := bytes.IndexByte(line[1:min(len(line), longest)], ':') + 1
	if end < 2 || end+1 < len(line) && isWordByte(line[end+1]) {
		return nil, 0
	}
	emoji, ok := emojiText(string(line[1:end]))
	if !ok {
		return nil, 0
	}
	return newMDToken(emoji), end + 1
}

// scanMaths reads $$formula$$ and $formula$. Mattermost takes any two $ of a line
// for a formula; here prices stay text: a single $ must touch the formula.
func scanMaths(line []byte, before rune) (*mdToken, int) {
	if before == '$' {
		return nil, 0
	}
	width := 1
	if bytes.HasPrefix(line, []byte("$$")) {
		width = 2
	}
	n := bytes.IndexByte(line[width:], '$')
	if n < 1 || !bytes.HasPrefix(line[width+n:], line[:width]) {
		return nil, 0
	}
	formula, end := string(line[width:width+n]), width+n+width
	if end < len(line) && (line[end] == '$' || isWordByte(line[end])) {
		return nil, 0
	}
	trimmed := strings.TrimSpace(formula)
	if trimmed == "" || width == 1 && (trimmed != formula || isAlnum(before)) {
		return nil, 0
	}
	t := newMDToken(trimmed)
	t.maths = true
	return t, end
}

func newMDToken(shown string) *mdToken {
	return &mdToken{String: ast.String{Value: []byte(shown)}}
}
