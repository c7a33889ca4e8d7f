package master

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promtest "github.com/prometheus/client_golang/prometheus/testutil"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/sim"
)

// A stream that has ended is no source, and an
// error is over when there is contact again.
func TestStatusTellsOfLostContact(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) { o.Source = source })
				b.populate(20)
				m := b.master(first, sim.MasterOptions{})
				defer b.run()()
				check := func(what string, wantSource Source, wantError bool) {
					t.Helper()
					synctest.Wait()
					if s := b.watcher.Status(); s.Source != wantSource || (s.LastError != "") != wantError || s.LastErrorAt.IsZero() == wantError {
						t.Errorf("%s: got source %d, error %q at %v; want source %d, an error %t", what, s.Source, s.LastError, s.LastErrorAt, wantSource, wantError)
					}
				}
				time.Sleep(time.Second)
				check("at first", source, false)
				b.network.set(first.String(), nil)
				m.BreakStreams()
				time.Sleep(2 * time.Minute)
				check("the master is dead", Auto, true)
				if n := b.logged("answering from what is known"); n == 0 || b.logged("no state of the cluster yet") > 0 {
					t.Errorf("got log %q, want that there is a state", messages(b.log, 4))
				}
				b.network.set(first.String(), m)
				time.Sleep(2 * time.Minute)
				check("it is back", source, false)
			})
		})
	}
}

func TestMetricsFollowTheConventions(t *testing.T) {
	w := New(options(m1))
	w.status.event(message{known: "TASK_ADDED"}, time.Now())
	w.status.event(message{kind: "\xff\xfe"}, time.Now())
	problems, err := promtest.CollectAndLint(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Bytes that are not UTF-8 are not
// valid in a label, also where the rest of the event is known.
func TestEventTypesOfOthersDoNotBreakMetrics(t *testing.T) {
	w := New(options(m1))
	for _, text := range []string{"{\"type\": \"\xff\"}", "{\"type\": \"\xff\", \"agent_removed\": {}}", `{"type": "` + strings.Repeat("X", 5000) + `"}`} {
		m, err := newEventDecoder().read(strings.NewReader(text))
		if err != nil && len(text) < maxKept {
			t.Errorf("%.40q: got %v, want an event", text, err)
		}
		w.status.event(m, time.Now())
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(w)
	if _, err := r.Gather(); err != nil {
		t.Errorf("gathering the metrics: got %v, want no error", err)
	}
	if got := w.Status().Events; got[unknownEvents] != 2 || got["AGENT_REMOVED"] != 1 {
		t.Errorf("got events %v, want 2 unknown ones and AGENT_REMOVED", got)
	}
}

// The order is that in which the masters were asked.
func TestReasonsAreLoggedOnceWhateverTheOrder(t *testing.T) {
	log, hook := logtest.NewNullLogger()
	r := report{log: log}
	a, b := errors.New("10.0.0.1:5050: dial: connection refused"), errors.New("10.0.0.2:5050: status 503")
	for range 3 {
		r.failed(errors.Join(a, b), true)
		r.failed(errors.Join(b, a), true)
		r.failed(a, true)
	}
	if got := len(hook.AllEntries()); got != 2 {
		t.Errorf("got %d lines, want 2: %q", got, messages(hook, 4))
	}
}

func TestLogLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("x", 1<<16)
		b := newTestbed(t, func(o *Options) { o.Source = Auto })
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/master/state":
				w.Write([]byte(`{"pid": "` + long + `", "leader": "m@10.0.0.1:5050", "slaves": [{"id": "` + long[:4000] + `", "pid": "` + long + `"}]}`))
			default:
				w.Header().Set("Location", "//"+long+":5050/x")
				w.WriteHeader(http.StatusTemporaryRedirect)
			}
		}))
		defer b.run()()
		time.Sleep(10 * time.Minute)
		for _, line := range messages(b.log, 5) {
			if len(line) > 2*maxLogText {
				t.Errorf("got a line of %d bytes: %.200q", len(line), line)
			}
		}
		if got := b.watcher.Status().LastError; len(got) > maxLogText+len("…") {
			t.Errorf("got an error of %d bytes in the status, want at most %d", len(got), maxLogText)
		}
	})
}
