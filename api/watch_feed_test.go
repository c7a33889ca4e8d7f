package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"toponym/state"
)

// cutOff is the number of watchers that were cut off.
func (w *watched) cutOff() string {
	return fmt.Sprintf("%d stalled, %d behind", w.changes.stalled.Load(), w.changes.behind.Load())
}

// A client that does not read is cut off after a while, and delays nobody.
func TestStalledWatchersAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		l, stop := w.run(t)
		_, stalled := mustWatch(t, l, "", "") // reads no event
		s, c := mustWatch(t, l, "", "")
		r := rand.New(rand.NewPCG(1, 1))
		begin := time.Now()
		for time.Since(begin) < 2*watchStall {
			w.become(someTasks(r, 8))
			for before := time.Now(); ; {
				e, err := s.next()
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(before); took > 100*time.Millisecond {
					t.Fatalf("got an event after %v beside a client that does not read", took)
				}
				if e.Index == w.index() {
					break
				}
			}
			time.Sleep(time.Second)
		}
		if got := w.changes.count(); got != 1 {
			t.Errorf("got %d watchers, want one", got)
		}
		if got := w.cutOff(); got != "1 stalled, 0 behind" {
			t.Errorf("got %s, want one that stalled", got)
		}
		stalled.Close()
		c.Close()
		stop()
	})
}

// A client that reads more slowly than there are changes is cut off when it is
// behind what is kept for all, and told to read again when it comes back.
func TestWatchersThatCannotFollowAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		w.changes.maxWindow = 100 << 10
		l, stop := w.run(t)
		s, c := mustWatch(t, l, "", "")
		r := rand.New(rand.NewPCG(1, 1))
		for w.cutOff() == "0 stalled, 0 behind" {
			w.become(someTasks(r, 30))
			if _, err := s.next(); err != nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if _, err := io.Copy(io.Discard, s.r); err != nil {
			t.Errorf("got %v, want the end of the connection", err)
		}
		synctest.Wait()
		if got := w.cutOff(); got != "0 stalled, 1 behind" {
			t.Errorf("got %s, want one that was behind", got)
		}
		c.Close()
		stop()
	})
}

// A client that comes back finds all changes since then, those too that are not in
// what watchers share.
func TestOldVersionsAreCaughtUpWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		w.changes.maxWindow = 20 << 10
		l, stop := w.run(t)
		known, index := readAll(w.zone), w.index()
		polled, pollIndex := readAll(w.zone), index
		r := rand.New(rand.NewPCG(1, 1))
		for range 40 {
			w.become(someTasks(r, 30))
		}
		s, c := mustWatch(t, l, fmt.Sprintf("?index=%d", index), "")
		for e := (WatchEvent{}); e.Index < w.index() || s.last != fmt.Sprint(w.index()); {
			var err error
			if e, err = s.next(); err != nil {
				t.Fatal(err)
			}
			known.apply(e, nil)
		}
		for pollIndex < w.index() {
			var err error
			if pollIndex, err = pollOnce(l, selections[0], pollIndex, polled, nil); err != nil {
				t.Fatal(err)
			}
		}
		for what, got := range map[string]replica{"stream": known, "polls": polled} {
			if d := got.diff(readAll(w.zone), selections[0].wanted); d != "" {
				t.Errorf("%s: %s", what, d)
			}
		}
		if w.changes.window.bytes > w.changes.maxWindow {
			t.Errorf("got %d bytes in memory, want at most %d", w.changes.window.bytes, w.changes.maxWindow)
		}
		// Only some clients may do so at a time: others are told to come back.
		for i := range maxPasts {
			if _, ok := w.pasts.acquire(t.Context(), netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})); !ok {
				t.Fatal("got no slot")
			}
		}
		for _, query := range []string{"", "&wait=1m"} {
			if got := request(l.dial(), fmt.Sprintf("/v1/watch?index=%d%s", index, query)); !strings.HasPrefix(got, "503 ") {
				t.Errorf("%s: got %.200s, want 503", query, got)
			}
		}
		c.Close()
		stop()
	})
}

