package leader

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRejectedCredentialsAreReportedAndNeverLogged(t *testing.T) {
	const secret = "mesos:hunter2"
	tests := []struct {
		what, user, password string
		authFail             bool
		log                  string
	}{
		{"right", "mesos", "hunter2", false, "names the leading master master=10.0.0.3:5050"},
		{"wrong", "mesos", "hunter3", false, `/mesos may not be read by user "mesos": check the user and the password in zk`},
		{"none", "", "", false, "/mesos may not be read without authentication: write zk as zk://user:password@host:port/path"},
		{"refused", "mesos", "hunter3", true, "it rejects the user and the password in zk"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			e := elected(zk1)
			e.secret, e.authFail = secret, tt.authFail
			bubble(t, e, ZooKeeperOptions{User: tt.user, Password: tt.password, Masters: []Address{m1}}, func(r *running) {
				r.sleep(time.Minute)
				for _, l := range r.log.AllEntries() {
					if strings.Contains(l.Message, "hunter") {
						t.Errorf("got a secret in the log: %s", l.Message)
					}
				}
				r.wantLog(tt.log)
				if tt.what == "right" {
					return
				}
				r.wantCandidates(m1)
				// Once the rights are granted, no restart is needed.
				e.mu.Lock()
				e.secret, e.authFail = "", false
				e.mu.Unlock()
				r.sleep(maxBackoff + beginTimeout)
				r.wantLog("names the leading master master=10.0.0.3:5050")
			})
		})
	}
}

// Another kind of server, or a broken one, must cost no more than its connection.
func TestAServerThatIsNotZooKeeperIsReported(t *testing.T) {
	const none = "this is not a ZooKeeper server: check the port in zk"
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
		{"a message that is too short", after(packer{}.int32(1)), "it sent a malformed message"},
		{"an event without a path", after(packer{}.int32(-1).int64(0).int32(0).int32(4).int32(3)), "it sent a malformed message"},
		{"an event with a long path", after(packer{}.int32(-1).int64(0).int32(0).int32(4).int32(3).int32(-1)), "it sent a malformed message"},
		{"an answer to nothing", after(packer{}.int32(77).int64(0).int32(0)), "it sent a malformed message"},
		{"too many children", after(answer.int32(1 << 30)), "it sent a malformed message"},
		{"less than no children", after(answer.int32(-1)), "it sent a malformed message"},
		{"a child with a long name", after(answer.int32(1).int32(1 << 30).stat()), "it sent a malformed message"},
		{"children without a stat", after(answer.int32(1).text("a")), "it sent a malformed message"},
		{"a message without end", append(slices.Clone(good), packer{}.int32(1<<30)...), "it announced a message of 1073741824 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			e := newEnsemble(zk1)
			e.servers[zk1.String()].raw = tt.raw
			bubble(t, e, ZooKeeperOptions{}, func(r *running) {
				r.sleep(10 * time.Second)
				r.wantLog(tt.want)
			})
		})
	}
}

// scripted is a connection to a server that answers each message with the next
// frame of a script. Events and replies to pings come by themselves.
type scripted struct {
	net.Conn
	mu     sync.Mutex
	ready  *sync.Cond
	script []byte
	frame  int // bytes left of the frame that is being read
	writes int // not answered yet
	closed bool
}

func (s *scripted) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frame == 0 && len(s.script) >= 8 {
		length, xid := binary.BigEndian.Uint32(s.script), int32(binary.BigEndian.Uint32(s.script[4:]))
		s.frame = 4 + int(length)
		if xid >= 0 {
			for s.writes == 0 && !s.closed {
				s.ready.Wait()
			}
			s.writes--
		}
	}
	if len(s.script) == 0 || s.closed {
		return 0, io.EOF
	}
	n := copy(p, s.script[:min(len(s.script), 7)])
	s.script = s.script[n:]
	s.frame = max(0, s.frame-n)
	return n, nil
}

func (s *scripted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	s.ready.Signal()
	return len(p), nil
}

func (s *scripted) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.ready.Signal()
	return nil
}

func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// Whatever a server sends, a session returns values of bounded size or an error,
// and ends.
func FuzzSession(f *testing.F) {
	greeting := framed(packer{}.int32(0).int32(6000).int64(1).text("0123456789abcdef"))
	reply := func(xid int32) packer { return packer{}.int32(xid).int64(1).int32(0) }
	for _, p := range []packer{reply(1).int32(1).text("a").stat(), reply(1).text("data").stat(), reply(1).stat(), reply(1),
		packer{}.int32(-1).int64(0).int32(0).int32(4).int32(3).text("/mesos"), packer{}.int32(-2)} {
		for op := range byte(5) {
			f.Add(op, slices.Concat(greeting, framed(p), framed(reply(2).text("more").stat())))
		}
	}
	f.Fuzz(func(t *testing.T, op byte, sent []byte) {
		dial := func(context.Context, string, string) (net.Conn, error) {
			s := &scripted{script: sent}
			s.ready = sync.NewCond(&s.mu)
			return s, nil
		}
		c, err := connect(t.Context(), dial, zk1)
		if err != nil {
			return
		}
		defer c.close()
		for i := range byte(3) {
			got := 0
			switch (op + i) % 4 {
			case 0:
				names, _ := c.children("/mesos")
				for _, n := range names {
					got += len(n)
				}
			case 1:
				data, _ := c.data("/mesos/a")
				got = len(data)
			case 2:
				_, _ = c.exists("/mesos")
			case 3:
				_ = c.authenticate("user", "password")
			}
			if got > len(sent) {
				t.Fatalf("got %d bytes of %d that were sent", got, len(sent))
			}
		}
	})
}
