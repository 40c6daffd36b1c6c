package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong in a configuration, or worth a warning.
type Problem struct {
	Line int    // 1-based; 0 when it concerns the whole file
	Path string // the key: "schools[0].portals[2].mode"
	Text string // what is wrong and what to change
}

// Error lists everything that is wrong with a configuration file.
type Error struct {
	File     string
	Problems []Problem
}

// Error shows one problem per line, each as file:line: key: text.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		lines = append(lines, p.In(e.File))
	}
	return strings.Join(lines, "\n")
}

// In shows a problem of a file as file:line: key: text.
func (p Problem) In(file string) string {
	var text strings.Builder
	text.WriteString(file)
	if p.Line > 0 {
		text.WriteString(":" + strconv.Itoa(p.Line))
	}
	if p.Path != "" {
		text.WriteString(": " + p.Path)
	}
	return text.String() + ": " + p.Text
}

// problems collects what is wrong while the rest of the file is still read.
type problems struct {
	root *node
	list []Problem
	// broken are the keys whose values could not be read: what follows from that
	// is not worth a second line.
	broken map[string]bool
}

// add notes a problem at a line.
func (p *problems) add(line int, path, format string, args ...any) {
	p.list = append(p.list, Problem{Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// unreadable notes that a key's value could not be read.
func (p *problems) unreadable(line int, path, format string, args ...any) {
	if p.broken == nil {
		p.broken = map[string]bool{}
	}
	p.broken[path] = true
	p.add(line, path, format, args...)
}

// at notes a problem of a key that could be read; its line is looked up in the
// file.
func (p *problems) at(path, format string, args ...any) {
	for above := path; above != ""; above = above[:max(0, strings.LastIndexAny(above, ".["))] {
		if p.broken[above] {
			return
		}
	}
	p.add(p.root.lineOf(path), path, format, args...)
}

// err returns all problems in the order of the file, or nil.
func (p *problems) err(file string) error {
	if len(p.list) == 0 {
		return nil
	}
	return &Error{File: file, Problems: sorted(p.list)}
}

// sorted orders problems by line and drops doubles.
func sorted(list []Problem) []Problem {
	slices.SortStableFunc(list, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return slices.Compact(list)
}

// flatten splits joined errors into single ones. A prefix that was wrapped
// around a join is dropped.
func flatten(err error) []error {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, flatten(one)...)
		}
		return all
	}
	return []error{err}
}
