package leader

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	promtest "github.com/prometheus/client_golang/prometheus/testutil"
)

func TestStatusFollowsTheElectionAndKeepsTheLastError(t *testing.T) {
	e := elected()
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		begin := time.Now()
		want := func(state string, since time.Duration, err string, at time.Duration) {
			t.Helper()
			s := r.Status()
			if s.State != state || s.Since.Sub(begin) != since {
				t.Errorf("got %s since %v, want %s since %v", s.State, s.Since.Sub(begin), state, since)
			}
			switch f := s.LastError; {
			case err == "" && f != nil:
				t.Errorf("got error %+v, want none", *f)
			case err == "":
			case f == nil:
				t.Errorf("got no error, want %q", err)
			case !strings.Contains(f.Text, err) || f.Time.Sub(begin) < at:
				t.Errorf("got error %q at %v, want %q at %v or later", f.Text, f.Time.Sub(begin), err, at)
			}
		}
		want(StatusLeader, 0, "", 0)
		r.sleep(time.Minute)
		e.set(zk1, func(s *fakeServer) { s.away = true })
		r.sleep(time.Minute)
		want(StatusAway, time.Minute, "connection refused", time.Minute)
		e.set(zk1, func(s *fakeServer) { s.away = false })
		r.sleep(time.Minute)
		if s := r.Status(); s.State != StatusLeader || s.LastError == nil || !strings.Contains(s.LastError.Text, "connection refused") {
			t.Errorf("got %+v, want state %s and the last error", s, StatusLeader)
		}
		for _, n := range []string{"12", "09", "07"} {
			e.remove("/mesos/json.info_00000000" + n)
		}
		r.wait()
		want(StatusNobody, 3*time.Minute, "no master takes part in the election", 3*time.Minute)
	})
	bubble(t, newEnsemble(zk1), ZooKeeperOptions{}, func(r *running) {
		if s := r.Status(); s.State != StatusNoPath || s.LastError == nil || s.LastError.Text != "there is no /mesos" {
			t.Errorf("got %+v, want state %s and its error", s, StatusNoPath)
		}
	})
	if s := NewZooKeeper(ZooKeeperOptions{Servers: []Address{zk1}}).Status(); s.State != StatusStarting || s.LastError != nil {
		t.Errorf("got %+v, want state %s without an error", s, StatusStarting)
	}
}

func TestMetricsShowTheStateOfZooKeeper(t *testing.T) {
	bubble(t, elected(), ZooKeeperOptions{}, func(r *running) {
		want := `
			# HELP toponym_zookeeper_state State of the connection to ZooKeeper: 1 for the state that it is in, 0 for the others.
			# TYPE toponym_zookeeper_state gauge
			toponym_zookeeper_state{state="away"} 0
			toponym_zookeeper_state{state="leader"} 1
			toponym_zookeeper_state{state="no-leader"} 0
			toponym_zookeeper_state{state="no-path"} 0
			toponym_zookeeper_state{state="starting"} 0
		`
		if err := promtest.CollectAndCompare(r.ZooKeeper, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
}

func TestStatusIsShownAsOperatorsReadIt(t *testing.T) {
	at := time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC)
	for want, s := range map[string]Status{
		`{"state":"leader","since":"2026-11-28T01:02:03Z","last_error":null}`: {State: StatusLeader, Since: at},
		`{"state":"away","since":"2026-11-28T01:02:03Z","last_error":{"text":"why","time":"2026-11-28T01:02:03Z"}}`: {
			State: StatusAway, Since: at, LastError: &Failure{"why", at}},
	} {
		if got, err := json.Marshal(s); err != nil || string(got) != want {
			t.Errorf("got %s, error %v, want %s", got, err, want)
		}
	}
}
