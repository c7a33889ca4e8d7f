package master

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// odd.json has bad values of many kinds. Listed here is what must be left, in
// order.
func TestBadValuesCostOnlyThemselves(t *testing.T) {
	doc := mustDecode(t, fixture(t, "odd.json"))
	want := []string{
		`leader master@10.13.0.1:5050 answered by master@10.13.0.1:5050`,
		`agent 0dd-S0 "10.13.0.11" slave(1)@10.13.0.11:5051`,
		`agent 0dd-S1 "<!DOCTYPE html><html><head><title>404</t" -`,
		`agent 0dd-S3 "" -`,
		`agent 0dd-S4 "10.13.0.15" slave(1)@10.13.0.15:5051`, // the later of two pids
		`framework 0dd-0000 "marathon" "" -`,
		`framework 0dd-0001 "Names_And.Labels" "" -`,
		`task 0dd-0000/good.1 "good" on 0dd-S0 RUNNING 31000-31001 netinfo[192.168.13.1] net"net"[192.168.13.1][] as "good"FRAMEWORK 31000/"http"/tcp`,
		`task 0dd-0000/on-html-agent.1 "on-html-agent" on 0dd-S1 RUNNING 31000-31000 netinfo[192.168.13.2]`,
		`task 0dd-0000/bad-ports.1 "bad-ports" on 0dd-S0 RUNNING netinfo[192.168.13.3]`,
		`task 0dd-0000/bad-ports.2 "bad-ports" on 0dd-S0 RUNNING netinfo[192.168.13.4] as "bad-ports" 80/"float"/ 8080/"fine"/sctp`,
		`task 0dd-0000/bad-ports.3 "bad-ports" on 0dd-S0 RUNNING`,
		`task 0dd-0000/lost-agent.1 "lost-agent" on 0dd-S99 RUNNING 31006-31006 netinfo[192.168.13.6]`,
		`task 0dd-0000/types.1 "types" on 0dd-S0 RUNNING netinfo[192.168.13.8] container BRIDGE[] as "types" 8008/"http"/tcp`,
		"task 0dd-0001/names.\x00\x01\x7fé\u2028😀/\\\" \"Dots.And_Under-Scores\" on 0dd-S0 RUNNING 31101-31101 as \"Upper.Case_Name..With-Dots\"FRAMEWORK 31101/\"Web_UI.v2\"/TCP",
		"task 0dd-0001/lone-surrogates.\ufffd.\ufffd.\ufffd\ufffd \"-\" on 0dd-S0 RUNNING 31102-31102",
		`task 0dd-0001/empty-name.1 "" on 0dd-S0 RUNNING as ""FRAMEWORK 31103/""/`,
		`task 0dd-0001/emoji.1 "🚀 Rocket🚀" on 0dd-S4 RUNNING 31104-31104 31106-31107 as "🚀"FRAMEWORK 31104/"---"/tcp`,
		`task 0dd-0001/long.1 "long-name.long-name.long-name.long-name." on 0dd-S0 RUNNING 31105-31105 as "long-name-long-name-long-name-long-name-"FRAMEWORK 31105/"long-namelong-namelo"/tcp`,
		`task 0dd-0001/good.1 "good" on 0dd-S4 RUNNING 31120-31120 netinfo[10.13.0.15]`,
	}
	if got := lines(doc); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(doc.Tasks[len(doc.Tasks)-2].Name); n != 300 {
		t.Errorf("the name of long.1: got %d characters, want 300", n)
	}
	// Two pids, five ports, four addresses and so on: all are counted.
	if doc.issues.count != 20 || doc.issues.example != "a framework without an id" {
		t.Errorf("got %d issues, such as %s, want others", doc.issues.count, doc.issues.example)
	}
}

// wrong are values of every type, some of them right in one place or another.
var wrong = []string{
	`null`, `true`, `0`, `-1.5`, `1e999`, `123456789012345678901234567890`, `""`, `"x"`, `"\ud800"`,
	`[]`, `[null, 1, "x", [], {}]`, `{}`, `{"id": 1, "ports": 1, "labels": 1, "": null}`,
}

// Each wrong value takes the place of each value of a state, one at a time. The
// state must be read all the same, and no other task may change. Only where a whole
// list is something else, the state is refused: it would look like an empty cluster.
func TestWrongTypesCostOnlyTheirTask(t *testing.T) {
	body := []byte(smallState)
	whole := tasksOf(mustDecode(t, body))
	at := map[string]string{"F0/t1": "/frameworks/0/tasks/0", "F0/t2": "/frameworks/0/tasks/1", "F1/t1": "/frameworks/1/tasks/0"}
	for _, p := range placesIn(t, body) {
		for _, w := range wrong {
			doc, err := decode(io.MultiReader(bytes.NewReader(body[:p.start]), strings.NewReader(w), bytes.NewReader(body[p.end:])), false)
			if (p.path == "/slaves" || p.path == "/frameworks") && w != "null" && w[0] != '[' {
				if err == nil || !strings.Contains(err.Error(), p.path[1:]+" is not a list") {
					t.Errorf("%s at %s: got %v, want an error that says that it is not a list", w, p.path, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s at %s: got %v, want no error", w, p.path, err)
			}
			got := tasksOf(doc)
			for key, line := range whole {
				if got[key] != line && !mayChange(at[key], p.path) {
					t.Errorf("%s at %s, task %s: got\n%s\nwant it unchanged\n%s", w, p.path, key, got[key], line)
				}
			}
		}
	}
}

// mayChange reports whether a value at path is a part of a task, has it as a
// part, or is the id of its framework.
func mayChange(task, path string) bool {
	framework := strings.Join(strings.Split(task, "/")[:3], "/")
	return strings.HasPrefix(task+"/", path+"/") || strings.HasPrefix(path, task+"/") || path == framework+"/id"
}

// tasksOf are the tasks of a document by "framework/id".
func tasksOf(doc *document) map[string]string {
	m := map[string]string{}
	for _, t := range doc.Tasks {
		m[t.Key.Framework+"/"+t.Key.ID] = describe(t)
	}
	return m
}

// place is where a value stands in a body. The path is a JSON pointer
// (RFC 6901).
type place struct {
	path       string
	start, end int64
}

// placesIn are the places of all values below the outermost one.
func placesIn(t testing.TB, body []byte) []place {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(body))
	var places []place
	var walk func()
	walk = func() {
		open := d.PeekKind()
		if open != '{' && open != '[' {
			v, err := d.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			end := d.InputOffset()
			places = append(places, place{string(d.StackPointer()), end - int64(len(v)), end})
			return
		}
		d.ReadToken()
		p := place{path: string(d.StackPointer()), start: d.InputOffset() - 1}
		for d.PeekKind() != '}' && d.PeekKind() != ']' {
			if open == '{' {
				d.ReadToken() // the name
			}
			walk()
		}
		d.ReadToken()
		p.end = d.InputOffset()
		places = append(places, p)
	}
	walk()
	return places[:len(places)-1]
}
