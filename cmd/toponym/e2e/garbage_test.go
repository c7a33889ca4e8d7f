//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The server answers as before after it has received malformed messages of many
// kinds.
func TestGarbageDoesNotHarmTheServer(t *testing.T) {
	t.Parallel()
	s := serveExample(t, nil)
	r := rand.New(rand.NewPCG(1, 2))
	for _, g := range []struct {
		name string
		send func(t *testing.T)
	}{
		{"random packets", func(t *testing.T) {
			s.sendUDP(t, 3000, func() []byte { return noise(r, r.IntN(600)) })
		}},
		{"packets of all lengths", func(t *testing.T) {
			n := 0
			s.sendUDP(t, 64, func() []byte { n++; return noise(r, n*1000) })
		}},
		{"headers that promise what does not come", func(t *testing.T) {
			s.sendUDP(t, 2000, func() []byte {
				b := noise(r, 12+r.IntN(40))
				b[2] &= 7 // a query
				return b
			})
		}},
		{"queries with a few octets changed", func(t *testing.T) {
			s.sendUDP(t, 5000, func() []byte {
				b := bytes.Clone(webQuery)
				for range 1 + r.IntN(4) {
					b[r.IntN(len(b))] = byte(r.Uint32())
				}
				return b
			})
		}},
		{"queries that break off", func(t *testing.T) {
			n := 0
			s.sendUDP(t, len(webQuery), func() []byte { n++; return webQuery[:n-1] })
		}},
		{"names that point to themselves", func(t *testing.T) {
			s.sendUDP(t, 500, func() []byte {
				b := append(bytes.Clone(webQuery[:12]), 0xc0, byte(r.IntN(32)), 0, 1, 0, 1)
				return append(b, noise(r, r.IntN(20))...)
			})
		}},
		{"random frames over TCP", func(t *testing.T) {
			for range 100 {
				s.sendTCP(t, frame(noise(r, r.IntN(2000))))
			}
		}},
		{"frames that break off", func(t *testing.T) {
			for n := range frame(webQuery) {
				s.sendTCP(t, frame(webQuery)[:n])
			}
		}},
		{"the largest frames", func(t *testing.T) {
			for range 20 {
				s.sendTCP(t, frame(make([]byte, 65535)))
				s.sendTCP(t, frame(noise(r, 65535)))
				s.sendTCP(t, frame(append(bytes.Clone(webQuery), noise(r, 65535-len(webQuery))...)))
			}
		}},
		{"frames of no length", func(t *testing.T) { s.sendTCP(t, make([]byte, 10000)) }},
		{"HTTP where DNS is answered", func(t *testing.T) {
			s.sendTCP(t, []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		}},
		{"DNS where HTTP is answered", func(t *testing.T) {
			c, err := net.Dial("tcp", s.web())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = c.Write(append(frame(webQuery), noise(r, 1000)...))
		}},
	} {
		t.Run(g.name, func(t *testing.T) {
			g.send(t)
			s.wantSound(t)
		})
	}
}

// wantSound checks that the server answers over all transports, uses little memory
// and has logged no panic.
func (s *server) wantSound(t *testing.T) {
	t.Helper()
	if !s.running() {
		t.Fatal("the server has exited")
	}
	s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := binary.BigEndian.Uint16(exchange(t, c, webQuery)[6:]); n != 3 {
		t.Errorf("records over TCP: got %d, want 3", n)
	}
	if status, body, err := s.get("/readyz"); status != 200 {
		t.Errorf("/readyz: got %d %q, error %v; want 200", status, body, err)
	}
	if mb := s.memory(t); mb > 200 {
		t.Errorf("the server has come to use %d MB", mb)
	}
	for _, bad := range []string{"panic:", "goroutine "} {
		if strings.Contains(s.stderr.String(), bad) {
			t.Errorf("log: got %q in it, want none", bad)
		}
	}
}

// memory returns the resident memory of the process in MB, or 0 where the system
// does not tell.
func (s *server) memory(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	kb, err := strconv.Atoi(f[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (s *server) sendUDP(t *testing.T, packets int, next func() []byte) {
	t.Helper()
	c, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range packets {
		_, _ = c.Write(next()) // a message that is too large for a packet is not sent
	}
}

// sendTCP sends b and closes the connection without reading.
func (s *server) sendTCP(t *testing.T, b []byte) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(b) // the server may have closed the connection
}
