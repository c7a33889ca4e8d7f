package leader

import (
	"slices"
	"strings"
	"testing"
	"time"
)

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
