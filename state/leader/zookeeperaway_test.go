package leader

import (
	"testing"
	"time"
)

func TestAllServersAway(t *testing.T) {
	e := elected(zk1, zk2, zk3)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2, zk3}, Timeout: 30 * time.Second}, func(r *running) {
		r.wantLog("the leading master is 10.0.0.3:5050")
		r.wantChanged(true)
		r.pass(time.Minute)
		for _, s := range []Address{zk1, zk2, zk3} {
			e.set(s, func(s *fakeServer) { s.away = true })
		}
		r.pass(5 * time.Minute)
		const each = "dial: connection refused"
		r.wantLog(
			"warning: ZooKeeper cannot be used: 10.0.1.1:2181: "+each+"; 10.0.1.2:2181: "+each+"; 10.0.1.3:2181: "+each+"; the masters that are known stay",
			"warning: no leading master was seen in ZooKeeper for 30s (zkDetectionTimeout): 10.0.1.1:2181: "+each)
		r.wantCandidates(m3, m2, m1)
		r.wantMasters(m1, m2, m3)
		r.wantChanged(false)
		// Who answered last is likelier to lead than who was elected last.
		r.SetLeading(m2)
		r.wantCandidates(m2, m3, m1)
		if n := e.count(zk1); n > 150 {
			t.Errorf("asked %d times in five minutes", n)
		}

		e.remove("/mesos/json.info_0000000007")
		e.set(zk2, func(s *fakeServer) { s.away = false })
		r.pass(maxBackoff)
		r.wantLog("info: ZooKeeper at 10.0.1.2:2181: the leading master is 10.0.0.2:5050")
		r.wantChanged(true)
		r.wantCandidates(m2, m1)
	})
}

func TestAwayFromTheBeginning(t *testing.T) {
	e := newEnsemble()
	o := ZooKeeperOptions{Masters: []Address{m1}, Timeout: 0}
	bubble(t, e, o, func(r *running) {
		r.wantCandidates(m1)
		select {
		case <-r.Synced():
		default:
			t.Error("nobody would be asked")
		}
		r.pass(time.Hour)
		r.wantLog("ZooKeeper cannot be used: 10.0.1.1:2181: dial: connection refused") // and no timeout
	})
}

// TestOneOfThree: what is left of an ensemble without a quorum gives no
// sessions.
func TestOneOfThree(t *testing.T) {
	e := elected(zk1, zk2, zk3)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2, zk3}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		r.pass(time.Minute)
		e.set(zk1, func(s *fakeServer) { s.away = true })
		e.set(zk3, func(s *fakeServer) { s.away = true })
		e.set(zk2, func(s *fakeServer) { s.noQuorum = true })
		r.pass(time.Minute)
		r.wantLog("10.0.1.2:2181: it closed the connection without giving a session: has the ensemble a quorum?")
		r.wantCandidates(m3, m2, m1)
		e.set(zk1, func(s *fakeServer) { s.away = false })
		e.set(zk2, func(s *fakeServer) { s.noQuorum = false })
		r.pass(maxBackoff)
		r.wantLog("the leading master is 10.0.0.3:5050")
		r.wantChanged(false)
	})
}

// TestAnotherServerAtOnce: a server that ends is replaced by the next, and
// nobody need know.
func TestAnotherServerAtOnce(t *testing.T) {
	e := elected(zk1, zk2)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		r.pass(time.Minute)
		for range 10 {
			for _, s := range []Address{zk1, zk2} {
				e.set(s, func(s *fakeServer) { s.away = true })
				e.set(s, func(s *fakeServer) { s.away = false })
				r.pass(2 * time.Second)
			}
		}
		r.wantLog()
		e.remove("/mesos/json.info_0000000007")
		r.settle()
		r.wantChanged(true)
	})
}

// TestFrozenServer: one that falls silent is given up.
func TestFrozenServer(t *testing.T) {
	e := elected(zk1)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2}}, func(r *running) {
		r.wantChanged(true)
		r.pass(time.Minute)
		r.log.Reset()
		e.mu.Lock()
		e.servers[zk2.String()] = &fakeServer{conns: map[*fakeConn]bool{}}
		e.mu.Unlock()
		e.freeze(zk1)
		e.remove("/mesos/json.info_0000000007")
		r.pass(sessionTimeout)
		r.wantChanged(true)
		r.wantLog("ZooKeeper at 10.0.1.2:2181: the leading master is 10.0.0.2:5050")
	})
}

func TestFrozenFromTheBeginning(t *testing.T) {
	e := elected(zk1)
	e.freeze(zk1)
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.pass(2 * beginTimeout)
		r.wantLog("10.0.1.1:2181: no session within 4s")
	})
}

// TestEndOfRun is soon and leaves nothing behind, whatever it is doing.
func TestEndOfRun(t *testing.T) {
	server := func(change func(*fakeServer)) func(*ensemble) {
		return func(e *ensemble) { change(e.servers[zk1.String()]) }
	}
	greeting := framed(packer{}.int32(0).int32(6000).int64(1).text("0123456789abcdef"))
	tests := []struct {
		what    string
		prepare func(*ensemble)
		most    time.Duration
	}{
		{"following", func(*ensemble) {}, 0},
		{"waiting to try again", server(func(s *fakeServer) { s.away = true }), 0},
		{"waiting for a session", server(func(s *fakeServer) { s.frozen = true }), 0},
		{"waiting for a path", func(e *ensemble) { clear(e.nodes) }, 0},
		// It tries to take its leave, for a second.
		{"waiting for an answer", server(func(s *fakeServer) { s.raw = greeting }), time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			e := elected(zk1)
			tt.prepare(e)
			bubble(t, e, ZooKeeperOptions{User: "u", Password: "p"}, func(r *running) {
				begin := time.Now()
				r.cancel()
				if err := <-r.ended; err != nil || time.Since(begin) > tt.most {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
				r.ended <- nil
			})
		})
	}
}

// TestOneServerIsLeft, and loses its sessions now and then: that is no reason
// to say that all are away.
func TestOneServerIsLeft(t *testing.T) {
	e := elected(zk1, zk2)
	e.set(zk1, func(s *fakeServer) { s.away = true })
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		for range 10 {
			r.pass(time.Minute)
			e.set(zk2, func(*fakeServer) {})
			r.settle()
		}
		r.wantLog()
		r.wantChanged(false)
	})
}
