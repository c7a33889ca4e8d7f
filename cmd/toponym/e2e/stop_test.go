//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// SIGTERM ends the server whatever connections are open.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		open func(t *testing.T, s *server) net.Conn
	}{
		{"nothing open", func(*testing.T, *server) net.Conn { return nil }},
		{"DNS, nothing sent", func(t *testing.T, s *server) net.Conn { return connect(t, s.addr(), nil) }},
		{"DNS, half a query sent", func(t *testing.T, s *server) net.Conn { return connect(t, s.addr(), frame(webQuery)[:9]) }},
		{"DNS, a query answered", func(t *testing.T, s *server) net.Conn {
			c := connect(t, s.addr(), nil)
			exchange(t, c, webQuery)
			return c
		}},
		{"HTTP, nothing sent", func(t *testing.T, s *server) net.Conn { return connect(t, s.web(), nil) }},
		{"HTTP, half a request sent", func(t *testing.T, s *server) net.Conn { return connect(t, s.web(), []byte("GET /v1/ver")) }},
		{"HTTP, a request answered", func(t *testing.T, s *server) net.Conn {
			c := connect(t, s.web(), []byte("GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n"))
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
			return c
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serveExample(t, nil)
			if conn := c.open(t, s); conn != nil {
				defer conn.Close()
			}
			s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3") // by now the connection is accepted
			s.terminate(t)
			if status := s.wait(t); status != 0 {
				t.Errorf("exit status %d, want 0", status)
			}
			if !strings.Contains(s.stderr.String(), "stopped") {
				t.Error("the log does not say that the server stopped")
			}
		})
	}
}

// connect opens a TCP connection and sends b.
func connect(t *testing.T, at string, b []byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	return c
}

// A query that waits for an upstream server does not delay the end: its client
// gets SERVFAIL.
func TestSIGTERMAnswersQueriesThatWaitForUpstream(t *testing.T) {
	t.Parallel()
	s := serveExample(t, forwarding(local(deafPort(t))))
	conn := connect(t, s.addr(), frame(nameQuery(1, "www."+outsideName)))
	defer conn.Close()
	eventually(t, "one query waits", func() (bool, string) {
		n := s.metrics(t).sum("toponym_forward_pending")
		return n == 1, fmt.Sprintf("%v", n)
	})
	s.terminate(t)
	if response, err := readFrame(conn); err != nil || response[3]&0xF != 2 {
		t.Errorf("got response %x, error %v; want SERVFAIL", response, err)
	}
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// SIGINT (Ctrl-C) ends the server, also before it has read a state.
func TestSIGINT(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	m.stop()
	s := launch(t, m, nil)
	eventually(t, "HTTP answers", func() (bool, string) {
		_, _, err := s.get("/healthz")
		return err == nil, fmt.Sprint(err)
	})
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// Clients that ask while the server ends get a whole response or none.
func TestSIGTERMUnderLoadSendsWholeResponses(t *testing.T) {
	t.Parallel()
	s := serveBig(t, nil)
	var clients sync.WaitGroup
	var overTCP, overUDP atomic.Int64
	for range 3 {
		c := connect(t, s.addr(), nil)
		defer c.Close()
		clients.Go(func() { // sends queries without waiting for responses
			for {
				if _, err := c.Write(frame(bigQuery)); err != nil {
					return
				}
			}
		})
		clients.Go(func() {
			for {
				reply, err := readFrame(c)
				if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
					return
				}
				if err != nil {
					t.Errorf("reading over TCP: got %v, want a response or the end of the connection", err)
					return
				}
				if n := binary.BigEndian.Uint16(reply[6:]); n != bigApp {
					t.Errorf("a response over TCP has %d records, want %d", n, bigApp)
				}
				overTCP.Add(1)
			}
		})
	}
	ending := make(chan struct{})
	var overUDPConns []net.Conn
	for range 3 {
		c, err := net.Dial("udp", s.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		overUDPConns = append(overUDPConns, c)
		clients.Go(func() { // sends one query at a time
			reply := make([]byte, 65536)
			for {
				_ = c.SetDeadline(time.Now().Add(patience))
				_, err := c.Write(bigQuery)
				n := 0
				if err == nil {
					n, err = c.Read(reply)
				}
				select {
				case <-ending:
					if err != nil {
						return
					}
				default:
				}
				if err != nil || n < 12 || reply[3]&0xf != 0 || binary.BigEndian.Uint16(reply[6:]) == 0 {
					t.Errorf("over UDP: got %d bytes, error %v; want a response with records", n, err)
					return
				}
				overUDP.Add(1)
			}
		})
	}
	eventually(t, "100 responses over TCP and over UDP", func() (bool, string) {
		return overTCP.Load() > 100 && overUDP.Load() > 100, fmt.Sprintf("%d and %d", overTCP.Load(), overUDP.Load())
	})
	close(ending)
	s.terminate(t)
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status: got %d, want 0", status)
	}
	for _, c := range overUDPConns {
		c.Close() // ends the wait for responses that never come
	}
	clients.Wait()
}

// A client that reads slowly, and has sent more queries than the server can
// still answer, gets whole responses and then the end of the connection. A reset
// would discard responses that are on the way.
func TestSIGTERMDoesNotResetSlowReaders(t *testing.T) {
	t.Parallel()
	s := serveBig(t, nil)
	c := connect(t, s.addr(), bytes.Repeat(frame(bigQuery), 2000))
	defer c.Close()
	if _, err := readFrame(c); err != nil {
		t.Fatal(err)
	}
	s.terminate(t)
	for whole := 1; ; whole++ {
		if _, err := readFrame(c); err == io.EOF {
			break
		} else if err != nil {
			t.Errorf("after %d whole responses: got %v, want EOF", whole, err)
			break
		}
		time.Sleep(5 * time.Millisecond) // a slow reader
	}
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}
