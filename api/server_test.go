package api

import (
	"bufio"
	"context"
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
)

func TestListenAndRun(t *testing.T) {
	o := testOptions(testSnapshot())
	o.Addr = netip.MustParseAddrPort("127.0.0.1:0")
	s := New(o)
	if s.Addr().IsValid() {
		t.Errorf("listens on %s before Listen", s.Addr())
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if a := s.Addr(); a.Addr() != o.Addr.Addr() || a.Port() == 0 {
		t.Errorf("listens on %s", a)
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
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	golden(t, "axfr.json", body)

	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	o := testOptions(testSnapshot())
	o.Addr = l.Addr().(*net.TCPAddr).AddrPort()
	if err := New(o).Listen(); err == nil {
		t.Error("Listen: no error")
	}
	if err := New(o).Run(t.Context()); err == nil {
		t.Error("Run: no error")
	}
}

// The listener fails while the server runs.
func TestRunFails(t *testing.T) {
	s := testServer()
	s.listener = newPipeListener()
	_ = s.listener.Close()
	if err := s.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "api: ") {
		t.Errorf("Run: %v", err)
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

// A request that is under way at the end gets its answer.
func TestGracefulStop(t *testing.T) {
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
			t.Errorf("answer: %s", got)
		}
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A request that does not end is cut off after the time that is given.
func TestStopIsBounded(t *testing.T) {
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
			t.Errorf("answer: %s", got)
		}
		if e := hook.LastEntry(); e == nil || e.Level != logrus.WarnLevel {
			t.Errorf("logged: %v", e)
		}
		close(release)
	})
}

// A client that sends its request too slowly is cut off, and what net/http has
// to say about clients is for those who debug.
func TestSlowClient(t *testing.T) {
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
			t.Errorf("logged: %v", e)
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

// pipeListener accepts connections that live in memory, where synctest rules
// the time.
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
