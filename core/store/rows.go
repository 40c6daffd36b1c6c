package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/steg-bridge/steg/migrations"
)

// rows is a table of values that a single statement works on, so that a commit
// costs a fixed number of statements and not one for each message. Its text is a
// FROM item: arrays with unnest on PostgreSQL, one JSON text (and one blob, cut
// into pieces) on SQLite.
//
// Column types: n is a number, t a text, b a truth value, x bytes (at most one).
type rows struct {
	pg    bool
	names []string
	types []byte
	count int

	json []byte // SQLite: array of arrays
	blob []byte
	arr  []any // PostgreSQL: a slice for each column
}

// newRows starts a table. Each column is "name:type".
func (s *Store) newRows(columns ...string) *rows {
	r := &rows{pg: s.dialect == migrations.Postgres}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, ":")
		r.names = append(r.names, name)
		r.types = append(r.types, typ[0])
		if r.pg {
			switch typ[0] {
			case 'n':
				r.arr = append(r.arr, &[]int64{})
			case 't':
				r.arr = append(r.arr, &[]string{})
			case 'b':
				r.arr = append(r.arr, &[]bool{})
			default:
				r.arr = append(r.arr, &[][]byte{})
			}
		}
	}
	return r
}

// add appends a row; one value for each column, int64, string, bool or []byte.
func (r *rows) add(values ...any) {
	r.count++
	if r.pg {
		for i, v := range values {
			switch list := r.arr[i].(type) {
			case *[]int64:
				*list = append(*list, v.(int64)) //nolint:forcetypeassert // a mistake in this package
			case *[]string:
				*list = append(*list, v.(string)) //nolint:forcetypeassert // a mistake in this package
			case *[]bool:
				*list = append(*list, v.(bool)) //nolint:forcetypeassert // a mistake in this package
			case *[][]byte:
				*list = append(*list, v.([]byte)) //nolint:forcetypeassert // a mistake in this package
			}
		}
		return
	}
	r.addJSON(values)
}

func (r *rows) addJSON(values []any) {
	sep := byte(',')
	if r.count == 1 {
		sep = '['
	}
	r.json = append(r.json, sep, '[')
	for i, v := range values {
		if i > 0 {
			r.json = append(r.json, ',')
		}
		switch v := v.(type) {
		case int64:
			r.json = strconv.AppendInt(r.json, v, 10)
		case bool:
			r.json = strconv.AppendBool(r.json, v)
		case string:
			r.json = appendString(r.json, v)
		case []byte:
			r.json = fmt.Appendf(r.json, "[%d,%d]", len(r.blob)+1, len(v))
			r.blob = append(r.blob, v...)
		}
	}
	r.json = append(r.json, ']')
}

// appendString writes a JSON string. Almost all are plain.
func appendString(b []byte, v string) []byte {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			q, err := json.Marshal(v)
			if err != nil {
				return append(b, `""`...) // cannot be: a string always marshals
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, v...)
	return append(b, '"')
}

// from is the table as a FROM item named d.
func (r *rows) from() string {
	var b strings.Builder
	if r.pg {
		b.WriteString("unnest(")
		for i, t := range r.types {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(map[byte]string{'n': "?::bigint[]", 't': "?::text[]", 'b': "?::boolean[]", 'x': "?::bytea[]"}[t])
		}
		b.WriteString(") AS d(" + strings.Join(r.names, ", ") + ")")
		return b.String()
	}
	blob := false
	b.WriteString("(SELECT ")
	for i, name := range r.names {
		if i > 0 {
			b.WriteString(", ")
		}
		if r.types[i] == 'x' {
			blob = true
			fmt.Fprintf(&b, "substr(blobs.all_of, j.value ->> '$[%d][0]', j.value ->> '$[%d][1]') AS %s", i, i, name)
			continue
		}
		fmt.Fprintf(&b, "j.value ->> %d AS %s", i, name)
	}
	b.WriteString(" FROM json_each(?) AS j")
	if blob {
		b.WriteString(", (SELECT ? AS all_of) AS blobs")
	}
	b.WriteString(") AS d")
	return b.String()
}

// args are the values for the placeholders of from.
func (r *rows) args(more ...any) []any {
	var out []any
	if r.pg {
		for _, list := range r.arr {
			switch list := list.(type) {
			case *[]int64:
				out = append(out, *list)
			case *[]string:
				out = append(out, *list)
			case *[]bool:
				out = append(out, *list)
			case *[][]byte:
				out = append(out, *list)
			}
		}
		return append(out, more...)
	}
	text := "[]"
	if r.count > 0 {
		text = string(r.json) + "]"
	}
	out = append(out, text)
	for _, t := range r.types {
		if t == 'x' {
			out = append(out, append([]byte{}, r.blob...))
		}
	}
	return append(out, more...)
}
