//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// slack is what a slow machine may take on top of the times that are promised.
const slack = 2 * time.Second

// Before the first state names are not known to be absent: nobody may hear
// NXDOMAIN.
func TestBeforeFirstState(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	c := example(t)
	m := newMaster(t, c.Cluster)
	m.stop()
	s := launch(t, m, settings{"ReverseDnsOn": true})
	eventually(t, patience, "HTTP answers", func() (bool, string) {
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

func TestMasterGoesAndReturns(t *testing.T) {
	t.Parallel()
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := serve(t, m, nil)
	before := []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
	s.wantAddresses(t, "web.marathon.mesos", before...)
	serial := s.serial(t)

	m.stop()
	eventually(t, patience, "the log says that the master is away", func() (bool, string) {
		s.wantAddresses(t, "web.marathon.mesos", before...)
		return strings.Contains(s.stderr.String(), "connection refused"), "it does not"
	})
	if n := s.serial(t); n != serial {
		t.Errorf("the serial went from %d to %d while nothing changed", serial, n)
	}

	c.end(t, "web", 0)
	c.start(t, 3, networkTask("web", 8080, "10.1.0.4"))
	m.start(t)
	wantChange(t, s, "10.1.0.2", "10.1.0.3", "10.1.0.4")
	if n := s.serial(t); n <= serial {
		t.Errorf("the serial went from %d to %d with the change", serial, n)
	}
}

// wantChange expects the addresses of the app web within two readings.
func wantChange(t *testing.T, s *server, want ...string) {
	t.Helper()
	eventually(t, 2*refresh+slack, "the new addresses", func() (bool, string) {
		got, err := s.addresses("web.marathon.mesos")
		return slices.Equal(got, want), fmt.Sprint(got, err)
	})
}

// Starting, ending and moving: what clients see follows.
func TestChangesAreSeen(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	for _, source := range []string{"stream", "poll"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			changesAreSeen(t, settings{"stateSource": source, "resyncSeconds": 1})
		})
	}
}

func changesAreSeen(t *testing.T, how settings) {
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := serve(t, m, how)

	if got := ask(t, s.port, "dig late.marathon.mesos A"); got.status != "NXDOMAIN" {
		t.Fatalf("%s before the app starts, want NXDOMAIN", got.status)
	}
	c.app(t, "late", 1, "10.1.9.1", 80)
	eventually(t, 2*refresh+slack, "the app is there", func() (bool, string) {
		got := ask(t, s.port, "dig late.marathon.mesos A")
		return slices.Equal(data(got.answer), []string{"10.1.9.1"}), fmt.Sprint(got.status, got.answer)
	})
	c.end(t, "late", 0)
	eventually(t, 2*refresh+slack, "the app is gone, and with it all of its names", func() (bool, string) {
		var statuses []string
		for _, name := range []string{"late.marathon.mesos", "late.marathon.slave.mesos", "_late._tcp.marathon.mesos", "_tcp.late.marathon.mesos"} {
			statuses = append(statuses, ask(t, s.port, "dig "+name+" ANY +notcp").status)
		}
		return slices.Equal(statuses, slices.Repeat([]string{"NXDOMAIN"}, 4)), fmt.Sprint(statuses)
	})

	// Readings that find nothing new leave the serial alone.
	serial := s.serial(t)
	m.show(c.Cluster) // counts readings from here
	eventually(t, patience, "three readings", func() (bool, string) {
		return m.readings() >= 3, fmt.Sprintf("%d", m.readings())
	})
	if n := s.serial(t); n != serial {
		t.Errorf("the serial went from %d to %d while nothing changed", serial, n)
	}
}
