package marathon

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"toponym/internal/nearest"
)

// Warning is about a part of a definition that is accepted but probably does not do
// what was meant.
type Warning struct {
	Path    string // such as "/portDefinitions(0)/nmae"
	Message string
	Meant   string // for a mistyped member: the one that was probably meant
}

// String implements fmt.Stringer.
func (w Warning) String() string { return w.Path + ": " + w.Message }

// Warnings finds the members of an app, a pod or a group that Marathon does not know
// and that are spelled almost like one that it knows, and protocols of endpoints that
// Marathon refuses. Other unknown members are not reported: Marathon knows more
// members than this package.
func Warnings(data []byte) []Warning {
	var v map[string]any
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	var w warnings
	w.check(v, typeOf(v), "")
	slices.SortFunc(w.found, func(a, b Warning) int { return strings.Compare(a.Path, b.Path) })
	return w.found
}

type warnings struct{ found []Warning }

// typeOf returns the type that a definition is decoded into.
func typeOf(v map[string]any) reflect.Type {
	_, group := v["groups"]
	if _, apps := v["apps"]; apps || group {
		return reflect.TypeFor[groupDefinition]()
	}
	if _, ok := v["containers"]; ok {
		return reflect.TypeFor[Pod]()
	}
	return reflect.TypeFor[definition]()
}

// check compares a value with the type that it is decoded into. Maps and raw values
// are not checked.
func (w *warnings) check(v any, into reflect.Type, at string) {
	for into.Kind() == reflect.Pointer {
		into = into.Elem()
	}
	switch v := v.(type) {
	case []any:
		if into.Kind() == reflect.Slice {
			for i, one := range v {
				w.check(one, into.Elem(), fmt.Sprintf("%s(%d)", at, i))
			}
		}
	case map[string]any:
		if into.Kind() == reflect.Struct {
			w.members(v, into, at)
		}
	}
}

func (w *warnings) members(v map[string]any, into reflect.Type, at string) {
	if into == reflect.TypeFor[Endpoint]() {
		w.protocols(v, at)
	}
	known := map[string]reflect.Type{}
	fields(into, known)
	for name, value := range v {
		path := at + "/" + name
		of, ok := known[name]
		switch {
		case !ok:
			if m := meant(name, known, v); m != "" {
				w.found = append(w.found, Warning{path, fmt.Sprintf("Marathon knows no such field and ignores it; did you mean %q?", m), m})
			}
		case into == reflect.TypeFor[groupDefinition]() && name == "apps":
			w.check(value, reflect.TypeFor[[]definition](), path)
		default:
			w.check(value, of, path)
		}
	}
}

// fields adds the fields of a struct by their names in JSON.
func fields(of reflect.Type, known map[string]reflect.Type) {
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			fields(f.Type, known)
		case name != "":
			known[name] = f.Type
		}
	}
}

// meant returns the known name that a word is a misspelling of, or "". Names that are
// present as well are not considered.
func meant(word string, known map[string]reflect.Type, written map[string]any) string {
	limit := 2
	if len(word) < 5 {
		limit = 1
	}
	var left []string
	for name := range known {
		if _, ok := written[name]; !ok {
			left = append(left, name)
		}
	}
	return nearest.Word(word, left, limit)
}

// protocols adds warnings about protocols of an endpoint that Marathon refuses.
func (w *warnings) protocols(e map[string]any, at string) {
	list, _ := e["protocol"].([]any)
	for i, v := range list {
		if p, ok := v.(string); ok && !strings.EqualFold(p, "tcp") && !strings.EqualFold(p, "udp") {
			w.found = append(w.found, Warning{
				Path:    fmt.Sprintf("%s/protocol(%d)", at, i),
				Message: fmt.Sprintf("the protocol %q is refused by Marathon, which takes tcp and udp", p),
			})
		}
	}
}
