//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"toponym/sim"
)

// badAnswers are responses of a master, or of a proxy in front of it, that must
// not change any name. Each function gets the valid state as well.
var badAnswers = []struct {
	name   string
	log    string // what the log must say
	answer func(w http.ResponseWriter, r *http.Request, good string)
}{
	{"a state that breaks off with the connection", "cut off", func(w http.ResponseWriter, _ *http.Request, good string) {
		w.Header().Set("Content-Length", strconv.Itoa(len(good)))
		_, _ = io.WriteString(w, good[:len(good)/2])
	}},
	{"a state that is cut off and looks whole", "cut off", func(w http.ResponseWriter, _ *http.Request, good string) {
		_, _ = io.WriteString(w, good[:len(good)*3/4])
	}},
	{"all but the last brace", "cut off", func(w http.ResponseWriter, _ *http.Request, good string) {
		_, _ = io.WriteString(w, strings.TrimSuffix(strings.TrimSpace(good), "}"))
	}},
	{"more after the state", "more follows", func(w http.ResponseWriter, _ *http.Request, good string) {
		_, _ = io.WriteString(w, good+`{"again":1}`)
	}},
	{"an HTML page", "", func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body><h1>Welcome to nginx!</h1></body></html>")
	}},
	{"an empty body", "cut off", func(w http.ResponseWriter, _ *http.Request, _ string) {}},
	{"null", "not an object", func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = io.WriteString(w, "null") }},
	{"a list", "not an object", func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = io.WriteString(w, "[]") }},
	{"a standby that knows no leader", "No leader", func(w http.ResponseWriter, r *http.Request, _ string) {
		standby := sim.NewMaster(sim.NewCluster(sim.Options{}), sim.MasterOptions{})
		standby.SetLeader("")
		standby.ServeHTTP(w, r)
	}},
	{"an object without a leader", "", func(w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = io.WriteString(w, "{}")
	}},
	{"503", "status 503", func(w http.ResponseWriter, _ *http.Request, _ string) {
		http.Error(w, "no healthy upstream", http.StatusServiceUnavailable)
	}},
	{"503 with a text that differs each time", "status 503", func(w http.ResponseWriter, _ *http.Request, _ string) {
		http.Error(w, fmt.Sprintf("upstream down, request id %016x", rand.Uint64()), http.StatusServiceUnavailable)
	}},
	{"a good state with status 503", "status 503", func(w http.ResponseWriter, _ *http.Request, good string) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "\n"+strings.ReplaceAll(good, "10.1.0.1", "10.1.0.99"))
	}},
	{"500", "status 500", func(w http.ResponseWriter, _ *http.Request, _ string) {
		http.Error(w, "out of luck", http.StatusInternalServerError)
	}},
	{"404", "status 404", func(w http.ResponseWriter, r *http.Request, _ string) { http.NotFound(w, r) }},
	{"401", "mesosAuthentication", func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("WWW-Authenticate", `Basic realm="mesos-master-readonly"`)
		w.WriteHeader(http.StatusUnauthorized)
	}},
	{"a redirect to itself", "", func(w http.ResponseWriter, r *http.Request, _ string) {
		http.Redirect(w, r, "//"+r.Host+r.URL.Path, http.StatusTemporaryRedirect)
	}},
	{"a connection that closes", "", func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) }},
	{"an answer that never ends", "", func(w http.ResponseWriter, r *http.Request, _ string) {
		_, _ = io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}},
	{"an answer that trickles", "", func(w http.ResponseWriter, r *http.Request, good string) {
		for i := range good {
			if _, err := io.WriteString(w, good[i:i+1]); err != nil || r.Context().Err() != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	}},
	{"more than stateMaxBytes", "stateMaxBytes", func(w http.ResponseWriter, _ *http.Request, good string) {
		_, _ = io.WriteString(w, strings.Repeat(" ", 2<<20)+good)
	}},
	{"Content-Encoding gzip with an uncompressed body", "", func(w http.ResponseWriter, _ *http.Request, good string) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, good)
	}},
}

func TestBadAnswersChangeNothing(t *testing.T) {
	t.Parallel()
	for _, bad := range badAnswers {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			c := example(t)
			m := newMaster(t, c.Cluster)
			s := serve(t, m, settings{"stateSource": "poll", "stateTimeoutSeconds": 2, "stateMaxBytes": 2 << 20})
			serial, known := s.serial(t), len(s.stderr.String())

			m.answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				bad.answer(w, r, stateOf(c.Cluster, m))
			}))
			// When the third poll begins, the second is over.
			eventually(t, "three polls", func() (bool, string) {
				return m.polls() >= 3, fmt.Sprint(m.polls())
			})
			s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
			if n := s.serial(t); n != serial {
				t.Errorf("serial: got %d, want %d", n, serial)
			}
			log := s.stderr.String()[known:]
			if !strings.Contains(log, bad.log) {
				t.Errorf("log: want %q in it, got\n%s", bad.log, log)
			}
			if n := strings.Count(log, "no contact with the leading master"); n != 1 {
				t.Errorf("warnings for polls that failed for the same reason: got %d, want 1:\n%s", n, log)
			}

			c.end(t, "web", 2)
			m.show(c.Cluster)
			wantChange(t, s, "10.1.0.1", "10.1.0.2")
		})
	}
}

// stateOf is what a good master answers.
func stateOf(c *sim.Cluster, m *master) string {
	w := httptest.NewRecorder()
	sim.NewMaster(c, sim.MasterOptions{Addr: m.addr}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/master/state", nil))
	return w.Body.String()
}
