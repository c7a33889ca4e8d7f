package resolver

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"toponym/resolver/cache"
)

// accept takes the connections of one listener, over TCP or TLS, until taking ends, and
// serves them until ctx ends. Those that are still busy when final ends are closed.
func (s *Server) accept(taking, ctx, final context.Context, l *net.TCPListener, t Transport, all *sync.WaitGroup) {
	stop := context.AfterFunc(taking, func() { l.Close() })
	defer stop()
	defer l.Close()
	failures := 0
	for {
		conn, err := l.AcceptTCP()
		if taking.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				conn.Close()
			}
			return
		}
		if err != nil { // such as too many open files: that passes
			s.connections.closeOne()
			s.log.WithError(err).WithField("protocol", t).Warn("cannot accept connections")
			pause(taking, &failures)
			continue
		}
		failures = 0
		addr := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().WithZone("").Unmap()
		c := newConnection(s, conn, addr)
		if t == TLS {
			c.overTLS(s.o.TLS(conn))
		}
		full := s.connections.add(c)
		all.Go(func() {
			if c.handshake(ctx) {
				s.serveConn(ctx, final, c)
			}
			s.connections.remove(c)
		})
		if full {
			time.Sleep(acceptPause)
		}
	}
}

// acceptPause is how long no connection is accepted after one for which another had
// to be closed. A client that opens thousands at a time would keep a single core from
// the queries over UDP meanwhile.
const acceptPause = 200 * time.Microsecond

// Buffers of a connection. Queries are small; a response that is larger than its
// buffer is sent without being copied.
const (
	connReadBuffer  = 2 << 10
	connWriteBuffer = 4 << 10
)

// connection is a client's connection. Responses go through it in any order:
// those that are made as its queries are read, and those that come later.
type connection struct {
	s         *Server
	transport Transport
	tcp       net.Conn // the connection itself
	conn      net.Conn // what messages go through: the same, or TLS on it
	addr      netip.Addr
	responder *responder // that of the server, with TLS a copy for this connection
	in        *bufio.Reader
	turn      int // how much has been answered since it gave way to others

	writing sync.Mutex // held while something is written
	out     *bufio.Writer

	mu      sync.Mutex
	changed sync.Cond        // pending or queue have become less
	pending int              // queries that have no response yet
	queue   []queuedResponse // responses that are there
	sending bool             // a goroutine takes from the queue

	place connectionPlace // the table of connections guards it
}

// queuedResponse is a response to a query that was pending.
type queuedResponse struct {
	query *pendingQuery
	entry *cache.Entry
	age   cache.Age
}

// maxConnPending bounds the pending queries of one connection. Until there are
// fewer no more are read, so that a client that does not take its responses does
// not pile them up here.
const maxConnPending = 128

func newConnection(s *Server, conn net.Conn, addr netip.Addr) *connection {
	c := &connection{
		s: s, responder: s.responder, transport: TCP, tcp: conn, conn: conn, addr: addr,
		in:  bufio.NewReaderSize(conn, connReadBuffer),
		out: bufio.NewWriterSize(conn, connWriteBuffer),
	}
	c.changed.L = &c.mu
	return c
}

// serveConn answers the queries of one connection until the client closes it, is
// idle for too long, or ctx ends. Queries that have been read whole by then are
// answered. Answers that upstream servers have to be asked for come when they are
// there, and do not hold up those behind them (RFC 7766, section 6.2.1.1).
//
// A client may send queries before it takes responses. If it never takes any, the
// connection ends with the idle timeout.
func (s *Server) serveConn(ctx, final context.Context, c *connection) {
	conn := c.conn
	// With TLS, Close tells the client first, which may have to wait for it.
	defer context.AfterFunc(final, c.cut)()
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(aLongTimeAgo) })()

	for {
		conn.SetReadDeadline(time.Now().Add(s.responder.policy().tcpIdleTimeout))
		if ctx.Err() != nil {
			// The end may have come before the deadline was set.
			conn.SetReadDeadline(aLongTimeAgo)
		}
		err := c.answer(ctx)
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil && c.in.Buffered() == 0 && c.hasPending() {
			continue // it is not idle: it waits for this server
		}
		if err == nil && !c.holdsMessage() {
			err = c.flush()
			if c.turn >= turnLength {
				c.turn = 0
				s.turns.giveWay()
			}
		}
		if err != nil {
			c.drain()
			if ctx.Err() != nil {
				c.linger()
			}
			return
		}
	}
}

// lingerSilence is how long the client must have been silent for linger to end.
// The client sent its last queries before it was told of the end, so a short
// silence means that there are no more.
const lingerSilence = 20 * time.Millisecond

// linger ends a connection so that all responses arrive. A connection that is
// closed with queries unread is reset, and a reset discards what the client has
// not acknowledged. So linger reads until the client has acknowledged everything
// and is silent, until it closes the connection, or until final ends, which closes
// the connection.
func (c *connection) linger() {
	if t, ok := c.conn.(*tls.Conn); ok && t.CloseWrite() != nil {
		return
	}
	tcp, ok := c.tcp.(*net.TCPConn)
	if !ok || tcp.CloseWrite() != nil {
		return
	}
	unread := make([]byte, connReadBuffer)
	for {
		tcp.SetReadDeadline(time.Now().Add(lingerSilence))
		_, err := tcp.Read(unread)
		if err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || unacknowledged(tcp) == 0) {
			return
		}
	}
}

