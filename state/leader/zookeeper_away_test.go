package leader

import (
	"testing"
	"time"
)

func TestKnownMastersStayWhileZooKeeperIsUnavailable(t *testing.T) {
	e := elected(zk1, zk2, zk3)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2, zk3}, Timeout: 30 * time.Second}, func(r *running) {
		r.wantLog("names the leading master master=10.0.0.3:5050")
		r.wantChanged(true)
		r.sleep(time.Minute)
		for _, s := range []Address{zk1, zk2, zk3} {
			e.set(s, func(s *fakeServer) { s.away = true })
		}
		r.sleep(5 * time.Minute)
		const each = "dial: connection refused"
		r.wantLog(
			"warning: ZooKeeper is unavailable; keeping the known masters and trying again error=10.0.1.1:2181: "+each+"; 10.0.1.2:2181: "+each+"; 10.0.1.3:2181: "+each,
			"warning: ZooKeeper has named no leading master duration=30s error=10.0.1.1:2181: "+each)
		r.wantCandidates(m3, m2, m1)
		r.wantMasters(m1, m2, m3)
		r.wantChanged(false)
		// The master that answered last is likelier to lead than the one elected last.
		r.SetLeading(m2)
		r.wantCandidates(m2, m3, m1)
		if n := e.count(zk1); n > 150 {
			t.Errorf("a server was dialed %d times in five minutes, want at most 150", n)
		}

		e.remove("/mesos/json.info_0000000007")
		e.set(zk2, func(s *fakeServer) { s.away = false })
		r.sleep(maxBackoff)
		r.wantLog("names the leading master master=10.0.0.2:5050 server=10.0.1.2:2181")
		r.wantChanged(true)
		r.wantCandidates(m2, m1)
	})
}

func TestConfiguredMastersAreAskedWhenZooKeeperNeverAnswers(t *testing.T) {
	e := newEnsemble()
	o := ZooKeeperOptions{Masters: []Address{m1}, Timeout: 0}
	bubble(t, e, o, func(r *running) {
		r.wantCandidates(m1)
		select {
		case <-r.Synced():
		default:
			t.Error("Synced is not closed, so that nobody would be asked")
		}
		r.sleep(time.Hour)
		r.wantLog("ZooKeeper is unavailable; keeping the known masters and trying again error=10.0.1.1:2181: dial: connection refused") // and no timeout
	})
}

// What is left of an ensemble without a quorum gives no sessions.
func TestAnEnsembleWithoutAQuorumIsReported(t *testing.T) {
	e := elected(zk1, zk2, zk3)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2, zk3}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		r.sleep(time.Minute)
		e.set(zk1, func(s *fakeServer) { s.away = true })
		e.set(zk3, func(s *fakeServer) { s.away = true })
		e.set(zk2, func(s *fakeServer) { s.noQuorum = true })
		r.sleep(time.Minute)
		r.wantLog("10.0.1.2:2181: it closed the connection without giving a session: does the ensemble have a quorum?")
		r.wantCandidates(m3, m2, m1)
		e.set(zk1, func(s *fakeServer) { s.away = false })
		e.set(zk2, func(s *fakeServer) { s.noQuorum = false })
		r.sleep(maxBackoff)
		r.wantLog("names the leading master master=10.0.0.3:5050")
		r.wantChanged(false)
	})
}

func TestAServerThatStopsIsReplacedSilently(t *testing.T) {
	e := elected(zk1, zk2)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		r.sleep(time.Minute)
		for range 10 {
			for _, s := range []Address{zk1, zk2} {
				e.set(s, func(s *fakeServer) { s.away = true })
				e.set(s, func(s *fakeServer) { s.away = false })
				r.sleep(2 * time.Second)
			}
		}
		r.wantLog()
		e.remove("/mesos/json.info_0000000007")
		r.wait()
		r.wantChanged(true)
	})
}

func TestASilentServerIsGivenUpWithinASession(t *testing.T) {
	e := elected(zk1)
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2}}, func(r *running) {
		r.wantChanged(true)
		r.sleep(time.Minute)
		r.log.Reset()
		e.mu.Lock()
		e.servers[zk2.String()] = &fakeServer{conns: map[*fakeConn]bool{}}
		e.mu.Unlock()
		e.freeze(zk1)
		e.remove("/mesos/json.info_0000000007")
		r.sleep(sessionTimeout)
		r.wantChanged(true)
		r.wantLog("names the leading master master=10.0.0.2:5050 server=10.0.1.2:2181")
	})
}

func TestAServerThatNeverAnswersIsReported(t *testing.T) {
	e := elected(zk1)
	e.freeze(zk1)
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.sleep(2 * beginTimeout)
		r.wantLog("10.0.1.1:2181: no session within 4s")
	})
}

func TestRunEndsAtOnceWhateverItIsDoing(t *testing.T) {
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
		// It tries to say goodbye, for a second.
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

// One server is left, and loses its sessions now and then: that is no reason to
// report that all are unavailable.
func TestLostSessionsOfTheOnlyServerAreNotReported(t *testing.T) {
	e := elected(zk1, zk2)
	e.set(zk1, func(s *fakeServer) { s.away = true })
	bubble(t, e, ZooKeeperOptions{Servers: []Address{zk1, zk2}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		for range 10 {
			r.sleep(time.Minute)
			e.set(zk2, func(*fakeServer) {})
			r.wait()
		}
		r.wantLog()
		r.wantChanged(false)
	})
}
