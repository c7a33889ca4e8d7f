package leader

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

var (
	zk1, zk2, zk3 = addr("10.0.1.1:2181"), addr("10.0.1.2:2181"), addr("10.0.1.3:2181")
	m1, m2, m3    = addr("10.0.0.1:5050"), addr("10.0.0.2:5050"), addr("10.0.0.3:5050")
)

// running is a detector that runs in a bubble in front of an ensemble.
type running struct {
	*ZooKeeper
	t      *testing.T
	zk     *ensemble
	log    *logtest.Hook
	ended  chan error
	cancel context.CancelFunc
}

// bubble runs a test with a detector in front of an ensemble. All that the
// detector began must have ended when it is over, or the bubble says so.
func bubble(t *testing.T, e *ensemble, o ZooKeeperOptions, test func(*running)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		logger, hook := logtest.NewNullLogger()
		logger.SetLevel(logrus.DebugLevel)
		o.Log = logger
		if o.Servers == nil {
			o.Servers = []Address{zk1}
		}
		if o.Path == "" {
			o.Path = "/mesos"
		}
		z := NewZooKeeper(o)
		z.dial = e.dial
		ctx, cancel := context.WithCancel(t.Context())
		r := &running{z, t, e, hook, make(chan error, 1), cancel}
		go func() { r.ended <- z.Run(ctx) }()
		r.settle()
		test(r)
		cancel()
		if err := <-r.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		for s := range e.servers {
			e.set(addr(s), func(*fakeServer) {})
		}
		time.Sleep(5 * time.Second) // in which the client gives up to say goodbye to servers that are away
	})
}

// settle lets all happen that needs no time.
func (r *running) settle() { synctest.Wait() }

// pass lets time pass, and what it brings happen.
func (r *running) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *running) wantCandidates(want ...Address) {
	r.t.Helper()
	if got := r.Candidates(); !slices.Equal(got, want) {
		r.t.Errorf("candidates %v, want %v", got, want)
	}
}

func (r *running) wantMasters(want ...Address) {
	r.t.Helper()
	if got := r.Masters(); !slices.Equal(got, want) {
		r.t.Errorf("masters %v, want %v", got, want)
	}
}

func (r *running) wantChanged(want bool) {
	r.t.Helper()
	select {
	case <-r.Changed():
		if !want {
			r.t.Error("another leader is told of")
		}
	default:
		if want {
			r.t.Error("another leader is not told of")
		}
	}
}

// wantLog wants the lines that an operator sees, each with its text in it, and
// forgets them.
func (r *running) wantLog(want ...string) {
	r.t.Helper()
	var got []string
	for _, e := range r.log.AllEntries() {
		if e.Level <= logrus.InfoLevel {
			got = append(got, e.Level.String()+": "+e.Message)
		}
	}
	r.log.Reset()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = strings.Contains(got[i], want[i])
	}
	if !ok {
		r.t.Errorf("log\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// elected is an ensemble with three masters, of which the last in the order of
// addresses leads.
func elected(servers ...Address) *ensemble {
	if servers == nil {
		servers = []Address{zk1}
	}
	e := newEnsemble(servers...)
	e.put("/mesos/json.info_0000000012", masterJSON("10.0.0.1", "10.0.0.1", 5050))
	e.put("/mesos/json.info_0000000007", masterJSON("10.0.0.3", "10.0.0.3", 5050))
	e.put("/mesos/json.info_0000000009", masterJSON("10.0.0.2", "10.0.0.2", 5050))
	e.put("/mesos/log_replicas/0000000000", "replica")
	return e
}

func TestLowestSequenceLeads(t *testing.T) {
	bubble(t, elected(), ZooKeeperOptions{}, func(r *running) {
		r.wantCandidates(m3, m2, m1) // the leader, then who would be next
		r.wantMasters(m1, m2, m3)    // by address
		r.wantChanged(true)
		r.wantLog("info: ZooKeeper at 10.0.1.1:2181: the leading master is 10.0.0.3:5050")
	})
}

func TestANewLeaderIsFollowedAtOnce(t *testing.T) {
	bubble(t, elected(), ZooKeeperOptions{}, func(r *running) {
		r.wantChanged(true)
		r.Led(m3)
		begin := time.Now()
		r.zk.remove("/mesos/json.info_0000000007")
		r.settle()
		r.wantChanged(true)
		r.wantCandidates(m2, m3, m1)
		r.wantMasters(m1, m2)
		if d := time.Since(begin); d != 0 {
			r.t.Errorf("it took %v", d)
		}
		// One that comes back stands behind.
		r.zk.put("/mesos/json.info_0000000013", masterJSON("10.0.0.3", "10.0.0.3", 5050))
		r.settle()
		r.wantChanged(true) // not who leads, but who is there
		r.wantCandidates(m2, m3, m1)
		r.wantMasters(m1, m2, m3)
	})
}

// A master that is started anew has the same address and has forgotten all.
func TestTheSameMasterAnew(t *testing.T) {
	e := newEnsemble(zk1)
	e.put("/mesos/json.info_0000000001", masterJSON("10.0.0.1", "10.0.0.1", 5050))
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.wantChanged(true)
		r.zk.put("/mesos/json.info_0000000002", masterJSON("10.0.0.1", "10.0.0.1", 5050))
		r.settle()
		r.wantChanged(false)
		r.wantMasters(m1)
		r.zk.remove("/mesos/json.info_0000000001")
		r.settle()
		r.wantChanged(true)
		r.wantCandidates(m1)
	})
}

