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

// again starts a server on the ports of one that has ended.
func (s *server) again(t *testing.T, m *master, more settings) *server {
	t.Helper()
	next := &server{port: s.port, url: s.url}
	next.process = start(t, toponym, "-config", configFile(t, m, next, more))
	return next
}

// keeping is a server that has written its snapshot.
func keeping(t *testing.T, m *master, more settings) *server {
	t.Helper()
	s := serve(t, m, more)
	file := filepath.Join(more["stateDir"].(string), "cluster.snapshot")
	eventually(t, patience, "there is a snapshot", func() (bool, string) {
		_, err := os.Stat(file)
		return err == nil, fmt.Sprint(err)
	})
	return s
}

// firstReply is the first that anybody gets from a server that starts, and when.
func (s *server) firstReply(t *testing.T, name string) (*dns.Msg, time.Duration) {
	t.Helper()
	c := dns.Client{Timeout: patience}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Millisecond) {
		r, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), s.addr())
		if err == nil {
			return r, time.Since(began)
		}
	}
	t.Fatal("no reply")
	return nil, 0
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

// A process that is killed and comes back while no master answers gives the
// right answer from the first one on, within a second.
func TestKilledWhileTheMasterIsAway(t *testing.T) {
	t.Parallel()
	more := settings{"stateDir": filepath.Join(t.TempDir(), "state")}
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := keeping(t, m, more)
	serial := s.serial(t)
	s.kill(t)
	m.stop()

	s = s.again(t, m, more)
	r, took := s.firstReply(t, "web.marathon.mesos.")
	want := []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
	if got := addressesIn(r); !slices.Equal(got, want) || !r.Authoritative {
		t.Errorf("the first reply is\n%v", r)
	}
	if took > time.Second {
		t.Errorf("it took %v", took)
	}
	s.waitReady(t)
	st := s.status(t)
	if st.Source != "snapshot" || st.StateAge == nil || st.Snapshot == nil || st.Snapshot.Bytes == 0 || st.Leader == nil {
		t.Errorf("status %+v", st)
	}
	if n := s.serial(t); n < serial {
		t.Errorf("the serial went from %d to %d", serial, n)
	}
	eventually(t, patience, "the status names the error", func() (bool, string) {
		e := s.status(t).Error
		return e != nil && strings.Contains(e.Text, "connection refused") && time.Since(e.Time) < patience, fmt.Sprintf("%+v", e)
	})

	// What the master says when it is back replaces what was remembered.
	c.end(t, "web", 0)
	m.start(t)
	eventually(t, patience, "the state of the master", func() (bool, string) {
		got, err := s.addresses("web.marathon.mesos")
		return slices.Equal(got, want[1:]) && s.status(t).Source != "snapshot", fmt.Sprint(got, err)
	})
}

// A server that is stopped leaves what it knew last.
func TestSnapshotAtStop(t *testing.T) {
	t.Parallel()
	more := settings{"stateDir": t.TempDir(), "snapshotSeconds": 3600}
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := keeping(t, m, more)
	c.end(t, "web", 0)
	wantChange(t, s, "10.1.0.2", "10.1.0.3")
	s.terminate(t)
	if code := s.wait(t, patience); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	m.stop()
	r, _ := s.again(t, m, more).firstReply(t, "web.marathon.mesos.")
	if got := addressesIn(r); !slices.Equal(got, []string{"10.1.0.2", "10.1.0.3"}) {
		t.Errorf("%v", r)
	}
}

func TestDamagedSnapshot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	more := settings{"stateDir": dir}
	m := newMaster(t, example(t).Cluster)
	s := keeping(t, m, more)
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

	s = s.again(t, m, more)
	// Nothing is known: that is no reason to say that a name does not exist.
	if r, _ := s.firstReply(t, "web.marathon.mesos."); r.Rcode != dns.RcodeServerFailure {
		t.Errorf("the first reply is\n%v", r)
	}
	aside, err := filepath.Glob(file + ".damaged-*")
	if err != nil || len(aside) != 1 || !strings.Contains(s.stderr.String(), aside[0]) {
		t.Errorf("moved aside: %v; the log:\n%s", aside, s.stderr.String())
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	m.start(t)
	s.waitReady(t)
	s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
}

// A process that comes back beside a leader that was elected only now takes
// nothing away that this one leaves out: its agents have not come back yet.
func TestKilledBesideANewLeader(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"stream", "poll"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			more := settings{"stateDir": t.TempDir(), "stateSource": source}
			c := example(t)
			m := newMaster(t, c.Cluster)
			s := keeping(t, m, more)
			s.kill(t)
			c.Failover()

			s = s.again(t, m, more)
			want := []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
			if r, _ := s.firstReply(t, "web.marathon.mesos."); !slices.Equal(addressesIn(r), want) {
				t.Errorf("the first reply is\n%v", r)
			}
			eventually(t, patience, "the new leader is heard", func() (bool, string) {
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
			// What the leader takes away by itself is gone.
			c.end(t, "web", 0)
			wantChange(t, s, "10.1.0.2", "10.1.0.3")
		})
	}
}
