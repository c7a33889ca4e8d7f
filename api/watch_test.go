package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toponym/records"
	"toponym/zone"
)

// selection is a filter and what it selects of the lines of a replica.
type selection struct {
	query  string
	wanted func(line string) bool
}

func field(line string, i int) string { return strings.Fields(line)[i] }

var selections = []selection{
	{"", func(string) bool { return true }},
	{"name=t-1.marathon.mesos&name=T-2.chronos.alias.example.", func(l string) bool {
		return field(l, 0) == "t-1.marathon.mesos." || field(l, 0) == "t-2.chronos.mesos."
	}},
	{"suffix=chronos.mesos", func(l string) bool { return strings.HasSuffix("."+field(l, 0), ".chronos.mesos.") }},
	{"type=srv&type=PTR", func(l string) bool { return field(l, 2) == "SRV" || field(l, 2) == "PTR" }},
	{"framework=chronos&type=A", func(l string) bool {
		name := "." + field(l, 0)
		return field(l, 2) == "A" && (strings.HasSuffix(name, ".chronos.mesos.") || strings.HasSuffix(name, ".chronos.slave.mesos."))
	}},
	{"suffix=in-addr.arpa&suffix=slave.mesos", func(l string) bool {
		name := "." + field(l, 0)
		return strings.HasSuffix(name, ".in-addr.arpa.") || strings.HasSuffix(name, ".slave.mesos.")
	}},
}

// Whoever reads a zone and then follows its changes has that zone, whichever names
// it has chosen, by streams that are interrupted in the middle of a version, and by
// polls. Clients that were told to read again do so.
func TestReplayingChangesGivesTheZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		l, stop := w.run(t)
		var clients sync.WaitGroup
		var mu sync.Mutex // of the zone
		current := func() *zone.Zone { mu.Lock(); defer mu.Unlock(); return w.zone }
		ended := make(chan struct{})
		end := uint64(0)
		for seed := range uint64(18) {
			chosen := selections[seed%uint64(len(selections))]
			clients.Go(func() {
				r := rand.New(rand.NewPCG(seed, 1))
				known, index := readAll(current()), w.index()
				reached := func() bool {
					select {
					case <-ended:
						return index >= end
					default:
						return false
					}
				}
				for !reached() {
					var err error
					if seed%3 == 0 {
						index, err = pollOnce(l, chosen, index, known, current)
					} else {
						index, err = watchSome(l, chosen, index, known, current, r.IntN(1000))
					}
					if err != nil {
						t.Errorf("client %d: %v", seed, err)
						return
					}
				}
				if d := known.diff(readAll(current()), chosen.wanted); d != "" {
					t.Errorf("client %d, %q: %s", seed, chosen.query, d)
				}
			})
		}
		r := rand.New(rand.NewPCG(1, 2))
		for step := range 60 {
			mu.Lock()
			if step%20 == 19 {
				o := w.recordsOptions
				o.SRVWeight = uint16(step)
				w.reload(o)
			} else {
				w.become(someTasks(r, 24))
			}
			mu.Unlock()
			time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
		}
		end = w.index()
		close(ended)
		clients.Wait()
		synctest.Wait() // the server has to see that the connections are closed
		if got := w.changes.count(); got != 0 {
			t.Errorf("got %d watchers at the end, want none", got)
		}
		stop()
	})
}

// watchSome reads at least n events of a stream and breaks the connection. It
// returns the index to go on with.
func watchSome(l *pipeListener, chosen selection, index uint64, known replica, current func() *zone.Zone, n int) (uint64, error) {
	query, header := "?"+chosen.query+"&index="+fmt.Sprint(index), ""
	if n%2 == 0 {
		query, header = "?index=1&"+chosen.query, fmt.Sprintf("Last-Event-ID: %d\r\n", index)
	}
	s, c, err := watchConn(l, query, header)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	// Of a client that has all, no event will come.
	timer := time.AfterFunc(20*time.Second, func() { c.Close() })
	defer timer.Stop()
	for range n + 1 {
		e, err := s.next()
		if err != nil {
			break // by the timer
		}
		known.apply(e, current)
	}
	return strconv.ParseUint(s.last, 10, 64)
}