func TestNobodyLeads(t *testing.T) {
	bubble(t, elected(), ZooKeeperOptions{Masters: []Address{m1}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		for _, n := range []string{"12", "09", "07"} {
			r.zk.remove("/mesos/json.info_00000000" + n)
			r.settle()
		}
		r.wantChanged(true) // at last m3 was alone
		r.pass(time.Minute)
		r.wantLog("warning: ZooKeeper at 10.0.1.1:2181: no master stands for election in /mesos; the masters that are known stay")
		r.wantChanged(false)
		r.wantMasters(m3)
		r.wantCandidates(m3, m1)
	})
}

// TestPathThatDoesNotExist is waited for, whatever is missing of it.
func TestPathThatDoesNotExist(t *testing.T) {
	bubble(t, newEnsemble(zk1), ZooKeeperOptions{Path: "/dcos/prod/mesos", Masters: []Address{m2}, Timeout: 30 * time.Second}, func(r *running) {
		r.wantCandidates(m2)
		r.wantMasters(m2)
		r.wantLog("warning: ZooKeeper at 10.0.1.1:2181 has no /dcos/prod/mesos: either no master has ever registered there, or the path of zk is another one")
		r.pass(time.Hour)
		r.wantLog("no leading master was seen in ZooKeeper for 30s (zkDetectionTimeout): there is no /dcos/prod/mesos")
		r.zk.put("/dcos/other", "")
		r.settle()
		begin := time.Now()
		r.zk.put("/dcos/prod/mesos", "")
		r.settle()
		r.wantLog("no master stands for election in /dcos/prod/mesos")
		r.zk.put("/dcos/prod/mesos/json.info_0000000000", masterJSON("10.0.0.1", "10.0.0.1", 5050))
		r.settle()
		r.wantLog("the leading master is 10.0.0.1:5050")
		r.wantCandidates(m1, m2)
		r.wantMasters(m1)
		if d := time.Since(begin); d != 0 {
			r.t.Errorf("it took %v", d)
		}
		// It goes and comes back, as when somebody cleans up.
		r.zk.remove("/dcos/prod/mesos/json.info_0000000000")
		r.zk.remove("/dcos/prod/mesos")
		r.settle()
		r.wantMasters(m1)
		r.zk.put("/dcos/prod/mesos/json.info_0000000000", masterJSON("10.0.0.3", "10.0.0.3", 5050))
		r.settle()
		r.wantMasters(m3)
	})
}

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
		r.Led(m2)
		r.wantCandidates(m2, m3, m1)
		if n := e.count(t, zk1); n > 150 {
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
		case <-r.FirstLook():
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

func TestAuthentication(t *testing.T) {
	const secret = "mesos:hunter2"
	tests := []struct {
		what, user, password string
		authFail             bool
		log                  string
	}{
		{"right", "mesos", "hunter2", false, "the leading master is 10.0.0.3:5050"},
		{"wrong", "mesos", "hunter3", false, "/mesos may not be read as the user of zk: look at the user and the password there"},
		{"none", "", "", false, "/mesos may not be read without authentication: zk takes zk://user:password@host:port/path"},
		{"refused", "mesos", "hunter3", true, "it refuses the user and the password of zk"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			e := elected(zk1)
			e.secret, e.authFail = secret, tt.authFail
			bubble(t, e, ZooKeeperOptions{User: tt.user, Password: tt.password, Masters: []Address{m1}}, func(r *running) {
				r.pass(time.Minute)
				for _, l := range r.log.AllEntries() {
					if strings.Contains(l.Message, "hunter") {
						t.Errorf("a secret is logged: %s", l.Message)
					}
				}
				r.wantLog(tt.log)
				if tt.log[0] == 't' {
					return
				}
				r.wantCandidates(m1)
				// Whoever gives the rights back need not start us anew.
				e.mu.Lock()
				e.secret, e.authFail = "", false
				e.mu.Unlock()
				r.pass(maxBackoff + beginTimeout)
				r.wantLog("the leading master is 10.0.0.3:5050")
			})
		})
	}
}

