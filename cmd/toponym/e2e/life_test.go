//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Before the first state a missing name proves nothing, so the answer is
// SERVFAIL and not NXDOMAIN.
func TestServfailBeforeFirstState(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	c := example(t)
	m := newMaster(t, c.Cluster)
	m.stop()
	s := launch(t, m, settings{"ReverseDnsOn": true})
	eventually(t, "HTTP answers", func() (bool, string) {
		status, _, err := s.get("/healthz")
		return status == http.StatusOK, fmt.Sprint(status, err)
	})
	for _, question := range []string{"web.marathon.mesos A", "nope.mesos A", "mesos SOA", "-x 10.1.0.2"} {
		if got := ask(t, s.port, "dig "+question); got.status != "SERVFAIL" || got.flag("aa") {
			t.Errorf("%s: %s with flags %v, want SERVFAIL", question, got.status, got.flags)
		}
	}
	if status, _, err := s.get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: status %d, error %v; want 503", status, err)
	}

	m.start(t)
	s.waitReady(t)
	s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
}

// settledSerial returns the serial after the first full state has been read. An
// event stream starts without the ports of the schedulers, which only the full
// state has.
func (s *server) settledSerial(t *testing.T) uint32 {
	t.Helper()
	eventually(t, "the scheduler has an SRV record", func() (bool, string) {
		got := ask(t, s.port, "dig _framework._tcp.marathon.mesos SRV")
		return len(got.answer) == 1, got.status
	})
	return s.serial(t)
}

func TestNamesStayWhileTheMasterIsAway(t *testing.T) {
	t.Parallel()
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := serve(t, m, nil)
	before := []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
	s.wantAddresses(t, "web.marathon.mesos", before...)
	serial := s.settledSerial(t)

	m.stop()
	eventually(t, `the log says "connection refused"`, func() (bool, string) {
		s.wantAddresses(t, "web.marathon.mesos", before...)
		return strings.Contains(s.stderr.String(), "connection refused"), "a log without it"
	})
	if n := s.serial(t); n != serial {
		t.Errorf("serial after nothing changed: got %d, want %d", n, serial)
	}

	c.end(t, "web", 0)
	c.start(t, 3, networkTask("web", 8080, "10.1.0.4"))
	m.start(t)
	wantChange(t, s, "10.1.0.2", "10.1.0.3", "10.1.0.4")
	if n := s.serial(t); n <= serial {
		t.Errorf("serial after a change: got %d, want more than %d", n, serial)
	}
}

// wantChange waits until the app web has these addresses.
func wantChange(t *testing.T, s *server, want ...string) {
	t.Helper()
	eventually(t, "the new addresses", func() (bool, string) {
		got, err := s.addresses("web.marathon.mesos")
		return slices.Equal(got, want), fmt.Sprint(got, err)
	})
}

// Answers follow tasks that start and end.
func TestAnswersFollowTheCluster(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	for _, source := range []string{"stream", "poll"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			answersFollowTheCluster(t, settings{"stateSource": source, "resyncSeconds": 1})
		})
	}
}

func answersFollowTheCluster(t *testing.T, how settings) {
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := serve(t, m, how)

	if got := ask(t, s.port, "dig late.marathon.mesos A"); got.status != "NXDOMAIN" {
		t.Fatalf("before the app starts: got %s, want NXDOMAIN", got.status)
	}
	c.app(t, "late", 1, "10.1.9.1", 80)
	eventually(t, "the app is there", func() (bool, string) {
		got := ask(t, s.port, "dig late.marathon.mesos A")
		return slices.Equal(data(got.answer), []string{"10.1.9.1"}), fmt.Sprint(got.status, got.answer)
	})
	c.end(t, "late", 0)
	eventually(t, "the app is gone, and with it all of its names", func() (bool, string) {
		var statuses []string
		for _, name := range []string{"late.marathon.mesos", "late.marathon.slave.mesos", "_late._tcp.marathon.mesos", "_tcp.late.marathon.mesos"} {
			statuses = append(statuses, ask(t, s.port, "dig "+name+" ANY +notcp").status)
		}
		return slices.Equal(statuses, slices.Repeat([]string{"NXDOMAIN"}, 4)), fmt.Sprint(statuses)
	})

	// Polls that find nothing new do not change the serial.
	serial := s.settledSerial(t)
	m.show(c.Cluster) // resets the count of polls
	eventually(t, "three polls", func() (bool, string) {
		return m.polls() >= 3, fmt.Sprint(m.polls())
	})
	if n := s.serial(t); n != serial {
		t.Errorf("serial after nothing changed: got %d, want %d", n, serial)
	}
}
