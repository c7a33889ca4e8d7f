package master

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/sim"
	"toponym/sim/scenario"
	"toponym/state"
	"toponym/state/leader"
)

// unnamed answers all but the question who it is.
func unnamed(m http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		if strings.Contains(string(body), "GET_MASTER") {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		m.ServeHTTP(w, r)
	})
}

// Where masters do not say who they are at the
// beginning of a stream, the state beside it does, also after another one took
// over: the stream goes on, and what the new one does not have goes in its time.
func TestFailoverToAnUnnamedMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, twoMasters(Stream))
		b.populate(60)
		b.network.set(first.String(), unnamed(b.master(first, sim.MasterOptions{})))
		defer b.run()()
		time.Sleep(30 * time.Second)
		wantLines(t, "at first", b.published(), b.reported(first))
		before := b.runningTasks()
		ahead := func() time.Time { return time.Now().Add(time.Hour) } // so its election tells nothing
		m := b.failover(sim.MasterOptions{Now: ahead})
		b.network.set(second.String(), unnamed(m))
		time.Sleep(30 * time.Second)
		if got := b.runningTasks(); !slices.Equal(got, before) {
			t.Errorf("%d tasks run, want %d", len(got), len(before))
		}
		agents := b.cluster.Agents()
		for _, a := range agents[1:] {
			if err := b.cluster.Reregister(a.ID); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range b.cluster.Frameworks() {
			if err := b.cluster.SetConnected(f.ID, true); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(12 * time.Minute)
		wantLines(t, "after its time", b.published(), b.reported(second))
		if s := b.watcher.Status(); s.Streams != 2 || s.Source != Stream {
			t.Errorf("got status %+v, want 2 streams", s)
		}
	})
}

// listless answers as a master of Mesos before 1.2 does, which reports no
// recovered agents in its state.
func withoutRecoveredList(m http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/master/state" {
			w = renamingWriter{w}
		}
		m.ServeHTTP(w, r)
	})
}

type renamingWriter struct{ http.ResponseWriter }

func (w renamingWriter) Write(p []byte) (int, error) {
	_, err := w.ResponseWriter.Write(bytes.Replace(p, []byte(`"recovered_slaves"`), []byte(`"recovering_agents"`), 1))
	return len(p), err
}

// A state that comes late beside the stream of a
// master which did not say who it is gives up what left in between. It waits
// where the state may be of another one, which was elected after the stream
// began or answered elsewhere.
func TestUnnamedMasterIsTheSame(t *testing.T) {
	for _, tt := range []struct {
		what  string
		later bool // elected after the stream began
		moved bool // the state is answered by another one
		kept  bool
	}{
		{"the same", false, false, false},
		{"elected later", true, false, true},
		{"elsewhere", false, true, true},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) { o.Source = Stream })
				b.populate(60)
				var o sim.MasterOptions
				if tt.later {
					o.Now = func() time.Time { return time.Now().Add(time.Hour) }
				}
				m := withoutRecoveredList(b.master(first, o))
				var open atomic.Bool
				b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case r.URL.Path == "/master/state" && !open.Load():
						w.WriteHeader(http.StatusServiceUnavailable)
					case r.URL.Path == "/master/state" && tt.moved:
						redirecting("//"+second.String()+"/master/state")(w, r)
					default:
						unnamed(m).ServeHTTP(w, r)
					}
				}))
				time.Sleep(time.Minute)
				defer b.run()()
				b.published()
				gone := b.cluster.Agents()[0].ID
				if err := b.cluster.MarkUnreachable(gone); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				b.network.set(second.String(), withoutRecoveredList(b.master(second, o))) // leads since now
				open.Store(true)
				time.Sleep(5 * time.Minute)
				if got := b.hasAgent(gone); got != tt.kept {
					t.Errorf("got it retained %t, want %t", got, tt.kept)
				}
			})
		})
	}
}

// That a master has not recovered is known from
// its operator API, whatever the clocks say; and that it has.
func TestEmptyStateAndTheOperatorAPI(t *testing.T) {
	for _, tt := range []struct {
		what   string
		status int // of the API; 0: that of a master which has recovered
		since  time.Duration
		want   bool // believed
	}{
		{"not recovered", 503, 24 * time.Hour, false},
		{"recovered just now", 0, time.Second, true},
		{"no API, elected now", 404, time.Second, false},
		{"no API, elected long ago", 404, time.Hour, true},
		{"API not for us, elected now", 403, time.Second, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) { o.Source = Poll })
				m := b.master(first, sim.MasterOptions{})
				b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/api/v1" && tt.status != 0 {
						w.WriteHeader(tt.status)
						return
					}
					m.ServeHTTP(w, r)
				}))
				time.Sleep(tt.since)
				defer b.run()()
				time.Sleep(time.Second)
				if got := b.published() != nil; got != tt.want {
					t.Errorf("got it believed %t, want %t: %q", got, tt.want, messages(b.log, 4))
				}
			})
		})
	}
}

// A leader with another id at the same address is a
// failover like any other.
func TestMasterThatRestarts(t *testing.T) {
	id := ""
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id": "`+id+`", "pid": "master@`+r.Host+`", "leader": "master@`+r.Host+`", "slaves": [{"id": "S0"}]}`)
	}))
	w := New(options(at))
	w.owner = newOwner()
	for i, tt := range []struct {
		id        string
		failovers uint64
	}{{"a", 0}, {"a", 0}, {"b", 1}, {"b", 1}} {
		id = tt.id
		if err := w.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := w.Status(); s.Failovers != tt.failovers || s.LastFailover.IsZero() != (tt.failovers == 0) {
			t.Errorf("after state %d: got %+v, want %d failovers", i, s, tt.failovers)
		}
	}
}

func TestLeaderAloneIdentifiesTheLeadership(t *testing.T) {
	doc := mustDecode(t, []byte(`{"leader": "master@10.0.0.1:5050"}`))
	if want := (state.Leadership{PID: "10.0.0.1:5050"}); doc.Leadership != want {
		t.Errorf("got %+v, want %+v", doc.Leadership, want)
	}
}

// A full state that was under way for long undoes
// nothing of what the stream has told since.
func TestOldStateBesideAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream; o.Resync, o.Timeout = 70*time.Second, time.Minute })
		apps := b.populate(60)
		m := b.master(first, sim.MasterOptions{})
		aside := leader.Address{Host: "10.0.1.99", Port: 5050} // for those who want to know at once
		b.network.set(aside.String(), m)
		slow := atomic.Bool{}
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/master/state" && slow.Load() {
				w = &slowWriter{ResponseWriter: w, wait: 30 * time.Second}
			}
			m.ServeHTTP(w, r)
		}))
		defer b.run()()
		time.Sleep(time.Minute)
		slow.Store(true)
		resyncs := b.watcher.Status().Resyncs
		life := scenario.NewLife(b.cluster, apps, scenario.LifeOptions{Seed: 5})
		for step := 0; b.watcher.Status().Resyncs == resyncs; step++ {
			if step == 200 {
				t.Fatalf("after 100s: got no resync, want one: %q", messages(b.log, logrus.InfoLevel))
			}
			life.Step()
			time.Sleep(500 * time.Millisecond)
			wantLines(t, "all the time", b.published(), b.reported(aside))
			if t.Failed() {
				return
			}
		}
	})
}

// late waits before it answers, with what was to be said before.
type slowWriter struct {
	http.ResponseWriter
	wait time.Duration
}

func (l *slowWriter) Write(p []byte) (int, error) {
	time.Sleep(l.wait)
	l.wait = 0
	return l.ResponseWriter.Write(p)
}
