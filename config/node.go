package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml" // keeps line numbers in its syntax tree; maintained
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxDepth bounds how deep mappings and lists may nest.
const maxDepth = 16

// kind is what a node is.
type kind int

const (
	kindNull kind = iota
	kindScalar
	kindMapping
	kindSequence
)

// String names a kind for people.
func (k kind) String() string {
	switch k {
	case kindNull:
		return "nothing"
	case kindScalar:
		return "a value"
	case kindMapping:
		return "a group of keys"
	case kindSequence:
		return "a list"
	}
	return "kind " + strconv.Itoa(int(k))
}

// node is a piece of the file with its line. It is the YAML library's tree
// without everything that a configuration does not need.
type node struct {
	kind  kind
	line  int
	text  string // of a scalar, before ${NAME} is replaced
	keys  []entry
	items []*node
}

// entry is a key of a mapping.
type entry struct {
	name string
	line int
	node *node
}

// parse reads YAML into nodes. Anchors, aliases, merges and tags are refused:
// a configuration reads better without them.
func parse(data []byte) (*node, *Problem) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, syntaxProblem(err)
	}
	if len(file.Docs) > 1 {
		line := 0
		if start := file.Docs[1].Start; start != nil {
			line = start.Position.Line
		}
		return nil, &Problem{Line: line, Text: "a second document begins here: remove the line ---"}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return &node{kind: kindNull, line: 1}, nil
	}
	return build(file.Docs[0].Body, 0)
}

// syntaxProblem takes position and message out of the library's error.
func syntaxProblem(err error) *Problem {
	if positioned, ok := errors.AsType[yaml.Error](err); ok {
		line := 0
		if token := positioned.GetToken(); token != nil && token.Position != nil {
			line = token.Position.Line
		}
		return &Problem{Line: line, Text: "not valid YAML: " + positioned.GetMessage()}
	}
	return &Problem{Text: "not valid YAML"}
}

// build turns the library's node into ours.
func build(in ast.Node, depth int) (*node, *Problem) {
	line := 0
	if in == nil {
		return &node{kind: kindNull}, nil
	}
	if token := in.GetToken(); token != nil && token.Position != nil {
		line = token.Position.Line
	}
	if depth > maxDepth {
		return nil, &Problem{Line: line, Text: "nested too deeply"}
	}
	switch in := in.(type) {
	case *ast.NullNode:
		return &node{kind: kindNull, line: line}, nil
	case *ast.MappingNode:
		return buildMapping(in.Values, line, depth)
	case *ast.MappingValueNode:
		return buildMapping([]*ast.MappingValueNode{in}, line, depth)
	case *ast.SequenceNode:
		out := &node{kind: kindSequence, line: line}
		for _, value := range in.Values {
			item, problem := build(value, depth+1)
			if problem != nil {
				return nil, problem
			}
			if item.line == 0 {
				item.line = line
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case *ast.StringNode:
		return &node{kind: kindScalar, line: line, text: in.Value}, nil
	case *ast.LiteralNode:
		return &node{kind: kindScalar, line: line, text: in.Value.Value}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		// What a scalar means is decided by the key it belongs to, not by its look.
		return &node{kind: kindScalar, line: line, text: in.GetToken().Value}, nil
	}
	return nil, &Problem{Line: line, Text: strings.ToLower(in.Type().String()) + " is not supported here: write the value out"}
}

// buildMapping turns keys and values into a mapping.
func buildMapping(values []*ast.MappingValueNode, line, depth int) (*node, *Problem) {
	out := &node{kind: kindMapping, line: line}
	for i, value := range values {
		token := value.Key.GetToken()
		keyLine := token.Position.Line
		switch value.Key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.BoolNode, *ast.FloatNode, *ast.NullNode:
		default:
			return nil, &Problem{Line: keyLine, Text: "a key must be a plain word"}
		}
		if i == 0 {
			out.line = keyLine
		}
		child, problem := build(value.Value, depth+1)
		if problem != nil {
			return nil, problem
		}
		// An empty or nested value is reported where its key stands.
		if child.line == 0 || child.kind != kindScalar {
			child.line = keyLine
		}
		out.keys = append(out.keys, entry{name: token.Value, line: keyLine, node: child})
	}
	return out, nil
}

// find returns the node of a key, or nil.
func (n *node) find(name string) *node {
	if n == nil {
		return nil
	}
	for _, key := range n.keys {
		if key.name == name {
			return key.node
		}
	}
	return nil
}

// without returns a mapping less some keys.
func (n *node) without(names ...string) *node {
	out := &node{kind: n.kind, line: n.line}
	for _, key := range n.keys {
		if !slices.Contains(names, key.name) {
			out.keys = append(out.keys, key)
		}
	}
	return out
}

// lineOf finds the line of a path such as "schools[0].name"; where the file
// ends before the path does, that of the nearest key above.
func (n *node) lineOf(path string) int {
	line := 0
	here := n
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if here == nil {
			break
		}
		var next *node
		if index, err := strconv.Atoi(part); err == nil && here.kind == kindSequence {
			if index < len(here.items) {
				next = here.items[index]
			}
		} else {
			next = here.find(part)
		}
		if next == nil {
			break
		}
		line, here = next.line, next
	}
	return line
}
