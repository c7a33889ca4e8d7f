package scenario

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"toponym/sim/marathon"
)

// reader fills a value from a YAML document and collects all errors, each with its
// line and key.
type reader struct {
	errs   []error
	lines  map[string]int  // by key, such as "apps[0].instances"
	failed map[string]bool // keys with an error
	nodes  int             // visited so far, aliases included
}

// maxNodes bounds what aliases can multiply a document to.
const maxNodes = 1_000_000

// fail adds an error about a key, unless there is one already.
func (r *reader) fail(key, format string, args ...any) {
	if !r.failed[key] {
		r.failAt(r.line(key), key, format, args...)
	}
}

func (r *reader) failAt(line int, key, format string, args ...any) {
	r.failed[key] = true
	at := fmt.Sprintf("line %d: ", line)
	if key != "" {
		at += key + ": "
	}
	r.errs = append(r.errs, errors.New(at+fmt.Sprintf(format, args...)))
}

// line returns the line of a key, or of what encloses it.
func (r *reader) line(key string) int {
	for {
		if line, ok := r.lines[key]; ok {
			return line
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return max(r.lines[""], 1)
		}
		key = key[:i]
	}
}

// read decodes a node into v, which can be set.
func (r *reader) read(n *yaml.Node, v reflect.Value, key string) {
	if r.nodes++; r.nodes > maxNodes {
		if r.nodes == maxNodes+1 {
			r.failAt(n.Line, key, "the document has more than %d values", maxNodes)
		}
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if _, ok := r.lines[key]; !ok {
		r.lines[key] = n.Line
	}
	if n.Tag == "!!null" {
		return
	}
	if v.Type() == reflect.TypeFor[*marathon.App]() {
		if a := r.app(n, key); a != nil {
			v.Set(reflect.ValueOf(a))
		}
		return
	}
	if n.Kind == yaml.ScalarNode && v.Type() == reflect.TypeFor[Agents]() {
		v = v.FieldByName("Count")
	} else if v.Type() == reflect.TypeFor[Agents]() {
		v = v.FieldByName("List")
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		r.scalar(n, v, key)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.fields(n, v, key)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			r.failAt(n.Line, key, "want a list")
			return
		}
		for i, item := range n.Content {
			one := reflect.New(v.Type().Elem()).Elem()
			r.read(item, one, key+"["+strconv.Itoa(i)+"]")
			v.Set(reflect.Append(v, one))
		}
	case reflect.Map:
		r.pairs(n, key, func(name, at string, value *yaml.Node) {
			one := reflect.New(v.Type().Elem()).Elem()
			r.read(value, one, at)
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(name), one)
		})
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.read(n, v.Elem(), key)
	default:
		r.scalar(n, v, key)
	}
}

// scalar decodes a single value.
func (r *reader) scalar(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.ScalarNode {
		r.failAt(n.Line, key, "want a single value")
		return
	}
	text := v.Type().PkgPath() != "" // it reads itself, such as a Duration
	whole := !text && (v.CanInt() || v.CanUint())
	if err := n.Decode(v.Addr().Interface()); err != nil || whole && n.Tag != "!!int" {
		want := map[reflect.Kind]string{
			reflect.Int: "a whole number", reflect.Uint64: "a whole number", reflect.Uint16: "a port", reflect.Float64: "a number",
			reflect.Bool: "true or false", reflect.Int64: "a time such as 1m30s",
		}[v.Kind()]
		if want == "" {
			want = "an address or a prefix"
		}
		r.failAt(n.Line, key, "%q is not %s", n.Value, want)
	}
}

// pairs calls do with each member of a mapping.
func (r *reader) pairs(n *yaml.Node, key string, do func(name, at string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.failAt(n.Line, key, "want a mapping")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, at := n.Content[i].Value, n.Content[i].Value
		if key != "" {
			at = key + "." + at
		}
		if seen[name] {
			r.failAt(n.Content[i].Line, at, "the key is there twice")
			continue
		}
		seen[name] = true
		r.lines[at] = n.Content[i].Line
		do(name, at, n.Content[i+1])
	}
}

// fields decodes a mapping into a struct.
func (r *reader) fields(n *yaml.Node, v reflect.Value, key string) {
	known := map[string]reflect.Value{}
	collect(v, known)
	r.pairs(n, key, func(name, at string, value *yaml.Node) {
		field, ok := known[name]
		if !ok {
			r.failAt(r.lines[at], at, "there is no such key; known are %s", strings.Join(sortedKeys(known), ", "))
			return
		}
		r.read(value, field, at)
	})
}

// collect gathers the fields of a struct by their keys in YAML.
func collect(v reflect.Value, known map[string]reflect.Value) {
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("yaml")
		if tag == ",inline" {
			collect(v.Field(i), known)
		} else if tag != "" {
			known[tag] = v.Field(i)
		}
	}
}

// app reads the definition of an app or a pod.
func (r *reader) app(n *yaml.Node, key string) *marathon.App {
	if n.Kind != yaml.MappingNode {
		r.failAt(n.Line, key, "want the definition of an app or a pod")
		return nil
	}
	var members map[string]any
	err := n.Decode(&members)
	var definition []byte
	if err == nil {
		definition, err = json.Marshal(members)
	}
	if err != nil {
		r.failAt(n.Line, key, "the definition cannot be read: %v", strings.ReplaceAll(err.Error(), "\n", ""))
		return nil
	}
	for _, w := range marathon.Warnings(definition) {
		if w.Meant != "" {
			r.failDefinition(n, key, w.Path, fmt.Sprintf("there is no such field; did you mean %q?", w.Meant))
		}
	}
	a, err := parseApp(definition)
	var invalid *marathon.Invalid
	switch {
	case err == nil:
		return a
	case errors.As(err, &invalid) && len(invalid.Details) > 0:
		for _, d := range invalid.Details {
			for _, reason := range d.Errors {
				r.failDefinition(n, key, d.Path, reason)
			}
		}
	default:
		r.failAt(n.Line, key, "%v", err)
	}
	return nil
}

// failDefinition reports an error of a definition, whose path is in Marathon's
// notation, such as "/container/portMappings(0)/protocol".
func (r *reader) failDefinition(n *yaml.Node, key, path, reason string) {
	line := n.Line
	for part := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '/' || c == '(' || c == ')' }) {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var next *yaml.Node
		if i, err := strconv.Atoi(part); err == nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
			next, key = n.Content[i], key+"["+part+"]"
			line = next.Line
		} else if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == part {
					next, line = n.Content[i+1], n.Content[i].Line
				}
			}
			key += "." + part
		}
		if next == nil {
			break
		}
		n = next
	}
	r.failAt(line, key, "%s", reason)
}
