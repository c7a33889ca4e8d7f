package leader

import (
	"strings"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	e := elected()
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		begin := time.Now()
		want := func(state string, since time.Duration, err string, at time.Duration) {
			t.Helper()
			s := r.Status()
			if s.State != state || s.Since.Sub(begin) != since || !strings.Contains(s.LastError, err) || (err == "") != s.LastErrorAt.IsZero() {
				t.Errorf("%+v, want %s since %v, %q", s, state, since, err)
			}
			if err != "" && s.LastErrorAt.Sub(begin) < at {
				t.Errorf("%q at %v", s.LastError, s.LastErrorAt.Sub(begin))
			}
		}
		want(StatusLeader, 0, "", 0)
		r.pass(time.Minute)
		e.set(zk1, func(s *fakeServer) { s.away = true })
		r.pass(time.Minute)
		want(StatusAway, time.Minute, "connection refused", time.Minute)
		e.set(zk1, func(s *fakeServer) { s.away = false })
		r.pass(time.Minute)
		// What was the matter is still told.
		if s := r.Status(); s.State != StatusLeader || !strings.Contains(s.LastError, "connection refused") {
			t.Errorf("%+v", s)
		}
		for _, n := range []string{"12", "09", "07"} {
			e.remove("/mesos/json.info_00000000" + n)
		}
		r.settle()
		want(StatusNobody, 3*time.Minute, "no master stands for election", 3*time.Minute)
	})
	bubble(t, newEnsemble(zk1), ZooKeeperOptions{}, func(r *running) {
		if s := r.Status(); s.State != StatusNoPath || s.LastError != "there is no /mesos" {
			t.Errorf("%+v", s)
		}
	})
	if s := NewZooKeeper(ZooKeeperOptions{Servers: []Address{zk1}}).Status(); s.State != StatusStarting || s.LastError != "" {
		t.Errorf("%+v", s)
	}
}
