package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/internal/testutil"
)

func TestListenAndRun(t *testing.T) {
	o := testOptions(testSnapshot())
	o.Addr = netip.MustParseAddrPort("127.0.0.1:0")
	s := New(o)
	if s.Addr().IsValid() {
		t.Errorf("got the address %s before Listen, want none", s.Addr())
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if a := s.Addr(); a.Addr() != o.Addr.Addr() || a.Port() == 0 {
		t.Errorf("got the address %s, want %s with a port", a, o.Addr.Addr())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	url := "http://" + s.Addr().String()
	resp, err := http.Get(url + "/v1/axfr")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("got status %d and %v, want 200", resp.StatusCode, err)
	}
	golden(t, "axfr.json", body)

	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	testutil.NothingListens(t, s.Addr().String())
}

func TestPortInUseIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	o := testOptions(testSnapshot())
	o.Addr = l.Addr().(*net.TCPAddr).AddrPort()
	if err := New(o).Listen(); err == nil {
		t.Error("Listen: got no error")
	}
	if err := New(o).Run(t.Context()); err == nil {
		t.Error("Run: got no error")
	}
}

func TestRunFailsWithItsListener(t *testing.T) {
	s := testServer()
	s.listener = newPipeListener()
	_ = s.listener.Close()
	if err := s.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "api: ") {
		t.Errorf("Run: got %v, want an error of this package", err)
	}
}

// blockingServer answers /v1/config when release is closed, and tells when a
// request is under way.
func blockingServer(log logrus.FieldLogger) (s *Server, l *pipeListener, started, release chan struct{}) {
	started, release = make(chan struct{}), make(chan struct{})
	o := testOptions(testSnapshot())
	o.Log = log
	o.Config = func(uint32) any { close(started); <-release; return "late" }
	s, l = New(o), newPipeListener()
	s.listener = l
	return s, l, started, release
}

func TestRequestsUnderWayAreAnsweredAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l, started, release := blockingServer(nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		answer := make(chan string, 1)
		go func() { answer <- request(l.dial(), "/v1/config") }()
		<-started

		cancel()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("Run returned before the request was answered")
		default:
		}
		close(release)
		if got := <-answer; got != `200 OK "late"` {
			t.Errorf("got the answer %s", got)
		}
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestRequestsThatDoNotEndAreCutOffAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, hook := logtest.NewNullLogger()
		s, l, started, release := blockingServer(logger)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		answer := make(chan string, 1)
		go func() { answer <- request(l.dial(), "/v1/config") }()
		<-started

		cancel()
		begin := time.Now()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(begin); took != stopTimeout {
			t.Errorf("took %s", took)
		}
		if got := <-answer; !strings.HasPrefix(got, "error: ") {
			t.Errorf("got the answer %s", got)
		}
		if e := hook.LastEntry(); e == nil || e.Level != logrus.WarnLevel {
			t.Errorf("got the log entry %v", e)
		}
		close(release)
	})
}

// A client that sends its request too slowly is cut off. Messages of net/http about
// clients are logged at level debug.
func TestSlowRequestsAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, hook := logtest.NewNullLogger()
		logger.SetLevel(logrus.DebugLevel)
		s, l, _, _ := blockingServer(logger)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()

		begin := time.Now()
		c := l.dial()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		_, _ = io.Copy(io.Discard, c)
		if took := time.Since(begin); took > readHeaderTimeout+time.Second {
			t.Errorf("took %s", took)
		}
		_ = c.Close()
		cancel()
		<-done

		_, _ = debugWriter{logger}.Write([]byte("http: something\n"))
		if e := hook.LastEntry(); e.Level != logrus.DebugLevel || e.Message != "http: something" {
			t.Errorf("got the log entry %v", e)
		}
	})
}

// request returns the status and the body of an answer.
func request(c net.Conn, path string) string {
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return "error: " + err.Error()
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "error: " + err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "error: " + err.Error()
	}
	return resp.Status + " " + string(body)
}

// pipeListener accepts connections in memory, so that synctest controls the time.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// addressedConn is a connection of a client with an address.
type addressedConn struct {
	net.Conn
	remote string
}

func (c addressedConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.remote))
}

// dialFrom connects a client with an address.
func (l *pipeListener) dialFrom(remote string) net.Conn {
	client, server := net.Pipe()
	l.conns <- addressedConn{server, remote}
	return client
}

// isOpen reports whether the server still has a connection. It ends the connection.
func isOpen(c net.Conn) bool {
	return !strings.HasPrefix(request(c, "/healthz"), "error: ")
}

// limitedServer runs with a number of connections.
func limitedServer(t *testing.T, limit int) (s *Server, l *pipeListener, stop func()) {
	o := testOptions(testSnapshot())
	o.MaxConnections = limit
	s, l = New(o), newPipeListener()
	s.listener = l
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, l, func() { cancel(); <-done }
}

// Ten thousand idle connections once stayed open, until no descriptor was left. Now
// the one that is idle longest is closed when there are too many.
func TestTheLongestIdleConnectionIsClosedWhenThereAreTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l, stop := limitedServer(t, 3)
		var conns []net.Conn
		for i := range 3 {
			conns = append(conns, l.dialFrom(fmt.Sprintf("10.0.0.%d:1", i)))
			time.Sleep(time.Second)
		}
		// The first is used, so that the second is idle longest.
		_, _ = io.WriteString(conns[0], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conns[0]), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		synctest.Wait()

		conns = append(conns, l.dialFrom("10.0.0.9:1"))
		synctest.Wait()
		if got := s.connections.count(); got != 3 {
			t.Errorf("got %d connections, want 3", got)
		}
		if got := s.connections.closedForRoom(); got != 1 {
			t.Errorf("got %d connections closed, want 1", got)
		}
		for i, want := range []bool{true, false, true, true} {
			if got := isOpen(conns[i]); got != want {
				t.Errorf("connection %d: got open %v, want %v", i, got, want)
			}
		}
		stop()
	})
}

// A client with many idle connections shuts out itself, and nobody else.
func TestConnectionsOfOneClientDoNotShutOutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l, stop := limitedServer(t, 4)
		quiet := l.dialFrom("10.0.0.1:1") // idle longest
		time.Sleep(time.Second)
		for i := range 50 {
			conn := l.dialFrom(fmt.Sprintf("10.0.0.2:%d", i+1))
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			synctest.Wait()
		}
		if got := s.connections.count(); got != 4 {
			t.Errorf("got %d connections, want 4", got)
		}
		if !isOpen(quiet) {
			t.Error("the connection of another client was closed")
		}
		stop()
	})
}

// A connection whose request is under way is never closed for another.
func TestConnectionsWithARequestUnderWayStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started, release := make(chan struct{}), make(chan struct{})
		o := testOptions(testSnapshot())
		o.MaxConnections = 1
		o.Config = func(uint32) any { close(started); <-release; return "late" }
		s, l := New(o), newPipeListener()
		s.listener = l
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		answer := make(chan string, 1)
		go func() { answer <- request(l.dial(), "/v1/config") }()
		<-started
		if other := l.dial(); isOpen(other) {
			t.Error("got a second connection, want it closed")
		}
		close(release)
		if got, want := <-answer, `200 OK "late"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		cancel()
		<-done
	})
}