// pollOnce makes one poll.
func pollOnce(l *pipeListener, chosen selection, index uint64, known replica, current func() *zone.Zone) (uint64, error) {
	answer := request(l.dialFrom("192.0.2.2:1"), fmt.Sprintf("/v1/watch?%s&index=%d&wait=3s", chosen.query, index))
	body, ok := strings.CutPrefix(answer, "200 OK ")
	var a struct {
		Index  uint64
		Events []WatchEvent
	}
	if !ok {
		return 0, fmt.Errorf("got the answer %s", answer)
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return 0, err
	}
	for _, e := range a.Events {
		if e.Index <= index || e.Index > a.Index {
			return 0, fmt.Errorf("got an event with index %d between %d and %d", e.Index, index, a.Index)
		}
		known.apply(e, current)
	}
	return a.Index, nil
}

// A client learns the current index first, and the id of an event is the index to go
// on with: only the last event of a version has one.
func TestEventsOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		l, stop := w.run(t)
		first := w.index()
		c := l.dial()
		_, _ = io.WriteString(c, "GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n")
		r := bufio.NewReader(c)
		read := func(until string) (text string) {
			for !strings.HasSuffix(text, until) {
				line, err := r.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				text += line
			}
			return text
		}
		head := read("\r\n\r\n")
		for _, want := range []string{"200 OK\r\n", "Content-Type: text/event-stream\r\n", "Cache-Control: no-store\r\n"} {
			if !strings.Contains(head, want) {
				t.Errorf("got the headers %q, want %q", head, want)
			}
		}
		want := fmt.Sprintf("retry: 2000\nevent: index\ndata: {\"event\":\"index\",\"index\":%d,\"newest\":%d}\nid: %d\n\n", first, first, first)
		if got := read("\n\n"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		s := testSnapshot()
		s.Tasks = s.Tasks[1:] // nginx has ended
		w.become(s)
		id := fmt.Sprintf("id: %d\n\n", first+1)
		golden(t, "watch.txt", []byte(strings.ReplaceAll(read(id), fmt.Sprint(first+1), "INDEX")))
		w.reload(w.recordsOptions)
		text := read(fmt.Sprintf("id: %d\n\n", first+2))
		if strings.Count(text, "event: reset\ndata: {\"event\":\"reset\",") != 4 || strings.Count(text, "id: ") != 1 {
			t.Errorf("got %q of a version that is wholly new, want a reset of 4 zones", text)
		}
		c.Close()
		stop()
	})
}

// Where nothing changes, a comment keeps the connection alive, and an id keeps the
// position of a client near the newest version.
func TestSilentStreamsHaveHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		l, stop := w.run(t)
		s, c := mustWatch(t, l, "?name=none.mesos", "")
		if _, err := s.next(); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for range 20 {
			begin := time.Now()
			w.become(someTasks(r, 4))
			for _, want := range []string{": heartbeat\n", fmt.Sprintf("id: %d\n", w.index()), "\n"} {
				if got, err := s.r.ReadString('\n'); got != want {
					t.Fatalf("got %q, %v, want %q", got, err, want)
				}
			}
			if took := time.Since(begin); took < heartbeat-time.Second || took > heartbeat+2*time.Second {
				t.Errorf("got a heartbeat after %v, want one after %v", took, heartbeat)
			}
		}
		c.Close()
		stop()
	})
}

