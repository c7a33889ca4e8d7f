package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/records"
	"toponym/state"
)

// bigService is a cluster with a service of n instances that have addresses of
// their own.
func bigService(n int) *state.FullState {
	s := testSnapshot()
	for i := range n {
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f1", ID: fmt.Sprintf("big.%d", i)}, Name: "big", AgentID: "20150101-S0", State: state.Running,
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})}},
			Discovery: &state.Discovery{Name: "big", Ports: []state.DiscoveryPort{{Number: 80, Protocol: "tcp"}}},
		})
	}
	return s
}

// enumeratedTask and enumeratedRecord are parts of /v1/enumerate as Mesos-DNS
// declares them.
type enumeratedTask struct {
	Name    string             `json:"name"`
	ID      string             `json:"id"`
	Records []enumeratedRecord `json:"records"`
}

type enumeratedRecord struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Type string `json:"rtype"`
}

// Answers of Mesos-DNS that grow with the cluster have the bytes that encoding/json
// makes of the whole, however many chunks they are written in.
func TestLongAnswersAreThoseOfEncodingJSON(t *testing.T) {
	o := testOptions(bigService(2000))
	set := o.Store.Current()
	type host struct {
		Host string `json:"host"`
		IP   string `json:"ip"`
	}
	type service struct {
		Service string `json:"service"`
		Host    string `json:"host"`
		IP      string `json:"ip"`
		Port    string `json:"port"`
	}
	var hosts []host
	var services []service
	for _, a := range set.Node(records.MustParseName("big.marathon.mesos")).A {
		hosts = append(hosts, host{"big.marathon.mesos.", netip.AddrFrom4(a).String()})
	}
	for _, srv := range set.Node(records.MustParseName("_big._tcp.marathon.mesos")).SRV {
		target := set.Target(srv.Target)
		a := target.A[0]
		services = append(services, service{"_Big._tcp.marathon.mesos", target.Name.String(), netip.AddrFrom4(a).String(), "80"})
	}
	type framework struct {
		Tasks []enumeratedTask `json:"tasks"`
		Name  string           `json:"name"`
	}
	all := struct {
		Frameworks []framework `json:"frameworks"`
	}{}
	for name, tasks := range o.Enumerate(nil) {
		f := framework{Name: name}
		for t := range tasks {
			task := enumeratedTask{Name: t.Name, ID: t.ID}
			for _, r := range t.Records {
				task.Records = append(task.Records, enumeratedRecord{r.Name.String(), string(r.AppendHost(nil)), r.Type()})
			}
			f.Tasks = append(f.Tasks, task)
		}
		all.Frameworks = append(all.Frameworks, f)
	}
	s := New(o)
	for path, v := range map[string]any{
		"/v1/hosts/big.marathon.mesos":          hosts,
		"/v1/services/_Big._tcp.marathon.mesos": services,
		"/v1/enumerate":                         all,
	} {
		want, err := encodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(s, path).Body.Bytes(); !bytes.Equal(got, want) || !json.Valid(got) {
			t.Errorf("%s: got %d bytes, want the %d of encoding/json", path, len(got), len(want))
		}
	}
}

// What a request for a long answer allocates does not grow with the answer: a
// service of 20,000 instances once took 12 MB for each of its readers.
func TestLongAnswersAreNotHeldInMemory(t *testing.T) {
	s := New(testOptions(bigService(8000)))
	for path, limit := range map[string]uint64{
		"/v1/hosts/big.marathon.mesos":          200 << 10,
		"/v1/services/_big._tcp.marathon.mesos": 200 << 10,
		"/?name=_big._tcp.marathon.mesos":       600 << 10,
		"/v1/axfr":                              200<<10 + 8*uint64(s.o.Store.Current().Counts().Names), // a pointer per name
		"/v1/enumerate":                         400 << 10,                                              // three pointers per task, and little per record
		"/v1/instances":                         200<<10 + 56*8000,                                      // three pointers and some numbers per task
		"/v1/sd/prometheus":                     200<<10 + 56*8000,
	} {
		// The least of a few answers: what other goroutines allocate counts as well.
		least, size := uint64(math.MaxUint64), int64(0)
		for range 5 {
			var before, after runtime.MemStats
			w := &countingWriter{header: http.Header{}}
			runtime.ReadMemStats(&before)
			s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			runtime.ReadMemStats(&after)
			least, size = min(least, after.TotalAlloc-before.TotalAlloc), w.n
		}
		if least > limit {
			t.Errorf("%s: an answer of %d bytes allocates %d, want at most %d", path, size, least, limit)
		}
	}
}