// The number of watchers is bounded, in all and for each client.
func TestWatchersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, func(o *Options) { o.MaxWatchers, o.MaxWatchersPerClient = 5, 3 })
		l, stop := w.run(t)
		watch := func(client string) (status string, c io.Closer) {
			conn := l.dialFrom(client)
			_, _ = io.WriteString(conn, "GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n")
			head := make([]byte, 300)
			n, _ := conn.Read(head)
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			return string(head[:n]), conn
		}
		var open []io.Closer
		for i, tc := range []struct {
			client string
			ok     bool
		}{
			{"10.0.0.1:1", true}, {"10.0.0.1:2", true}, {"10.0.0.1:3", true}, {"10.0.0.1:4", false},
			{"10.0.0.2:1", true}, {"10.0.0.2:2", true}, {"10.0.0.3:1", false},
		} {
			status, c := watch(tc.client)
			open = append(open, c)
			if tc.ok != strings.Contains(status, "200 OK") || tc.ok == strings.Contains(status, "503 Service") || tc.ok == strings.Contains(status, "Retry-After: ") {
				t.Errorf("watcher %d: got %q, want it accepted: %v", i, status, tc.ok)
			}
		}
		if err := testutil.CollectAndCompare(w, strings.NewReader("# HELP toponym_watchers Clients of /v1/watch.\n# TYPE toponym_watchers gauge\ntoponym_watchers 5\n"), "toponym_watchers"); err != nil {
			t.Error(err)
		}
		for _, c := range open {
			c.Close()
		}
		synctest.Wait()
		if status, c := watch("10.0.0.3:1"); !strings.Contains(status, "200 OK") {
			t.Errorf("after the others have gone: got %q", status)
		} else {
			c.Close()
		}
		stop()
		if len(w.changes.clients) != 0 || w.changes.count() != 0 || w.changes.running {
			t.Errorf("got clients %v at the end, running %v, want none", w.changes.clients, w.changes.running)
		}
	})
}

// Connections of watchers are not closed to make room for others, for which there is
// room besides.
func TestConnectionsOfWatchersAreBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, func(o *Options) { o.MaxWatchers, o.MaxConnections = 6, 8 })
		l, stop := w.run(t)
		var streams []*events
		for range 5 {
			s, _ := mustWatch(t, l, "", "")
			if _, err := s.next(); err != nil {
				t.Fatal(err)
			}
			streams = append(streams, s)
		}
		polled := make(chan string)
		go func() { polled <- request(l.dial(), fmt.Sprintf("/v1/watch?index=%d&wait=1m", w.index())) }()
		synctest.Wait()
		for range 5 {
			if !isOpen(l.dial()) {
				t.Error("a new connection was closed")
			}
			l.dial() // and stays idle
		}
		synctest.Wait()
		w.become(someTasks(rand.New(rand.NewPCG(1, 1)), 8))
		for i, s := range streams {
			if e, err := s.next(); err != nil || e.Event != WatchChange {
				t.Errorf("watcher %d: got %+v, %v, want a change", i, e, err)
			}
			go func() { _, _ = io.Copy(io.Discard, s.r) }()
		}
		if got := <-polled; !strings.Contains(got, `"event":"change"`) {
			t.Errorf("got the answer %s to a poll, want a change", got)
		}
		stop()
	})
}

// A client may go while it has a turn that it has not taken yet, and after the feed has
// listed those whose turn it is. The feed once waited for it for ever, with the only token
// for answers, and no path of HTTP was answered any more.
func TestTheFeedDoesNotWaitForWhoHasParted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		f := w.changes
		gone := &watcher{position: position{index: w.index()}, turn: make(chan *watchWindow, 1), done: make(chan struct{}, 1)}
		list := []*watcher{gone}
		f.round(list)
		if !gone.busy || len(gone.turn) != 1 {
			t.Fatalf("got busy %v with %d turns, want a turn that is not taken", gone.busy, len(gone.turn))
		}
		f.part(gone)
		rounds := make(chan struct{})
		go func() { f.round(list); close(rounds) }()
		select {
		case <-rounds:
		case <-time.After(time.Minute):
			t.Error("the feed waits for a watcher that has parted")
			<-gone.turn
			<-rounds
		}
		if a := get(w.Server, "/v1/version"); a.Code != http.StatusOK {
			t.Errorf("got status %d, want 200", a.Code)
		}
	})
}

// A server that stops ends streams and polls at once.
func TestStoppingEndsWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		l, stop := w.run(t)
		s, _ := mustWatch(t, l, "", "")
		if _, err := s.next(); err != nil {
			t.Fatal(err)
		}
		index := w.index()
		polled := make(chan string)
		go func() { polled <- request(l.dial(), fmt.Sprintf("/v1/watch?index=%d&wait=1m", index)) }()
		synctest.Wait()
		begin := time.Now()
		go func() { _, _ = io.Copy(io.Discard, s.r) }()
		answer := make(chan string, 1)
		go func() { answer <- <-polled }()
		stop()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("stopping took %v, want no wait for watchers", took)
		}
		if got, want := <-answer, fmt.Sprintf("200 OK {\"index\":%d,\"events\":[]}\n", index); got != want {
			t.Errorf("got the answer %q to a poll, want %q", got, want)
		}
	})
}