// A poll returns when there is an event that it selects, or when the time is over.
func TestPollsWait(t *testing.T) {
	for _, tc := range []struct {
		query       string
		changes     bool
		least, most time.Duration
		events      bool
	}{
		{"wait=0s", false, 0, time.Second, false},
		{"wait=10s", false, 10 * time.Second, 12 * time.Second, false},
		{"wait=10s", true, 5 * time.Second, 6 * time.Second, true},
		{"wait=10s&name=none.mesos", true, 10 * time.Second, 12 * time.Second, false},
		{"wait=24h", false, maxWait, maxWait + maxWait/16 + time.Second, false},
		{"", false, defaultWait, defaultWait + defaultWait/16 + time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched(wide, nil)
			l, stop := w.run(t)
			begin, index := time.Now(), w.index()
			if tc.changes {
				time.AfterFunc(5*time.Second, func() { w.become(someTasks(rand.New(rand.NewPCG(1, 1)), 20)) })
			}
			got := request(headerConn{l.dial(), "Accept: application/json\r\n"}, fmt.Sprintf("/v1/watch?index=%d&%s", index, tc.query))
			took := time.Since(begin)
			if took < tc.least || took > tc.most || !strings.HasPrefix(got, "200 OK {") || strings.Contains(got, `"event":"change"`) != tc.events {
				t.Errorf("%q: got %s after %v, want an answer after %v to %v, with events: %v", tc.query, got, took, tc.least, tc.most, tc.events)
			}
			if want := fmt.Sprintf(`{"index":%d,`, w.index()); !strings.Contains(got, want) {
				t.Errorf("%q: got %s, want the newest index %d", tc.query, got, w.index())
			}
			stop()
		})
	}
}

// headerConn adds a header to a request.
type headerConn struct {
	net.Conn
	header string
}

