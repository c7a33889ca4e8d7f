package master

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Mesos 0.20 sorts them, later ones do not, and
// so an id may come after the tasks it belongs to.
func TestOrderOfKeysDoesNotMatter(t *testing.T) {
	orders := map[string]func(keys []string){
		"sorted":   func([]string) {},
		"reversed": slices.Reverse[[]string],
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{"shuffled", "shuffled again", "and again"} {
		orders[name] = func(keys []string) {
			r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		}
	}
	for _, file := range fixtures(t) {
		body := fixture(t, file)
		root := generic(t, body)
		want := lines(mustDecode(t, body))
		for name, order := range orders {
			body := appendOrdered(t, nil, root, order)
			if got := lines(mustDecode(t, body)); !slices.Equal(got, want) {
				t.Errorf("%s with its keys %s:\n%q\nwant\n%q", file, name, got, want)
			}
		}
	}
}

// appendOrdered writes a value with the keys of its objects in some order.
func appendOrdered(t testing.TB, b []byte, v any, order func(keys []string)) []byte {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		order(keys)
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, marshal(t, k)...), ':')
			b = appendOrdered(t, b, v[k], order)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendOrdered(t, b, element, order)
		}
		return append(b, ']')
	}
	return append(b, marshal(t, v)...)
}

// This holds for values that are not lists.
func TestLaterOfDoubledKeysCounts(t *testing.T) {
	const body = `{
		"pid": "m@10.0.0.1:1", "leader": "m@10.0.0.1:1", "pid": "m@10.0.0.2:2", "leader": "m@10.0.0.2:2",
		"slaves": [{"id": "A", "id": "B", "hostname": "a", "hostname": "b", "pid": "s@a:1", "pid": "s@b:2"}],
		"frameworks": [{"id": "F", "name": "f", "tasks": [{
			"id": "t", "id": "u", "name": "t", "name": "u", "slave_id": "A", "slave_id": "B", "state": "TASK_STAGING", "state": "TASK_RUNNING",
			"resources": {"ports": "[1-1]", "ports": "[2-2]"}, "resources": {"ports": "[3-3]"},
			"discovery": {"name": "x"}, "discovery": {"name": "y", "name": "z", "ports": {"ports": [{"number": 1, "number": 2}]}}
		}], "id": "G", "name": "g"}]
	}`
	want := []string{
		`leader m@10.0.0.2:2 answered by m@10.0.0.2:2`,
		`agent B "b" s@b:2`,
		`framework G "g" "" -`,
		`task G/u "u" on B RUNNING 3-3 as "z" 2/""/`,
	}
	if got := lines(mustDecode(t, []byte(body))); !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// Old masters sent states without any.
func TestWhitespaceDoesNotMatter(t *testing.T) {
	for _, file := range fixtures(t) {
		body := fixture(t, file)
		var compact, wide bytes.Buffer
		if json.Compact(&compact, body) != nil || json.Indent(&wide, body, "\r\n\t", "\t \t") != nil {
			t.Fatalf("%s: got an error, want JSON", file)
		}
		want := lines(mustDecode(t, body))
		for _, b := range [][]byte{compact.Bytes(), wide.Bytes(), append([]byte(" \r\n\t"), body...)} {
			if !slices.Equal(lines(mustDecode(t, b)), want) {
				t.Errorf("%s with other white space: got another state, want the same: %.100s", file, b)
			}
		}
	}
}

func generic(t testing.TB, body []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	return root
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