// The answers about every task hold a small part of what they write.
func TestAnswersAboutAllTasksDoNotHoldTheCluster(t *testing.T) {
	s := New(testOptions(manyTasks(10_000)))
	for _, path := range []string{"/v1/enumerate", "/v1/instances", "/v1/sd/prometheus"} {
		w := &peakWriter{countingWriter: countingWriter{header: http.Header{}}}
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.peak == 0 {
			t.Errorf("%s: an answer of %d bytes was not measured", path, w.n)
		} else if got := int64(w.peak - before.HeapAlloc); got > 1<<20 {
			t.Errorf("%s: an answer of %d bytes for 10,000 tasks holds %d, want at most 1 MB", path, w.n, got)
		}
	}
}

// peakWriter measures the live heap now and then.
type peakWriter struct {
	countingWriter
	writes int
	peak   uint64
}

func (w *peakWriter) Write(b []byte) (int, error) {
	if w.writes++; w.writes%10 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.peak = max(w.peak, m.HeapAlloc)
	}
	return w.countingWriter.Write(b)
}

// No more is made of an answer when its client has gone.
func TestLongAnswersEndWithTheirClient(t *testing.T) {
	s := New(testOptions(bigService(8000)))
	for _, path := range []string{"/v1/hosts/big.marathon.mesos", "/v1/services/_big._tcp.marathon.mesos", "/v1/axfr", "/v1/enumerate"} {
		ctx, cancel := context.WithCancel(t.Context())
		w := &leavingWriter{countingWriter{header: http.Header{}}, cancel}
		if !aborted(s, w, httptest.NewRequestWithContext(ctx, "GET", path, nil)) {
			t.Errorf("%s: the answer went on", path)
		}
		if w.n > 2*chunkSize {
			t.Errorf("%s: got %d bytes after the client had gone", path, w.n)
		}
		if len(s.processors.tokens) > 0 || len(s.bulk.all) > 0 || len(s.large.all) > 0 || len(s.bulk.clients) > 0 {
			t.Errorf("%s: slots are held after the end", path)
		}
	}
}

// leavingWriter is a client that goes away after the first bytes.
type leavingWriter struct {
	countingWriter
	leave func()
}

func (w *leavingWriter) Write(b []byte) (int, error) {
	w.leave()
	return w.countingWriter.Write(b)
}

// deadlineWriter is a client that reads a number of bytes per second.
type deadlineWriter struct {
	countingWriter
	rate     int64
	deadline time.Time
}

func (w *deadlineWriter) SetWriteDeadline(t time.Time) error { w.deadline = t; return nil }

func (w *deadlineWriter) Write(b []byte) (int, error) {
	end := time.Now().Add(time.Duration(int64(len(b)) * int64(time.Second) / w.rate))
	if end.After(w.deadline) {
		time.Sleep(time.Until(w.deadline))
		return 0, context.DeadlineExceeded
	}
	time.Sleep(time.Until(end))
	return w.countingWriter.Write(b)
}

// A client that reads too slowly is cut off, so that it does not hold a slot for
// ever; one that reads at a modest rate gets all, however long it takes.
func TestReadersHaveAMinimumRate(t *testing.T) {
	s := New(testOptions(manyTasks(5_000)))
	for _, tc := range []struct {
		rate int64
		cut  bool
	}{{minReadRate * 11 / 10, false}, {minReadRate / 2, true}, {1, true}} {
		synctest.Test(t, func(t *testing.T) {
			w := &deadlineWriter{countingWriter: countingWriter{header: http.Header{}}, rate: tc.rate}
			begin := time.Now()
			if got := aborted(s, w, httptest.NewRequest("GET", "/v1/axfr", nil)); got != tc.cut {
				t.Errorf("%d bytes/s: got cut off %v after %d bytes, want %v", tc.rate, got, w.n, tc.cut)
			}
			if took := time.Since(begin); tc.cut && took > 3*readGrace {
				t.Errorf("%d bytes/s: was cut off after %v, want about %v", tc.rate, took, readGrace)
			}
		})
	}
}

// A client that was fast cannot stop reading for as long as it has saved.
func TestFastReadersMustNotStallForLong(t *testing.T) {
	s := New(testOptions(manyTasks(10_000)))
	synctest.Test(t, func(t *testing.T) {
		w := &stallingWriter{deadlineWriter: deadlineWriter{countingWriter: countingWriter{header: http.Header{}}, rate: 1 << 40}, after: 1500 << 10}
		begin := time.Now()
		if !aborted(s, w, httptest.NewRequest("GET", "/v1/axfr", nil)) {
			t.Error("the client was not cut off")
		}
		if took := time.Since(begin); took > maxStall+time.Second {
			t.Errorf("the client was cut off after %v, want %v", took, maxStall)
		}
	})
}

