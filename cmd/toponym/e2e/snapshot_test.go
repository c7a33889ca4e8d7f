//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// restart starts a server on the ports of one that has ended.
func (s *server) restart(t *testing.T, m *master, more settings) *server {
	t.Helper()
	next := &server{port: s.port, url: s.url}
	next.process = start(t, toponym, "-config", configFile(t, m, next, more))
	return next
}

// serveWithSnapshot starts a server and waits until it has written a snapshot.
func serveWithSnapshot(t *testing.T, m *master, more settings) *server {
	t.Helper()
	s := serve(t, m, more)
	file := filepath.Join(more["stateDir"].(string), "cluster.snapshot")
	eventually(t, "there is a snapshot", func() (bool, string) {
		_, err := os.Stat(file)
		return err == nil, fmt.Sprint(err)
	})
	return s
}

// firstResponse returns the first response that a client gets from a server
// that starts.
func (s *server) firstResponse(t *testing.T, name string) (r *dns.Msg) {
	t.Helper()
	c := dns.Client{Timeout: oneTry}
	began := time.Now()
	eventually(t, "a first response", func() (bool, string) {
		var err error
		r, _, err = c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), s.addr())
		return err == nil, fmt.Sprint(err)
	})
	t.Logf("first response %v after the start: %s", time.Since(began).Round(time.Millisecond), dns.RcodeToString[r.Rcode])
	return r
}

func addressesIn(r *dns.Msg) (all []string) {
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.A); ok {
			all = append(all, a.A.String())
		}
	}
	slices.Sort(all)
	return all
}

// status is what /v1/status shows.
type status struct {
	Ready    bool
	Source   string
	Leader   *string
	StateAge *float64 `json:"state_age_seconds"`
	Serial   *uint32
	Tasks    int
	Error    *struct {
		Text string
		Time time.Time
	} `json:"last_error"`
	Snapshot *struct {
		Age   float64 `json:"age_seconds"`
		Bytes int64
	}
}

func (s *server) status(t *testing.T) status {
	t.Helper()
	code, body, err := s.get("/v1/status")
	var st status
	if err == nil {
		err = json.Unmarshal([]byte(body), &st)
	}
	if err != nil || code != http.StatusOK {
		t.Fatalf("/v1/status: %d, %v\n%s", code, err, body)
	}
	return st
}

// A server that is killed and started again while no master answers gives the
// right answer from its first response on.
func TestSnapshotServesWhileTheMasterIsAway(t *testing.T) {
	t.Parallel()
	more := settings{"stateDir": filepath.Join(t.TempDir(), "state")}
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := serveWithSnapshot(t, m, more)
	serial := s.serial(t)
	s.kill(t)
	m.stop()

	s = s.restart(t, m, more)
	r := s.firstResponse(t, "web.marathon.mesos.")
	want := []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
	if got := addressesIn(r); !slices.Equal(got, want) || !r.Authoritative {
		t.Errorf("first response: got\n%v\nwant an authoritative one with %v", r, want)
	}
	s.waitReady(t)
	st := s.status(t)
	if st.Source != "snapshot" || st.StateAge == nil || st.Snapshot == nil || st.Snapshot.Bytes == 0 || st.Leader == nil {
		t.Errorf("status: got %+v, want source snapshot with its age and size", st)
	}
	if n := s.serial(t); n < serial {
		t.Errorf("serial after the restart: got %d, want at least %d", n, serial)
	}
	eventually(t, "the status names the error", func() (bool, string) {
		e := s.status(t).Error
		return e != nil && strings.Contains(e.Text, "connection refused"), fmt.Sprintf("%+v", e)
	})

	// The state of the master replaces that of the snapshot.
	c.end(t, "web", 0)
	m.start(t)
	eventually(t, "the state of the master", func() (bool, string) {
		got, err := s.addresses("web.marathon.mesos")
		return slices.Equal(got, want[1:]) && s.status(t).Source != "snapshot", fmt.Sprint(got, err)
	})
}

// A server that is stopped writes its latest state.
func TestSnapshotIsWrittenAtStop(t *testing.T) {
	t.Parallel()
	more := settings{"stateDir": t.TempDir(), "snapshotSeconds": 3600}
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := serveWithSnapshot(t, m, more)
	c.end(t, "web", 0)
	wantChange(t, s, "10.1.0.2", "10.1.0.3")
	s.terminate(t)
	if code := s.wait(t); code != 0 {
		t.Fatalf("exit status: got %d, want 0", code)
	}
	m.stop()
	r := s.restart(t, m, more).firstResponse(t, "web.marathon.mesos.")
	if got, want := addressesIn(r), []string{"10.1.0.2", "10.1.0.3"}; !slices.Equal(got, want) {
		t.Errorf("first response after the restart: got %v, want %v", got, want)
	}
}

func TestDamagedSnapshotIsMovedAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	more := settings{"stateDir": dir}
	m := newMaster(t, example(t).Cluster)
	s := serveWithSnapshot(t, m, more)
	s.kill(t)
	m.stop()
	file := filepath.Join(dir, "cluster.snapshot")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}

	s = s.restart(t, m, more)
	// Without a state a missing name proves nothing: no NXDOMAIN.
	if r := s.firstResponse(t, "web.marathon.mesos."); r.Rcode != dns.RcodeServerFailure {
		t.Errorf("first response: got %s, want SERVFAIL", dns.RcodeToString[r.Rcode])
	}
	eventually(t, "the snapshot is moved aside, and the log names the new file", func() (bool, string) {
		aside, err := filepath.Glob(file + ".damaged-*")
		log := s.stderr.String()
		return err == nil && len(aside) == 1 && strings.Contains(log, aside[0]), fmt.Sprint(aside, err, log)
	})
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged file: got %v, want it moved away", err)
	}
	m.start(t)
	s.waitReady(t)
	s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
}

// A server that is started again while a new leader waits for its agents keeps
// the names that this leader does not report yet.
func TestSnapshotSurvivesAFailover(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"stream", "poll"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			more := settings{"stateDir": t.TempDir(), "stateSource": source}
			c := example(t)
			m := newMaster(t, c.Cluster)
			s := serveWithSnapshot(t, m, more)
			s.kill(t)
			c.Failover()

			s = s.restart(t, m, more)
			want := []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
			if got := addressesIn(s.firstResponse(t, "web.marathon.mesos.")); !slices.Equal(got, want) {
				t.Errorf("first response: got %v, want %v", got, want)
			}
			eventually(t, "the new leader's state is read", func() (bool, string) {
				s.wantAddresses(t, "web.marathon.mesos", want...)
				st := s.status(t)
				return st.Source == source, fmt.Sprintf("%+v", st)
			})
			for _, agent := range c.agents[:2] {
				if err := c.Reregister(agent); err != nil {
					t.Fatal(err)
				}
				s.wantAddresses(t, "web.marathon.mesos", want...)
			}
			// A task that the leader reports as ended is gone.
			c.end(t, "web", 0)
			wantChange(t, s, "10.1.0.2", "10.1.0.3")
		})
	}
}
