package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"toponym/internal/dnswire"
)

// stream is a connection over TCP or TLS that many questions share (RFC 7766,
// section 6.2.1.1; RFC 7858).
type stream struct {
	server *server
	wake   chan struct{} // there is something to write, or it has ended

	mu      sync.Mutex
	pending pending
	out     []byte // queries that have not been written
	conn    net.Conn
	replies int // since it was opened
	silent  int // questions without a reply since the last one
	ended   bool
}

const (
	streamPending = 2000             // questions that wait on one connection
	streamIdle    = 20 * time.Second // without a reply until it is closed
	streamSilent  = 5                // questions in a row without a reply until it is closed
)

// errReused ends the attempts on a connection that the server has closed after
// it had answered others: it may have been about to be closed when they came.
var errReused = errors.New("the server has closed the connection")

// sendStream sends the query of an attempt over a connection, which is opened if
// there is none.
func (s *server) sendStream(a *attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errFull
	for i := range s.streams {
		t := s.streams[i]
		if t == nil || t.isEnded() {
			t = &stream{server: s, wake: make(chan struct{}, 1), pending: pending{}}
			if !s.client.spawn(t.run) {
				return errClosed
			}
			s.streams[i] = t
		}
		if err = t.send(a); err == nil {
			return nil
		}
	}
	return err
}

func (t *stream) isEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

func (t *stream) send(a *attempt) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errClosed
	}
	if len(t.pending) >= streamPending || !t.pending.add(a) {
		return errFull
	}
	a.transport = t
	at := len(t.out)
	t.out = a.question().appendQuery(append(t.out, 0, 0), a.id, !a.noEDNS)
	binary.BigEndian.PutUint16(t.out[at:], uint16(len(t.out)-at-2))
	t.signal()
	return nil
}

func (t *stream) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// drop forgets an attempt. When many in a row stay without a reply, the
// connection leads nowhere any more.
func (t *stream) drop(a *attempt) {
	t.mu.Lock()
	found := t.pending.remove(a)
	if found {
		t.silent++
	}
	end := t.silent >= streamSilent && time.Since(a.sent) > time.Second
	t.mu.Unlock()
	if end {
		// Not here, where the lock of an exchange is held.
		t.server.client.spawn(func() { t.close(errSilent) })
	}
}

// run connects and writes until the connection ends.
func (t *stream) run() {
	conn, err := t.dial()
	if err != nil {
		t.close(err)
		return
	}
	t.mu.Lock()
	t.conn = conn
	ended := t.ended
	t.mu.Unlock()
	if ended || !t.server.client.spawn(func() { t.read(conn) }) {
		conn.Close()
		t.close(errClosed)
		return
	}
	for range t.wake {
		t.mu.Lock()
		out := t.out
		t.out = nil
		ended := t.ended
		t.mu.Unlock()
		if ended {
			return
		}
		conn.SetWriteDeadline(time.Now().Add(t.server.client.o.Timeout))
		if _, err := conn.Write(out); err != nil {
			t.close(err)
			return
		}
	}
}

func (t *stream) dial() (net.Conn, error) {
	c := t.server.client
	ctx, cancel := context.WithTimeout(c.ctx, c.o.Timeout)
	defer cancel()
	addr := t.server.addr
	if !addr.TLS {
		return new(net.Dialer).DialContext(ctx, "tcp", addr.AddrPort.String())
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.o.RootCAs, ServerName: addr.serverName(), ClientSessionCache: c.sessions}
	return (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", addr.AddrPort.String())
}

// read takes in replies until the connection ends.
func (t *stream) read(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 4<<10)
	var size [2]byte
	var buf []byte
	for {
		conn.SetReadDeadline(time.Now().Add(streamIdle))
		if _, err := io.ReadFull(in, size[:]); err != nil {
			t.close(err)
			return
		}
		n := int(binary.BigEndian.Uint16(size[:]))
		if n > cap(buf) {
			buf = make([]byte, n)
		}
		if _, err := io.ReadFull(in, buf[:n]); err != nil {
			t.close(err)
			return
		}
		t.handle(buf[:n])
	}
}

func (t *stream) handle(msg []byte) {
	if len(msg) < dnswire.HeaderSize {
		return
	}
	id := binary.BigEndian.Uint16(msg)
	t.mu.Lock()
	a := t.pending[id]
	ok := a != nil && a.question().answers(msg)
	t.mu.Unlock()
	var h parsedResponse
	if ok {
		h, ok = a.parse(msg)
	}
	if !ok {
		t.server.counters.mismatched.Add(1)
		return
	}
	t.mu.Lock()
	t.replies++
	t.silent = 0
	ok = t.pending.remove(a)
	t.mu.Unlock()
	if ok {
		a.onResponse(h)
	}
}

// close ends the connection and the attempts that wait on it.
func (t *stream) close(err error) {
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return
	}
	t.ended = true
	if t.replies > 0 && err != errSilent {
		err = errReused
	}
	if t.server.client.ctx.Err() != nil {
		err = errClosed
	}
	failed := make([]*attempt, 0, len(t.pending))
	for _, a := range t.pending {
		failed = append(failed, a)
	}
	clear(t.pending)
	conn := t.conn
	t.signal()
	t.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	for _, a := range failed {
		a.onFailure(err)
	}
}
