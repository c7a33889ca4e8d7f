package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// shape is the content of files such as testdata/state.shape: what each path must be. A type
// that is itself the beginning of paths stands for them ("task").
type shape struct {
	kind     map[string]string
	optional map[string]bool
	children map[string][]string // the fields of an object, by its path
}

func loadShape(t *testing.T, files ...string) *shape {
	t.Helper()
	var data []byte
	for _, f := range files {
		content, err := os.ReadFile("testdata/" + f)
		noError(t, err)
		data = append(data, content...)
	}
	s := &shape{map[string]string{}, map[string]bool{}, map[string][]string{}}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] == "#" {
			continue
		}
		s.kind[f[0]] = f[1]
		s.optional[f[0]] = len(f) > 2
		parent, name := "", f[0]
		if i := strings.LastIndexByte(f[0], '.'); i >= 0 {
			parent, name = f[0][:i], f[0][i+1:]
		}
		if !strings.HasSuffix(name, "[]") && name != "*" {
			s.children[parent] = append(s.children[parent], name)
		}
	}
	return s
}

// check reports where v, which stands at path, differs; seen collects the
// paths that occurred.
func (s *shape) check(v any, path string, seen map[string]bool) (faults []string) {
	want, ok := s.kind[path], true
	switch seen[path] = true; want {
	case "string", "float", "int", "bool", "array", "object":
		ok = jsonType(v) == want
	case "":
		if path != "" && s.children[path] == nil {
			return []string{path + " is not in the list"}
		}
		ok, want = jsonType(v) == "object", "object"
	default: // a named type
		return s.check(v, want, seen)
	}
	if !ok {
		return []string{fmt.Sprintf("%s is %s, want %s", path, jsonType(v), want)}
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			faults = append(faults, s.check(x, path+"[]", seen)...)
		}
	case map[string]any:
		for k, x := range v {
			child := strings.TrimPrefix(path+"."+k, ".")
			if s.kind[path+".*"] != "" {
				child = path + ".*"
			}
			faults = append(faults, s.check(x, child, seen)...)
		}
		for _, k := range s.children[path] {
			child := strings.TrimPrefix(path+"."+k, ".")
			if _, ok := v[k]; !ok && !s.optional[child] && (path != "" || !s.isType(k)) {
				faults = append(faults, child+" is missing")
			}
		}
	}
	return faults
}

// isType tells the names of types from the fields of the message, both of
// which stand at the top.
func (s *shape) isType(name string) bool {
	for _, kind := range s.kind {
		if kind == name {
			return true
		}
	}
	return false
}

func jsonType(v any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case bool:
		return "bool"
	case json.Number:
		if strings.ContainsAny(v.String(), ".e") {
			return "float"
		}
		return "int"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return v
}

// TestStateHasTheFieldsOfMesos compares all that sim can serve with the list of fields, both
// ways: nothing else is served, and no field of the list is never served.
func TestStateHasTheFieldsOfMesos(t *testing.T) {
	s := loadShape(t, "state.shape", "shared.shape")
	seen := map[string]bool{}
	full := fullCluster(t)
	bodies := map[string][]byte{
		"example":     bodyOf(t, exampleCluster(t, 0)),
		"full":        bodyOf(t, full),
		"empty":       bodyOf(t, NewCluster(Options{Now: clock()})),
		"failed over": nil,
	}
	full.Failover()
	if err := full.Reregister(full.Agents()[0].ID); err != nil {
		t.Fatal(err)
	}
	bodies["failed over"] = bodyOf(t, full)
	for name, b := range bodies {
		s.compare(t, name, b, seen)
	}
	s.complete(t, seen, "framework.executors[].labels")
}

// compare reports where a message differs.
func (s *shape) compare(t *testing.T, name string, message []byte, seen map[string]bool) {
	t.Helper()
	faults := s.check(decode(t, message), "", seen)
	slices.Sort(faults)
	for _, f := range slices.Compact(faults) {
		t.Errorf("%s: %s", name, f)
	}
}

// complete reports which paths of the list did not occur.
func (s *shape) complete(t *testing.T, seen map[string]bool, except ...string) {
	t.Helper()
	for path := range s.kind {
		if !seen[path] && !slices.Contains(except, path) {
			t.Errorf("%s is never served", path)
		}
	}
}
