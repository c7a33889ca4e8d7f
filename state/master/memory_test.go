package master

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// Most of a state is skipped. A hundred times as much of it costs the same memory.
func TestSkippedPartsCostNoMemory(t *testing.T) {
	const (
		completed = `{"id": "old", "name": "old", "state": "TASK_FINISHED", "resources": {"ports": "[1-2]"}, "statuses": [{"state": "TASK_RUNNING", "labels": [{"key": "k", "value": "v"}]}]}`
		label     = `{"key": "LONG_LABEL", "value": "of many characters, with an escape \n and more"}`
	)
	places := map[string]struct{ before, item, after string }{
		"unknown fields of the state":   {`{"x": [`, label, `], `},
		"completed frameworks":          {`{"completed_frameworks": [{"tasks": [`, completed, `]}], `},
		"completed tasks":               {`{"frameworks": [{"id": "F9", "completed_tasks": [`, completed, `]}], `},
		"unreachable tasks":             {`{"frameworks": [{"id": "F9", "unreachable_tasks": [`, completed, `]}], `},
		"attributes of an agent":        {`{"slaves": [{"id": "S9", "attributes": [`, label, `]}], `},
		"labels of a task":              {`{"frameworks": [{"id": "F9", "tasks": [{"id": "t", "labels": [`, label, `]}]}], `},
		"the container of a task":       {`{"frameworks": [{"id": "F9", "tasks": [{"id": "t", "container": [`, label, `]}]}], `},
		"statuses of a task":            {`{"frameworks": [{"id": "F9", "tasks": [{"id": "t", "statuses": [`, `{"state": "TASK_STARTING", "healthy": true}`, `]}]}], `},
		"one object with a lot of keys": {`{"flags": {"a": 1, `, `"key": "value"`, `}, `},
	}
	for what, p := range places {
		cost := func(items int) uint64 {
			body := io.MultiReader(strings.NewReader(p.before+p.item), &repeated{text: ", " + p.item, left: items - 1},
				strings.NewReader(p.after+smallState[1:]))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			doc, err := decode(body, false)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatalf("%s: got %v, want no error", what, err)
			}
			if n := len(doc.Tasks); n < 3 {
				t.Fatalf("%s: got %d tasks, want at least 3", what, n)
			}
			return after.TotalAlloc - before.TotalAlloc
		}
		few, many := cost(100), cost(10_000)
		if many > few+64<<10 {
			t.Errorf("%s: got %d bytes for 100 and %d for 10,000, want about the same", what, few, many)
		}
	}
}

// repeated gives a text some times over without ever holding more than one.
type repeated struct {
	text string
	left int
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if r.left == 0 {
			if n == 0 {
				return 0, io.EOF
			}
			break
		}
		k := copy(p[n:], r.text[r.at:])
		n, r.at = n+k, r.at+k
		if r.at == len(r.text) {
			r.at, r.left = 0, r.left-1
		}
	}
	return n, nil
}

// The same few names stand in 100,000 tasks.
func TestRepeatedStringsAreKeptOnce(t *testing.T) {
	const task = `{"id": "t", "name": "the-name", "slave_id": "the-agent", "state": "TASK_RUNNING",
		"discovery": {"name": "the-name", "ports": {"ports": [{"number": 80, "name": "the-port", "protocol": "the-protocol"}]}}}`
	tasks := mustDecode(t, []byte(`{"frameworks": [{"id": "F", "tasks": [`+task+`,`+task+`]}]}`)).Tasks
	a, b := tasks[0], tasks[1]
	for _, s := range [][2]*string{
		{&a.Name, &b.Name},
		{&a.Name, &b.Discovery.Name},
		{&a.Key.Framework, &b.Key.Framework},
		{&a.AgentID, &b.AgentID},
		{&a.State, &b.State},
		{&a.Discovery.Ports[0].Name, &b.Discovery.Ports[0].Name},
		{&a.Discovery.Ports[0].Protocol, &b.Discovery.Ports[0].Protocol},
	} {
		if *s[0] != *s[1] || unsafe.StringData(*s[0]) != unsafe.StringData(*s[1]) {
			t.Errorf("%q: got it in memory twice, want once", *s[0])
		}
	}
}
