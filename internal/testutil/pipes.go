package testutil

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// PipeListener is a net.Listener whose connections are net.Pipes, so that an
// HTTP server can run inside a synctest bubble.
type PipeListener struct {
	addr  netip.AddrPort
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewPipeListener returns a listener that reports addr as its address.
func NewPipeListener(addr netip.AddrPort) *PipeListener {
	return &PipeListener{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// ServePipes runs an HTTP server on a PipeListener until the test ends.
func ServePipes(t testing.TB, addr netip.AddrPort, h http.Handler) *PipeListener {
	l := NewPipeListener(addr)
	server := &http.Server{Handler: h}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	return l
}

// Accept implements net.Listener.
func (l *PipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *PipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

// Addr implements net.Listener.
func (l *PipeListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

// Dial connects to the listener. It fails once the listener is closed.
func (l *PipeListener) Dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, fmt.Errorf("%v refuses the connection", l.addr)
	}
}

// Do sends one HTTP request on a connection of its own. The status is 0 where
// there is no listener.
func (l *PipeListener) Do(t testing.TB, method, path, body string) (status int, location, answer string) {
	t.Helper()
	c, err := l.Dial()
	if err != nil {
		return 0, "", ""
	}
	defer c.Close()
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: master\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(b)
}

// RecordStream is a client of the operator API's SUBSCRIBE call that sees every
// chunk of the response.
type RecordStream struct {
	Conn net.Conn
	In   *bufio.Reader
}

// Subscribe sends the call SUBSCRIBE to /api/v1, with extra header lines.
func (l *PipeListener) Subscribe(t testing.TB, headers ...string) *RecordStream {
	t.Helper()
	client, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	const body = `{"type":"SUBSCRIBE"}`
	fmt.Fprintf(client, "POST /api/v1 HTTP/1.1\r\nHost: master\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n%sContent-Length: %d\r\n\r\n%s",
		strings.Join(headers, ""), len(body), body)
	s := &RecordStream{Conn: client, In: bufio.NewReader(client)}
	// The header is read by hand, because net/http would take the chunks apart.
	for line := ""; line != "\r\n"; {
		line, err = s.In.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Fatalf("SUBSCRIBE: %s", line)
		}
		if strings.HasPrefix(line, "Content-Encoding") || strings.HasPrefix(line, "Mesos-Stream-Id") {
			t.Errorf("SUBSCRIBE is answered with the header %q, which Mesos does not send", line)
		}
	}
	return s
}

// Chunk reads one chunk; the last one is empty.
func (s *RecordStream) Chunk() ([]byte, error) {
	line, err := s.In.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(line), 16, 31)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(s.In, b); err != nil {
		return nil, err
	}
	return b[:n], nil
}

// Next reads one record, which has to fill a chunk.
func (s *RecordStream) Next(t testing.TB) []byte {
	t.Helper()
	b, err := s.Chunk()
	if err != nil {
		t.Fatalf("reading a record: %v", err)
	}
	length, message, _ := bytes.Cut(b, []byte("\n"))
	if n, err := strconv.Atoi(string(length)); err != nil || n != len(message) {
		t.Fatalf("a chunk of %d bytes announces a record of %q bytes", len(b), length)
	}
	return message
}

// Skip reads n records.
func (s *RecordStream) Skip(t testing.TB, n int) (records [][]byte) {
	t.Helper()
	for range n {
		records = append(records, s.Next(t))
	}
	return records
}
