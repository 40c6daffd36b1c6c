package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// decoder fills structs from nodes, strictly: every key must be known, every
// value of the right kind. It goes on after a problem, to report all of them.
type decoder struct {
	env   Env
	found *problems
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType = reflect.TypeFor[time.Duration]()
)

// decode fills the value that into points to. A missing value leaves what is
// there, which is how defaults work.
func (d *decoder) decode(n *node, into reflect.Value, path string) {
	if n == nil || n.kind == kindNull {
		return
	}
	if into.Kind() == reflect.Pointer {
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		d.decode(n, into.Elem(), path)
		return
	}
	if into.CanAddr() && into.Addr().Type().Implements(textType) || into.Type() == durationType {
		d.scalar(n, into, path)
		return
	}
	switch into.Kind() { //nolint:exhaustive // everything else is a scalar
	case reflect.Struct:
		if d.want(n, kindMapping, path) {
			d.structure(n, into, path)
		}
	case reflect.Slice:
		if d.want(n, kindSequence, path) {
			out := reflect.MakeSlice(into.Type(), len(n.items), len(n.items))
			for i, item := range n.items {
				d.decode(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
			into.Set(out)
		}
	case reflect.Map:
		if d.want(n, kindMapping, path) {
			d.table(n, into, path)
		}
	default:
		d.scalar(n, into, path)
	}
}

// want notes a problem when a node is not of the kind that a key takes.
func (d *decoder) want(n *node, want kind, path string) bool {
	if n.kind != want {
		d.found.unreadable(n.line, path, "must be %s, not %s", want, n.kind)
	}
	return n.kind == want
}

// structure fills a struct by the names in its yaml tags.
func (d *decoder) structure(n *node, into reflect.Value, path string) {
	fields := fieldsOf(into)
	for _, key := range n.keys {
		below := key.name
		if path != "" {
			below = path + "." + key.name
		}
		field, known := fields.byName[key.name]
		if !known {
			d.found.add(key.line, below, "unknown key%s", hint(key.name, fields.names))
			continue
		}
		d.decode(key.node, field, below)
	}
}

// hint tells which key may have been meant, or which there are.
func hint(written string, known []string) string {
	if text := suggest(written, known); text != "" {
		return text
	}
	return " (known: " + strings.Join(known, ", ") + ")"
}

// table fills a map with string keys.
func (d *decoder) table(n *node, into reflect.Value, path string) {
	out := reflect.MakeMapWithSize(into.Type(), len(n.keys))
	for _, key := range n.keys {
		value := reflect.New(into.Type().Elem()).Elem()
		d.decode(key.node, value, path+"."+key.name)
		out.SetMapIndex(reflect.ValueOf(key.name).Convert(into.Type().Key()), value)
	}
	into.Set(out)
}

// scalar fills a single value.
func (d *decoder) scalar(n *node, into reflect.Value, path string) {
	if !d.want(n, kindScalar, path) {
		return
	}
	text, err := expand(n.text, d.env)
	if err != nil {
		d.found.unreadable(n.line, path, "%v", err)
		return
	}
	if into.CanAddr() {
		if own, ok := reflect.TypeAssert[encoding.TextUnmarshaler](into.Addr()); ok {
			if err := own.UnmarshalText([]byte(text)); err != nil {
				d.found.unreadable(n.line, path, "%v", err)
			}
			return
		}
	}
	if want := setScalar(into, text); want != "" {
		d.found.unreadable(n.line, path, "must be %s", want)
	}
}

// setScalar parses text into a value. It returns what should have been written,
// or "".
func setScalar(into reflect.Value, text string) (want string) {
	if into.Type() == durationType {
		duration, err := time.ParseDuration(text)
		if err != nil || duration < 0 {
			return `a duration such as 20s or 5m`
		}
		into.SetInt(int64(duration))
		return ""
	}
	switch into.Kind() { //nolint:exhaustive // no other kinds are used in configurations
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return "true or false"
		}
		into.SetBool(text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		number, err := strconv.ParseInt(text, 10, into.Type().Bits())
		if err != nil {
			return "a whole number"
		}
		into.SetInt(number)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		number, err := strconv.ParseUint(text, 10, into.Type().Bits())
		if err != nil {
			return "a whole number, not below 0"
		}
		into.SetUint(number)
	case reflect.Float32, reflect.Float64:
		number, err := strconv.ParseFloat(text, into.Type().Bits())
		if err != nil {
			return "a number"
		}
		into.SetFloat(number)
	default:
		return "something that this program can decode (" + into.Type().String() + " is not)"
	}
	return ""
}

// fields are the settable fields of a struct.
type fields struct {
	names  []string
	byName map[string]reflect.Value
}

// fieldsOf reads the yaml tags of a struct. A field without a tag goes by its
// name in lower case; embedded structs count as part of the struct.
func fieldsOf(into reflect.Value) fields {
	out := fields{byName: map[string]reflect.Value{}}
	for i := range into.NumField() {
		field := into.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		inline := field.Type.Kind() == reflect.Struct && (field.Anonymous && name == "" || options == "inline")
		switch {
		case name == "-" || !field.IsExported():
			continue
		case inline:
			inner := fieldsOf(into.Field(i))
			for _, innerName := range inner.names {
				out.names = append(out.names, innerName)
				out.byName[innerName] = inner.byName[innerName]
			}
			continue
		case name == "":
			name = strings.ToLower(field.Name)
		}
		out.names = append(out.names, name)
		out.byName[name] = into.Field(i)
	}
	return out
}