// TestNodesThatAreNone of a master do no harm.
func TestNodesThatAreNone(t *testing.T) {
	e := elected()
	for name, data := range map[string]string{
		"json.info_0000000001.bak": "{}", "json.info_": "{}", "json.info_-000000001x": "{}", "info": "x",
		"lock-0000000000": "x", "json.info_99999999999": "{}", "json.info_+000000001": "{}",
	} {
		e.put("/mesos/"+name, data)
	}
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.wantCandidates(m3, m2, m1)
		r.wantLog("the leading master is 10.0.0.3:5050")
		r.wantChanged(true)

		// What stands before the leader and cannot be read leads: who it is has
		// to be found by asking the others.
		e.put("/mesos/json.info_0000000002", "<html>")
		r.settle()
		r.wantChanged(false)
		r.wantCandidates(m3, m2, m1)
		r.wantLog("/mesos/json.info_0000000002: it is no JSON of a master",
			"what the leader wrote into /mesos cannot be read; the masters that are known stay")
		e.remove("/mesos/json.info_0000000002")
		r.settle()
		r.wantLog("the leading master is 10.0.0.3:5050")
	})
}

// TestNotZooKeeper: another kind of server, or one that is out of its mind,
// costs its own connection only.
func TestNotZooKeeper(t *testing.T) {
	const none = "it does not speak as ZooKeeper does: look at the port in zk"
	greeting := func(timeout int32) packer {
		return packer{}.int32(0).int32(timeout).int64(1).text("0123456789abcdef")
	}
	good := framed(greeting(6000))
	after := func(p packer) []byte { return append(slices.Clone(good), framed(p)...) }
	answer := packer{}.int32(1).int64(1).int32(0) // to the first request, for children
	tests := []struct {
		what string
		raw  []byte
		want string
	}{
		{"HTTP", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), none},
		{"an empty message", framed(nil), none},
		{"a short greeting", framed(packer{}.int32(0).int32(6000)), none},
		{"no timeout", framed(greeting(0)), none},
		{"a negative timeout", framed(greeting(-1)), none},
		{"a password of 2 GB", framed(packer{}.int32(0).int32(6000).int64(1).int32(1 << 30)), none},
		{"no session", framed(packer{}.int32(0).int32(0).int64(0).text("")), none},
		{"a message that is too short", after(packer{}.int32(1)), "none of ZooKeeper's"},
		{"an event without a path", after(packer{}.int32(-1).int64(0).int32(0).int32(4).int32(3)), "none of ZooKeeper's"},
		{"an event with a long path", after(packer{}.int32(-1).int64(0).int32(0).int32(4).int32(3).int32(-1)), "none of ZooKeeper's"},
		{"an answer to nothing", after(packer{}.int32(77).int64(0).int32(0)), "none of ZooKeeper's"},
		{"too many children", after(answer.int32(1 << 30)), "none of ZooKeeper's"},
		{"less than no children", after(answer.int32(-1)), "none of ZooKeeper's"},
		{"a child with a long name", after(answer.int32(1).int32(1 << 30).stat()), "none of ZooKeeper's"},
		{"children without a stat", after(answer.int32(1).text("a")), "none of ZooKeeper's"},
		{"a message without end", append(slices.Clone(good), packer{}.int32(1<<30)...), "it sent a message of 1073741824 octets"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			e := newEnsemble(zk1)
			e.servers[zk1.String()].raw = tt.raw
			bubble(t, e, ZooKeeperOptions{}, func(r *running) {
				r.pass(10 * time.Second)
				r.wantLog(tt.want)
			})
		})
	}
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

// TestMastersOfTwoVersions stand in one election while a cluster is upgraded to
// Mesos 0.24.
func TestMastersOfTwoVersions(t *testing.T) {
	e := newEnsemble(zk1)
	e.put("/mesos/info_0000000004", message(0x0200000a, 5050, "master@10.0.0.2:5050", "10.0.0.2", nil))
	e.put("/mesos/json.info_0000000003", masterJSON("10.0.0.3", "10.0.0.3", 5050))
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.wantCandidates(m3, m2)
		e.put("/mesos/info_0000000001", message(0x0100000a, 5050, "", "10.0.0.1", nil))
		r.settle()
		r.wantCandidates(m1, m3, m2)
		r.wantMasters(m1, m2, m3)
	})
}
