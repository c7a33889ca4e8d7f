package marathon

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Typo is a member of a definition that Marathon does not know and ignores, and
// the one that was meant, as it seems.
type Typo struct {
	Path  string // such as "/portDefinitions(0)/nmae"
	Meant string
}

func (t Typo) String() string {
	return fmt.Sprintf("%s: Marathon knows no such field and ignores it; %q?", t.Path, t.Meant)
}

// Typos finds the members of an app, a pod or a group that are called almost as
// one that Marathon knows. Of others nothing is said: it knows more than what
// is acted on here.
func Typos(data []byte) []Typo {
	var v map[string]any
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	var t typos
	t.check(v, typeOf(v), "")
	slices.SortFunc(t.found, func(a, b Typo) int { return strings.Compare(a.Path, b.Path) })
	return t.found
}

type typos struct{ found []Typo }

// typeOf is what a definition is read into.
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

// check walks through what is read into a type, maps and raw values left out.
func (t *typos) check(v any, into reflect.Type, at string) {
	for into.Kind() == reflect.Pointer {
		into = into.Elem()
	}
	switch v := v.(type) {
	case []any:
		if into.Kind() == reflect.Slice {
			for i, one := range v {
				t.check(one, into.Elem(), fmt.Sprintf("%s(%d)", at, i))
			}
		}
	case map[string]any:
		if into.Kind() == reflect.Struct {
			t.members(v, into, at)
		}
	}
}

func (t *typos) members(v map[string]any, into reflect.Type, at string) {
	known := map[string]reflect.Type{}
	fields(into, known)
	for name, value := range v {
		path := at + "/" + name
		of, ok := known[name]
		switch {
		case !ok:
			if meant := near(name, known, v); meant != "" {
				t.found = append(t.found, Typo{path, meant})
			}
		case into == reflect.TypeFor[groupDefinition]() && name == "apps":
			t.check(value, reflect.TypeFor[[]definition](), path)
		default:
			t.check(value, of, path)
		}
	}
}

// fields are the members of a struct by their names in JSON.
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

// near is the known name that a word is closest to, where it is close and is
// not written as well.
func near(word string, known map[string]reflect.Type, written map[string]any) (best string) {
	most, least := 2, 0
	if len(word) < 5 {
		most = 1
	}
	for name := range known {
		if _, ok := written[name]; ok {
			continue
		}
		d := edits(strings.ToLower(word), strings.ToLower(name))
		if d <= most && (best == "" || d < least || d == least && name < best) {
			best, least = name, d
		}
	}
	return best
}

// maxWord bounds the work that a name makes.
const maxWord = 64

// edits is how many octets are to be inserted, left out or replaced, or
// neighbours swapped, to make b of a.
func edits(a, b string) int {
	if len(a) > maxWord || len(b) > maxWord {
		return maxWord
	}
	var before, last, row [maxWord + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
