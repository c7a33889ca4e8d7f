package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// axfrJSON is the answer of /v1/axfr as Mesos-DNS declared it.
type axfrJSON struct {
	TTL            uint32
	Serial         uint32
	RefreshSeconds int
	Mname          string
	Rname          string
	Domain         string
	Records        struct{ As, AAAAs, SRVs map[string][]string }
}

// axfrOf makes the whole answer in memory.
func axfrOf(z *zone.Zone, refreshSeconds int, domain string) axfrJSON {
	o := z.Options()
	a := axfrJSON{
		TTL: o.DefaultTTL(), Serial: z.DomainSerial(), RefreshSeconds: refreshSeconds,
		Mname: o.MName.String(), Rname: o.RName.String(), Domain: domain,
	}
	a.Records.As, a.Records.AAAAs, a.Records.SRVs = map[string][]string{}, map[string][]string{}, map[string][]string{}
	for n := range z.NodesOf(z.Domain()) {
		name := n.Name.String()
		for _, addr := range n.A {
			a.Records.As[name] = append(a.Records.As[name], netip.AddrFrom4(addr).String())
		}
		for _, addr := range n.AAAA {
			a.Records.AAAAs[name] = append(a.Records.AAAAs[name], netip.AddrFrom16(addr).String())
		}
		for _, srv := range n.SRV {
			a.Records.SRVs[name] = append(a.Records.SRVs[name], z.Target(srv.Target).Name.String()+":"+strconv.Itoa(int(srv.Port)))
		}
	}
	return a
}

// The answer has the bytes that encoding/json makes of the whole.
func TestAxfrIsThatOfEncodingJSON(t *testing.T) {
	odd := testSnapshot()
	odd.Tasks[0].Discovery = &state.Discovery{Name: "a.b!c-d.{x}", Ports: []state.DiscoveryPort{{Number: 1}, {Number: 65535}}}
	odd.Tasks[1].Discovery.Name = "a-b.c<&>"
	four := testSnapshot()
	for _, task := range four.Tasks {
		task.Addresses = state.Addresses{}
	}
	for name, snapshot := range map[string]*state.FullState{
		"some": testSnapshot(), "none": {}, "odd names": odd, "IPv4 only": four, "many": manyTasks(300),
	} {
		o := testOptions(snapshot)
		o.Domain = "me\"\n<sos" // a setting may be anything
		z := o.Store.Current()
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(axfrOf(z, o.RefreshSeconds(), o.Domain)); err != nil {
			t.Fatal(err)
		}
		wantText := strings.TrimSuffix(want.String(), "\n")
		w := get(New(o), "/v1/axfr")
		if got := w.Body.String(); got != wantText {
			t.Errorf("%s: got:\n%s\nwant:\n%s", name, got, wantText)
		}
		var back axfrJSON
		if err := json.Unmarshal(w.Body.Bytes(), &back); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if back.Domain != o.Domain || len(back.Records.As) != len(axfrOf(z, 0, "").Records.As) {
			t.Errorf("%s: got %+v when read back", name, back)
		}
	}
}

// PTR records are in the zone, but not in the answer.
func TestAxfrHasNoReverseNames(t *testing.T) {
	s := testServer()
	if s.o.Store.Current().Counts().PTR == 0 {
		t.Fatal("the zone has no PTR records")
	}
	if body := get(s, "/v1/axfr").Body.String(); strings.Contains(body, "arpa") {
		t.Errorf("got names of reverse trees in %s", body)
	}
}

// A client that goes away ends the answer, which is logged at level debug.
func TestAxfrEndsWithABrokenConnection(t *testing.T) {
	o := testOptions(manyTasks(1000))
	logger, hook := logtest.NewNullLogger()
	logger.SetLevel(logrus.DebugLevel)
	o.Log = logger
	w := &brokenWriter{header: http.Header{}}
	if !aborted(New(o), w, httptest.NewRequest("GET", "/v1/axfr", nil)) {
		t.Error("the connection was not broken, so the client cannot know that the answer is incomplete")
	}
	if w.writes != 1 {
		t.Errorf("got %d writes, want 1", w.writes)
	}
	if e := hook.LastEntry(); e == nil || e.Level != logrus.DebugLevel {
		t.Errorf("got the log entry %v, want one at level debug", e)
	}
}

// aborted reports whether the handler told net/http to break the connection.
func aborted(s *Server, w http.ResponseWriter, r *http.Request) (is bool) {
	defer func() { is = recover() == http.ErrAbortHandler }()
	s.Handler().ServeHTTP(w, r)
	return false
}

type brokenWriter struct {
	header http.Header
	writes int
}

func (w *brokenWriter) Header() http.Header { return w.header }
func (w *brokenWriter) WriteHeader(int)     {}
func (w *brokenWriter) Write([]byte) (int, error) {
	w.writes++
	return 0, errors.New("broken pipe")
}

// Names are sorted as the keys of a JSON map.
func TestCompareTextOrdersAsStringsDo(t *testing.T) {
	var names []records.Name
	for _, s := range []string{
		".", "a.", "a-b.", "a.b.", "a!.", "a0.", "ab.", "b.", "a.a.", "a-.a.", "a/.a.", "b.a.", "ba.a.", "a.b.c.", "a-b.c.", "_a._tcp.a.", "_a-b._tcp.a.",
		strings.Repeat("x", 63) + ".", strings.Repeat("x", 62) + ".x.",
	} {
		names = append(names, records.MustParseName(s))
	}
	for _, a := range names {
		for _, b := range names {
			if got, want := compareText(a, b), strings.Compare(a.String(), b.String()); got != want {
				t.Errorf("%s and %s: got %d, want %d", a, b, got, want)
			}
		}
	}
	slices.SortFunc(names, compareText)
	if !slices.IsSortedFunc(names, func(a, b records.Name) int { return strings.Compare(a.String(), b.String()) }) {
		t.Errorf("got the order %v", names)
	}
}

// manyTasks is a cluster with n tasks of one port each.
func manyTasks(n int) *state.FullState {
	s := testSnapshot()
	for i := range n {
		id := strconv.Itoa(i)
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f1", ID: "t" + id}, Name: "t-" + id, AgentID: "20150101-S0", State: state.Running,
			Ports:     []state.PortRange{{First: uint16(i), Last: uint16(i)}},
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})}},
		})
	}
	return s
}

// BenchmarkLongAnswers makes answers about 10,000 tasks.
func BenchmarkLongAnswers(b *testing.B) {
	o := testOptions(manyTasks(10_000))
	s := New(o)
	for _, path := range []string{"/v1/axfr", "/v1/enumerate"} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &countingWriter{header: http.Header{}}
				s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				b.SetBytes(w.n)
			}
		})
	}
}

type countingWriter struct {
	header http.Header
	n      int64
}

func (w *countingWriter) Header() http.Header { return w.header }
func (w *countingWriter) WriteHeader(int)     {}
func (w *countingWriter) Write(b []byte) (int, error) {
	w.n += int64(len(b))
	return len(b), nil
}
