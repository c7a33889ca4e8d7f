package master

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"testing"
	"testing/iotest"

	"toponym/state"
)

// FuzzDecode: whatever a master answers, nothing panics, and what is accepted
// is one JSON value out of which only sound values came.
func FuzzDecode(f *testing.F) {
	for _, file := range fixtures(f) {
		f.Add(fixture(f, file))
	}
	f.Add([]byte(smallState))
	f.Add([]byte(`{"slaves":[{"id":"S","pid":"s@[fe80::1%e]:1"}],"frameworks":[{"tasks":[{"id":"t"}],"id":"F"},null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := decode(bytes.NewReader(body), false)
		if err != nil {
			if doc != nil {
				t.Fatal("got an error and a part of a document, want the error alone")
			}
			return
		}
		if !json.Valid(body) {
			t.Fatal("got a document, want an error, since it is not JSON")
		}
		checkDocument(t, doc)
		again, err := decode(iotest.HalfReader(bytes.NewReader(body)), false)
		if err != nil || !slices.Equal(lines(again), lines(doc)) {
			t.Fatalf("in other pieces: got something else (error %v), want the same", err)
		}

		s, err := Decode(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range s.Agents {
			checkAddrs(t, a.Addrs)
		}
		c := state.NewCluster()
		c.Reconcile(s, nil)
		if d := c.Reconcile(s, nil); !d.Empty() {
			t.Fatalf("the same again: got delta %+v, want none", d)
		}
	})
}

// checkDocument checks what the other packages rely on.
func checkDocument(t *testing.T, doc *document) {
	for _, p := range []state.UPID{doc.leader, doc.pid} {
		checkUPID(t, p)
	}
	for _, a := range doc.Agents {
		if a.ID == "" {
			t.Fatal("got an agent without an id, want it skipped")
		}
		checkUPID(t, a.PID)
	}
	known := map[string]bool{}
	for _, f := range doc.Frameworks {
		if f.ID == "" {
			t.Fatal("got a framework without an id, want it skipped")
		}
		checkUPID(t, f.PID)
		known[f.ID] = true
	}
	for _, task := range doc.Tasks {
		if task.Key.ID == "" || !known[task.Key.Framework] {
			t.Fatalf("got task %+v, want an id and a framework that is there", task.Key)
		}
		for _, r := range task.Ports {
			if r.First > r.Last {
				t.Fatalf("got ports %d-%d, want a range", r.First, r.Last)
			}
		}
		for _, list := range [][]netip.Addr{task.Addresses.NetInfo, task.Addresses.Docker, task.Addresses.Mesos} {
			checkAddrs(t, list)
		}
	}
	if (doc.issues.count == 0) != (doc.issues.example == "") {
		t.Fatalf("got issues %+v, want an example exactly where there are some", doc.issues)
	}
}

func checkUPID(t *testing.T, p state.UPID) {
	if !p.IsZero() && (p.Host == "" || p.Port == 0) {
		t.Fatalf("got pid %+v, want a host and a port, or neither", p)
	}
}

func checkAddrs(t *testing.T, list []netip.Addr) {
	for i, a := range list {
		if !a.IsValid() || a.IsUnspecified() || a.Is4In6() || a.Zone() != "" || slices.Contains(list[:i], a) {
			t.Fatalf("got address %v in %v, want one to connect to", a, list)
		}
	}
}