func (c headerConn) Write(b []byte) (int, error) {
	text := strings.TrimSuffix(string(b), "\r\n") + c.header + "\r\n"
	if _, err := c.Conn.Write([]byte(text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Without an index a poll tells the newest one at once.
func TestPollWithoutIndex(t *testing.T) {
	w := newWatched(wide, nil)
	for _, query := range []string{"wait=5m", "wait=5m&index=0"} {
		a := get(w.Server, "/v1/watch?"+query)
		index := strconv.FormatUint(w.index(), 10)
		if a.Code != 200 || a.Header().Get(indexHeader) != index || a.Body.String() != `{"index":`+index+`,"events":[]}`+"\n" {
			t.Errorf("%s: got status %d, %s %q and %s, want %s", query, a.Code, indexHeader, a.Header().Get(indexHeader), a.Body, index)
		}
	}
	w.changes.end()
}

// Where the changes since an index are not known, the client is told to read again:
// after a restart, too, whose indexes are larger.
func TestUnknownIndexesAreGone(t *testing.T) {
	w := newWatched(zone.HistoryLimits{Versions: 5, Bytes: 1 << 20}, nil)
	old := w.index()
	r := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		w.become(someTasks(r, 10))
	}
	later := newWatched(wide, nil)
	for _, tc := range []struct {
		what  string
		s     *watched
		index uint64
	}{
		{"too old", w, old}, {"never there", w, 7}, {"later than the newest", w, w.index() + 1},
		{"of another process", later, old - 1<<20}, {"of another process, later", later, w.index() + 1<<30},
	} {
		for _, query := range []string{"", "&wait=1m"} {
			a := get(tc.s.Server, fmt.Sprintf("/v1/watch?index=%d%s", tc.index, query))
			if a.Code != http.StatusGone || a.Header().Get(indexHeader) != fmt.Sprint(tc.s.index()) || !strings.Contains(a.Body.String(), "read all records again") {
				t.Errorf("%s: got status %d, index %s and %s, want 410", tc.what, a.Code, a.Header().Get(indexHeader), a.Body)
			}
		}
	}
}

// What cannot be watched is refused with a reason.
func TestWatchRefusesWhatItDoesNotUnderstand(t *testing.T) {
	w := newWatched(wide, nil)
	for query, want := range map[string]string{
		"sufix=a": "sufix", "index=-1": "index: want", "index=x": "index: want", "wait=5": "wait: want", "wait=-1s": "wait: want",
		"name=a..b": "name: ", "name=web.example.org": "in none of the server's zones", "name=" + strings.Repeat("x", 300): "name: ",
		"suffix=example.org": "neither in nor above", "type=X": "type: ", "type=SOA": "type: ", "type=ANY": "type: ", "framework=...": "framework: ",
		"index=1&index=2": "more than once", strings.Repeat("type=A&", 17): "more than 16 times",
	} {
		a := get(w.Server, "/v1/watch?"+query)
		if a.Code != 400 || !strings.Contains(a.Body.String(), want) {
			t.Errorf("%s: got status %d and %s, want 400 and %q", query, a.Code, a.Body, want)
		}
	}
	if a := do(w.Server, "HEAD", "/v1/watch"); a.Code != 200 || a.Header().Get("Content-Type") != contentEvents {
		t.Errorf("HEAD: got status %d and the headers %v, want 200", a.Code, a.Header())
	}
	pending := newWatched(wide, func(o *Options) { o.Store = zone.NewStore(zone.NewEmpty(zoneOptions(), zone.SameSerial(1))) })
	if a := get(pending.Server, "/v1/watch"); a.Code != 503 {
		t.Errorf("before the first state: got status %d, want 503", a.Code)
	}
}

// A server that does not disclose the whole cluster tells of changes to names that
// its clients know.
func TestWatchWithoutEnumerationNeedsNames(t *testing.T) {
	w := newWatched(wide, func(o *Options) { o.EnumerationOn = false })
	for query, want := range map[string]int{"wait=0s": 403, "wait=0s&suffix=mesos": 403, "wait=0s&type=A": 403, "wait=0s&name=leader.mesos": 200, "wait=0s&name=leader.mesos&type=A": 200} {
		if a := get(w.Server, "/v1/watch?"+query); a.Code != want {
			t.Errorf("%s: got status %d and %s, want %d", query, a.Code, a.Body, want)
		}
	}
	w.changes.end()
}

// Each filter selects the events of its names and types, and resets of the zones in
// which they may be.
func TestFiltersOfWatchers(t *testing.T) {
	w := newWatched(wide, nil)
	name := records.MustParseName
	event := func(origin, n, rtype string) *watchEvent {
		return &watchEvent{origin: name(origin), name: name(n), rtype: map[string]uint16{"A": 1, "SRV": 33, "PTR": 12}[rtype]}
	}
	reset := func(origin string) *watchEvent { return &watchEvent{origin: name(origin)} }
	web, srv := event("mesos", "web.marathon.mesos", "A"), event("mesos", "_web._tcp.marathon.mesos", "SRV")
	ptr := event("in-addr.arpa", "1.0.0.10.in-addr.arpa", "PTR")
	mesos, reverse := reset("mesos"), reset("in-addr.arpa")
	for _, tc := range []struct {
		query    string
		selected []*watchEvent
	}{
		{"", []*watchEvent{web, srv, ptr, mesos, reverse}},
		{"name=WEB.marathon.mesos.", []*watchEvent{web, mesos}},
		{"name=web.marathon.alias.example", []*watchEvent{web, mesos}},
		{"name=web.marathon.mesos&type=AAAA", []*watchEvent{mesos}},
		{"type=A", []*watchEvent{web, mesos, reverse}},
		{"type=A&type=ptr", []*watchEvent{web, ptr, mesos, reverse}},
		{"suffix=marathon.mesos", []*watchEvent{web, srv, mesos}},
		{"suffix=eb.marathon.mesos", []*watchEvent{mesos}},
		{"suffix=alias.example", []*watchEvent{web, srv, mesos}},
		{"suffix=arpa", []*watchEvent{ptr, reverse}},
		{"suffix=.", []*watchEvent{web, srv, ptr, mesos, reverse}},
		{"framework=marathon", []*watchEvent{web, srv, mesos, reverse}},
		{"framework=chronos", []*watchEvent{mesos, reverse}},
		{"framework=chronos&framework=marathon&type=SRV", []*watchEvent{srv, mesos, reverse}},
	} {
		u, _ := url.Parse("?" + tc.query)
		p, err := parameters(u, "name*", "suffix*", "framework*", "type*")
		if err != nil {
			t.Fatal(err)
		}
		f, err := w.watchFilter(p, w.zone)
		if err != nil {
			t.Errorf("%s: %v", tc.query, err)
			continue
		}
		for i, e := range []*watchEvent{web, srv, ptr, mesos, reverse} {
			want := false
			for _, s := range tc.selected {
				want = want || s == e
			}
			if got := f.matches(e); got != want {
				t.Errorf("%s: event %d: got selected %v, want %v", tc.query, i, got, want)
			}
		}
	}
}
