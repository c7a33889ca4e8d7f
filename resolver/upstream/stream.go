package upstream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"toponym/internal/dnswire"
	"toponym/resolver/tap"
)

const (
	// maxStreams bounds the connections to a server that keeps them open.
	maxStreams = 2

	// maxShortStreams bounds the connections to a server that closes each of them
	// after some responses.
	maxShortStreams = 16

	// streamPending bounds the queries that are pending on one connection, and
	// those that wait for a connection.
	streamPending = 2000

	// streamIdle is the time without a response until a connection is closed.
	streamIdle = 20 * time.Second

	// streamSilent is how many queries in a row may get no response until a
	// connection is closed.
	streamSilent = 5
)

// streamPool holds the connections over TCP or TLS to a server. Many queries share
// one connection (RFC 7766, section 6.2.1.1; RFC 7858).
//
// Some servers close a connection after one response, or after a few, or take only so
// many connections. Then queries wait until a connection has room for them, so that each
// is sent about once.
type streamPool struct {
	server *server

	mu    sync.Mutex
	conns []*streamConn
	queue []*attempt // wait for a connection

	// perConn is how many responses come on a connection before the server closes it,
	// as far as that is known. 0: it does not close connections that are in use.
	perConn int

	// maxConns bounds the connections while there are any, when the server has closed
	// one beyond that without a response. 0: no such bound is known.
	maxConns int
}

// streamConn is a connection. The pool's lock guards its fields.
type streamConn struct {
	pool      *streamPool
	wake      chan struct{} // there is something to write, or it has ended
	pending   pending
	out       []byte // queries that have not been written
	conn      net.Conn
	responses int  // since it was opened
	silent    int  // queries without a response since the last one
	broken    bool // nothing more can be written, but responses may still come
	ended     bool
}

// send sends the query of an attempt over a connection, which is opened if there is
// none, or queues it.
func (p *streamPool) send(a *attempt) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.transport = p
	if len(p.queue) == 0 {
		if sent, err := p.assign(a); sent || err != nil {
			return err
		}
	}
	if len(p.queue) >= streamPending {
		return errFull
	}
	p.queue = append(p.queue, a)
	return nil
}

// assign assigns an attempt to a connection with room for it. It reports false if
// there is no such connection.
func (p *streamPool) assign(a *attempt) (sent bool, err error) {
	var best *streamConn
	for _, c := range p.conns {
		if c.room() > 0 && (best == nil || len(c.pending) < len(best.pending)) {
			best = c
		}
	}
	limit := maxStreams
	if p.perConn > 0 {
		limit = maxShortStreams
	}
	if p.maxConns > 0 {
		limit = min(limit, p.maxConns)
	}
	if best == nil || p.perConn > 0 && len(best.pending) > 0 {
		if len(p.conns) < limit {
			c := &streamConn{pool: p, wake: make(chan struct{}, 1), pending: pending{}}
			if !p.server.client.spawn(c.run) {
				return false, errClosed
			}
			p.conns = append(p.conns, c)
			best = c
		}
	}
	if best == nil {
		return false, nil
	}
	best.pending.add(a)
	a.conn = best
	at := len(best.out)
	best.out = a.appendQuery(append(best.out, 0, 0))
	binary.BigEndian.PutUint16(best.out[at:], uint16(len(best.out)-at-2))
	a.observe(tap.Received, best.out[at+2:], nil)
	best.signal()
	return true, nil
}

// room returns how many more queries the connection takes.
func (c *streamConn) room() int {
	if c.broken {
		return 0
	}
	limit := streamPending
	if p := c.pool; p.perConn > 0 {
		limit = max(p.perConn-c.responses, 1) // one more is tried: it may have changed
	}
	return limit - len(c.pending)
}