// stallingWriter is a client that stops reading after some bytes.
type stallingWriter struct {
	deadlineWriter
	after int64
}

func (w *stallingWriter) Write(b []byte) (int, error) {
	if w.n > w.after {
		w.rate = 1
	}
	return w.deadlineWriter.Write(b)
}

// stuckWriter is a client that does not read.
type stuckWriter struct {
	countingWriter
	stuck   chan<- struct{}
	release <-chan struct{}
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	w.stuck <- struct{}{}
	<-w.release
	return 0, context.DeadlineExceeded
}

// Clients that do not read hold up nobody else: four of them once blocked
// /v1/explain for minutes.
func TestReadersThatDoNotReadHoldUpNobody(t *testing.T) {
	s := New(testOptions(bigService(2000)))
	paths := []string{"/v1/explain/big.marathon.mesos", "/v1/axfr", "/v1/enumerate", "/v1/hosts/big.marathon.mesos", "/v1/services/_big._tcp.marathon.mesos", "/"}
	stuck, release := make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	for i, path := range paths {
		for j := range maxBulkPerClient - 1 {
			go func() {
				defer func() { recover(); done <- struct{}{} }()
				r := httptest.NewRequest("GET", path, nil)
				r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", i, j)
				s.Handler().ServeHTTP(&stuckWriter{countingWriter{header: http.Header{}}, stuck, release}, r)
			}()
			<-stuck
		}
	}
	for _, path := range paths {
		if w := get(s, path); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: got status %d and %d bytes beside clients that do not read, want 200", path, w.Code, w.Body.Len())
		}
	}
	close(release)
	for range len(paths) * (maxBulkPerClient - 1) {
		<-done
	}
}

// Where as many expensive answers as allowed are under way, others are told to come
// back, and one client cannot take all of them.
func TestExpensiveAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(testOptions(bigService(2000)))
		for _, tc := range []struct {
			path  string
			slots *slots
		}{
			{"/v1/axfr", s.bulk}, {"/v1/enumerate", s.bulk},
			{"/v1/services/_big._tcp.marathon.mesos", s.large}, {"/v1/hosts/big.marathon.mesos", s.large},
			{"/v1/explain/big.marathon.mesos", s.explains},
		} {
			client := netip.MustParseAddr("192.0.2.1") // that of httptest.NewRequest
			var held []func()
			for range tc.slots.perClient {
				release, ok := tc.slots.acquire(t.Context(), client)
				if !ok {
					t.Fatalf("%s: got no slot", tc.path)
				}
				held = append(held, release)
			}
			w := get(s, tc.path)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "try again") {
				t.Errorf("%s: got status %d, Retry-After %q: %s; want 503", tc.path, w.Code, w.Header().Get("Retry-After"), w.Body)
			}
			if tc.slots != s.explains {
				r := httptest.NewRequest("GET", tc.path, nil)
				r.RemoteAddr = "192.0.2.2:1"
				other := httptest.NewRecorder()
				s.Handler().ServeHTTP(other, r)
				if other.Code != http.StatusOK {
					t.Errorf("%s: another client got status %d, want 200", tc.path, other.Code)
				}
			}
			if w := get(s, "/v1/hosts/leader.mesos"); w.Code != http.StatusOK {
				t.Errorf("a small answer beside: got status %d, want 200", w.Code)
			}
			for _, release := range held {
				release()
			}
			if w := get(s, tc.path); w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("%s: got status %d when the slots were free again, want 200", tc.path, w.Code)
			}
		}
	})
}

// All addresses of an IPv6 network are one client.
func TestClientsOfLimits(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:5":              "192.0.2.1",
		"[::ffff:192.0.2.1]:5":     "192.0.2.1",
		"[2001:db8:1:2:3::4]:5":    "2001:db8:1:2::",
		"[fe80::1:2:3:4%eth0]:443": "fe80::",
	} {
		if got := clientOf(remote); got != netip.MustParseAddr(want) {
			t.Errorf("%s: got %v, want %s", remote, got, want)
		}
	}
	if got := clientOf("pipe"); got.IsValid() {
		t.Errorf("pipe: got %v, want no address", got)
	}
}