// A version with more changes than are kept for watchers is told of as a reset of
// its zones.
func TestHugeVersionsAreResets(t *testing.T) {
	w := newWatched(wide, nil)
	index := w.index()
	s := testSnapshot()
	for i := range 7000 { // twice as much as is kept: the length of a time differs
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f1", ID: fmt.Sprint(i)}, Name: fmt.Sprint("big-", i), AgentID: "20150101-S0", State: state.Running,
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})}},
		})
	}
	w.become(s)
	a := get(w.Server, fmt.Sprintf("/v1/watch?index=%d&wait=1m", index))
	if got := strings.Count(a.Body.String(), `"event":"reset"`); got != 2 || strings.Contains(a.Body.String(), "change") {
		t.Errorf("got %.500s, want a reset of mesos and of in-addr.arpa", a.Body)
	}
	w.changes.end()
}

// Text of a version is made once for all watchers, and a watcher to which nothing
// is of interest costs no write and no memory.
func TestVersionsCostLittleForEachWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const watchers, versions = 200, 50
		w := newWatched(wide, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		out := make([]flushWriter, watchers)
		for i := range out {
			query := ""
			if i%2 == 0 {
				query = "?name=none.mesos"
			}
			out[i].header = http.Header{}
			all.Go(func() {
				w.Handler().ServeHTTP(&out[i], httptest.NewRequestWithContext(ctx, "GET", "/v1/watch"+query, nil))
			})
		}
		time.Sleep(time.Second)
		states := make([]*state.FullState, versions)
		r := rand.New(rand.NewPCG(1, 1))
		for i := range states {
			states[i] = someTasks(r, 10)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, s := range states {
			w.become(s)
			time.Sleep(time.Second)
		}
		runtime.ReadMemStats(&after)
		// Most of it is what the versions themselves cost.
		if got := (after.Mallocs - before.Mallocs) / watchers / versions; got > 10 {
			t.Errorf("got %d allocations for each watcher and version, want at most 10", got)
		}
		cancel()
		all.Wait()
		w.changes.end()
		for i := range out {
			if want := 1 + (i%2)*versions; out[i].writes < want || out[i].writes > want+versions/10 {
				t.Errorf("watcher %d: got %d writes, want about %d", i, out[i].writes, want)
			}
		}
	})
}

// flushWriter is a client that reads everything at once.
type flushWriter struct {
	countingWriter
	writes int
}

func (w *flushWriter) Write(b []byte) (int, error) {
	if !bytes.HasPrefix(b, []byte(": heartbeat")) {
		w.writes++
	}
	return w.countingWriter.Write(b)
}

func (w *flushWriter) Flush() {}

// BenchmarkWatchers tells 1,000 clients of a version. Half of them wait for a name
// that does not change.
func BenchmarkWatchers(b *testing.B) {
	w := newWatched(wide, nil)
	ctx, cancel := context.WithCancel(b.Context())
	var all sync.WaitGroup
	out := make([]flushWriter, 1000)
	for i := range out {
		query := ""
		if i%2 == 0 {
			query = "?name=none.mesos"
		}
		out[i].header = http.Header{}
		all.Go(func() {
			w.Handler().ServeHTTP(&out[i], httptest.NewRequestWithContext(ctx, "GET", "/v1/watch"+query, nil))
		})
	}
	states := [2]*state.FullState{testSnapshot(), testSnapshot()}
	states[1].Tasks = states[1].Tasks[1:]
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		w.become(states[n%2])
		for sent := w.changes.events.Load(); w.changes.events.Load() < sent+500; {
			time.Sleep(100 * time.Microsecond)
		}
	}
	cancel()
	all.Wait()
}

// A round ends in time however many watchers there are and however long their turns
// take, and none is passed over.
func TestLongRoundsAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(wide, nil)
		f := w.changes
		var list []*watcher
		for range 1000 {
			// Nobody takes these turns, so the feed waits for turnTime each.
			list = append(list, &watcher{position: position{index: w.index()}, turn: make(chan *watchWindow, 1), done: make(chan struct{}, 1)})
		}
		rounds := 0
		for again := true; again; rounds++ {
			begin := time.Now()
			again, _ = f.round(list)
			if took := time.Since(begin); took > roundTime+burstSteps*turnTime+breather {
				t.Fatalf("round %d: got %v, want little more than %v", rounds+1, took, roundTime)
			}
		}
		for i, one := range list {
			if len(one.turn) != 1 {
				t.Errorf("watcher %d of %d got no turn in %d rounds", i, len(list), rounds)
			}
		}
		if least := int(time.Duration(len(list)) * turnTime / roundTime); rounds < least {
			t.Errorf("got %d rounds, want %d at least", rounds, least)
		}
		f.end()
	})
}