func (c *streamConn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// pump assigns queued attempts to connections that have room. The attempts that could
// not be sent are returned with the error.
func (p *streamPool) pump() (failed []*attempt, err error) {
	for len(p.queue) > 0 {
		sent, err := p.assign(p.queue[0])
		if err != nil {
			failed, p.queue = p.queue, nil
			return failed, err
		}
		if !sent {
			break
		}
		p.queue = p.queue[1:]
	}
	return nil, nil
}

// drop forgets an attempt. When many in a row get no response, the connection is
// considered dead.
func (p *streamPool) drop(a *attempt) {
	p.mu.Lock()
	c := a.conn
	if c == nil {
		p.queue = slices.DeleteFunc(p.queue, func(q *attempt) bool { return q == a })
		p.mu.Unlock()
		return
	}
	if c.pending.remove(a) {
		c.silent++
	}
	end := c.silent >= streamSilent && time.Since(a.sent) > time.Second
	p.mu.Unlock()
	if end {
		// Not here, where the lock of an exchange is held.
		p.server.client.spawn(func() { c.close(errSilent) })
	}
}

// run connects, and writes until the connection ends.
func (c *streamConn) run() {
	client := c.pool.server.client
	conn, err := client.dialStream(c.pool.server.addr)
	if err != nil {
		c.close(err)
		return
	}
	c.pool.mu.Lock()
	c.conn = conn
	ended := c.ended
	c.pool.mu.Unlock()
	if ended || !client.spawn(func() { c.read(conn) }) {
		conn.Close()
		c.close(errClosed)
		return
	}
	for range c.wake {
		c.pool.mu.Lock()
		out := c.out
		c.out = nil
		ended := c.ended
		c.pool.mu.Unlock()
		if ended {
			return
		}
		if len(out) == 0 {
			continue
		}
		_ = conn.SetWriteDeadline(time.Now().Add(client.questionTimeout()))
		if _, err := conn.Write(out); err != nil {
			c.onWriteError(err)
			return
		}
	}
}

// drainPatience is how long responses may still come on a connection that nothing can be
// written to any more.
const drainPatience = time.Second

// onWriteError handles an error of writing. The server may have closed the connection
// after a response that has not been read yet, so the end is left to read.
func (c *streamConn) onWriteError(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		c.close(err)
		return
	}
	p := c.pool
	p.mu.Lock()
	c.broken = true
	p.mu.Unlock()
	p.server.client.spawn(func() {
		select {
		case <-time.After(drainPatience):
		case <-p.server.client.ctx.Done():
		}
		c.close(err)
	})
}

// read takes in responses until the connection ends.
func (c *streamConn) read(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 4<<10)
	var size [2]byte
	var buf []byte
	for {
		_ = conn.SetReadDeadline(time.Now().Add(streamIdle))
		if _, err := io.ReadFull(in, size[:]); err != nil {
			c.close(err)
			return
		}
		n := int(binary.BigEndian.Uint16(size[:]))
		if n > cap(buf) {
			buf = make([]byte, n)
		}
		if _, err := io.ReadFull(in, buf[:n]); err != nil {
			c.close(err)
			return
		}
		c.handle(buf[:n])
	}
}

// handle hands a response to the attempt that waits for it.
func (c *streamConn) handle(msg []byte) {
	if len(msg) < dnswire.HeaderSize {
		return
	}
	p := c.pool
	p.mu.Lock()
	a := c.pending[dnswire.ID(msg)]
	ok := a != nil && a.question().answeredBy(msg)
	p.mu.Unlock()
	var r response
	if ok {
		r, ok = a.parse(msg)
	}
	if !ok {
		p.server.counters.mismatched.Add(1)
		return
	}
	p.mu.Lock()
	c.responses++
	c.silent = 0
	if p.perConn > 0 && c.responses > p.perConn {
		p.perConn = 2 * c.responses
		if p.perConn > streamPending {
			p.perConn = 0
		}
	}
	ok = c.pending.remove(a)
	failed, err := p.pump()
	p.mu.Unlock()
	if ok {
		a.observe(tap.Completed, nil, msg)
		a.onResponse(r)
		p.server.client.o.Flush()
	}
	for _, a := range failed {
		a.onFailure(err)
	}
}

// close ends the connection and the attempts that are pending on it.
func (c *streamConn) close(err error) {
	p := c.pool
	p.mu.Lock()
	if c.ended {
		p.mu.Unlock()
		return
	}
	c.ended = true
	p.conns = slices.DeleteFunc(p.conns, func(other *streamConn) bool { return other == c })
	switch others := len(p.conns); {
	case others == 0:
		p.maxConns = 0
	case c.responses == 0 && err != errSilent:
		p.maxConns = others // it takes no more from us, or not now
		err = errReused
	}
	if c.responses == 0 && len(c.pending) > 1 && c.conn != nil && err != errSilent && !errors.Is(err, os.ErrDeadlineExceeded) {
		p.perConn = 1 // it may not want several queries at a time
		err = errReused
	}
	if c.responses > 0 && err != errSilent {
		if len(c.pending) > 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
			p.perConn = c.responses
			if p.perConn >= streamPending {
				p.perConn = 0
			}
		}
		err = errReused
	}
	if p.server.client.ctx.Err() != nil {
		err = errClosed
	}
	failed := make([]*attempt, 0, len(c.pending))
	for _, a := range c.pending {
		a.conn = nil
		failed = append(failed, a)
	}
	clear(c.pending)
	conn := c.conn
	c.signal()
	var queued []*attempt
	queueErr := err
	if c.responses == 0 && len(p.conns) == 0 {
		queued, p.queue = p.queue, nil // the next connection would end like this one
	} else {
		queued, queueErr = p.pump()
	}
	p.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	for _, a := range failed {
		a.onFailure(err)
	}
	for _, a := range queued {
		a.onFailure(queueErr)
	}
}

// close ends all connections.
func (p *streamPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		p.server.client.running.Go(func() { c.close(errClosed) })
	}
}