// answer answers the next query. The response may stay in the writer's buffer, or
// follow later. A zone transfer is written at once, and cut off when ctx ends.
func (c *connection) answer(ctx context.Context) error {
	size, err := c.readSize()
	if err != nil {
		return err
	}
	packet, large, err := c.readMessage(size)
	if err != nil {
		return err
	}
	defer c.doneWith(size, large)
	c.place.touch()
	c.turn++
	start := time.Now()
	buf := messageBuffers.Get().(*messageBuffer)
	defer messageBuffers.Put(buf)
	r := c.responder
	msg, l := r.respond(buf[2:], c.s.store.Current(), client{addr: c.addr, transport: c.transport}, packet)
	tapped := c.s.o.Tap.Open()
	if tapped {
		c.s.observe(stageOf(msg, l), c.transport, addrPort(c.tcp.RemoteAddr()), addrPort(c.tcp.LocalAddr()), packet, msg, start)
	}
	if l != nil && l.transfer != nil {
		return c.transfer(ctx, l.transfer)
	}
	if l != nil {
		if msg == nil {
			c.addPending()
			l.replyTo = c
			if tapped {
				l.asked = start
			}
		}
		r.forward.forward(l)
	}
	if msg == nil {
		return nil
	}
	c.turn += len(msg) >> 10
	err = c.write(buf[:2+len(msg)])
	r.counters.times[c.transport].add(time.Since(start), 1)
	return err
}

// readSize reads the length field that precedes a message (RFC 1035, section
// 4.2.2).
func (c *connection) readSize() (int, error) {
	b, err := c.in.Peek(2)
	if err != nil {
		return 0, err
	}
	c.in.Discard(2)
	return int(binary.BigEndian.Uint16(b)), nil
}

// readMessage reads a message. A small one stays in the reader's buffer, another
// one is in a large buffer; doneWith gives either back.
func (c *connection) readMessage(size int) (msg []byte, large *messageBuffer, err error) {
	if size <= c.in.Size() {
		msg, err = c.in.Peek(size)
		return msg, nil, err
	}
	large = messageBuffers.Get().(*messageBuffer)
	if _, err = io.ReadFull(c.in, large[:size]); err != nil {
		messageBuffers.Put(large)
	}
	return large[:size], large, err
}

func (c *connection) doneWith(size int, large *messageBuffer) {
	if large != nil {
		messageBuffers.Put(large)
	} else {
		c.in.Discard(size)
	}
}

// holdsMessage reports whether the next message has been read already, so that
// its response can go out with those before it.
func (c *connection) holdsMessage() bool {
	if c.in.Buffered() < 2 {
		return false
	}
	b, err := c.in.Peek(2)
	return err == nil && c.in.Buffered()-2 >= int(binary.BigEndian.Uint16(b))
}

// write writes a response with room for its length field before it. It may stay
// in the buffer, but never leaves in parts: clients exist that expect a message
// and its length in one segment (RFC 7766, section 8).
func (c *connection) write(framed []byte) error {
	binary.BigEndian.PutUint16(framed, uint16(len(framed)-2))
	c.writing.Lock()
	defer c.writing.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(c.s.responder.policy().tcpIdleTimeout))
	if len(framed) > c.out.Available() {
		c.out.Flush()
	}
	_, err := c.out.Write(framed) // errors of a writer stay
	return err
}

func (c *connection) flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.out.Flush()
}

// addPending notes a query whose response comes later, when there are not too
// many.
func (c *connection) addPending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending >= maxConnPending {
		// The client gets what is there before it is kept waiting.
		c.mu.Unlock()
		c.flush()
		c.mu.Lock()
	}
	for c.pending >= maxConnPending {
		c.changed.Wait()
	}
	c.pending++
}

// hasPending reports whether the client waits for responses.
func (c *connection) hasPending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending > 0
}

// writeResponse takes a response that has come. Writing it may have to wait for
// the client, so a goroutine does that, of which there is one while there are
// responses.
func (c *connection) writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, queuedResponse{l, e, age})
	c.s.responder.forward.pending.done(1) // drain waits for it
	if !c.sending {
		c.sending = true
		go c.sendQueue()
	}
}

func (c *connection) sendQueue() {
	buf := messageBuffers.Get().(*messageBuffer)
	defer messageBuffers.Put(buf)
	for {
		c.mu.Lock()
		queue := c.queue
		c.queue = nil
		if len(queue) == 0 {
			c.sending = false
			c.changed.Broadcast()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		for _, r := range queue {
			msg := c.s.responder.writePending(buf[2:], r.query, r.entry, r.age)
			c.s.observeCompleted(r.query, addrPort(c.tcp.RemoteAddr()), addrPort(c.tcp.LocalAddr()), msg)
			if c.write(buf[:2+len(msg)]) != nil {
				break // the client is gone
			}
		}
		c.flush()
		c.mu.Lock()
		c.pending -= len(queue)
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

// drain waits until all responses have been written or can no longer be.
func (c *connection) drain() {
	c.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pending > 0 || c.sending {
		c.changed.Wait()
	}
}
