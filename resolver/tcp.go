package resolver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// serveTCP starts the goroutines that accept connections until ctx ends, and
// returns. Connections that are still busy when final ends are closed.
func (s *Server) serveTCP(ctx, final context.Context, all *sync.WaitGroup) {
	// A token for each connection that may be open.
	open := make(chan struct{}, s.o.TCPMaxConnections)
	for _, l := range append([]*net.TCPListener{s.tcp}, s.moreTCP...) {
		all.Go(func() { s.accept(ctx, final, l, open, all) })
	}
}

// accept serves the connections of one listener.
func (s *Server) accept(ctx, final context.Context, l *net.TCPListener, open chan struct{}, all *sync.WaitGroup) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	pause := backoff{max: time.Second}
	for {
		select {
		case open <- struct{}{}:
		case <-ctx.Done():
			return
		}
		conn, err := l.AcceptTCP()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				conn.Close()
			}
			return
		}
		if err != nil { // such as no file descriptors left: that passes
			<-open
			s.log.WithError(err).Warn("cannot accept connections")
			pause.wait(ctx)
			continue
		}
		pause.reset()
		addr := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().WithZone("").Unmap()
		all.Go(func() {
			s.serveConn(ctx, final, conn, addr)
			<-open
		})
	}
}

// Buffers of a connection. Queries are small; a reply that is larger than its
// buffer is sent without being copied.
const (
	connReadBuffer  = 2 << 10
	connWriteBuffer = 4 << 10
)

// largeBuffers are for messages of any size, so that a connection holds one
// only while it answers.
var largeBuffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// serveConn answers the queries of one connection until the client closes it,
// is idle for too long, or ctx ends. Queries that have been read whole by then
// are answered. Answers that others have to be asked for come when they are
// there, and do not hold up those behind them (RFC 7766, section 6.2.1.1).
//
// A client may send queries before it takes replies. If it never takes any, the
// connection ends with the idle timeout.
func (s *Server) serveConn(ctx, final context.Context, conn net.Conn, addr netip.Addr) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(aLongTimeAgo) })()
	defer context.AfterFunc(final, func() { conn.Close() })()

	in := bufio.NewReaderSize(conn, connReadBuffer)
	c := newConnection(s, conn)
	for {
		conn.SetReadDeadline(time.Now().Add(s.o.TCPIdleTimeout))
		if ctx.Err() != nil {
			// The end may have come before the deadline was set.
			conn.SetReadDeadline(aLongTimeAgo)
		}
		err := s.answerTCP(in, c, addr)
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil && in.Buffered() == 0 && c.hasPending() {
			continue // it is not idle: it waits for us
		}
		if err == nil && !holdsMessage(in) {
			err = c.flush()
		}
		if err != nil {
			c.drain()
			if ctx.Err() != nil {
				linger(conn)
			}
			return
		}
	}
}

// Bounds of linger. Whatever the client still sends has been sent already, so
// a short silence means that there is no more.
const (
	lingerTime    = time.Second
	lingerSilence = 20 * time.Millisecond
)

// linger ends a connection so that the replies on their way arrive: closed with
// queries unread, it would be reset, and the client's system would throw away
// what had not been read there (RFC 7766, section 6.2.4 has clients expect
// an end at any time, but with the replies that were sent).
func linger(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	unread := make([]byte, connReadBuffer)
	for end := time.Now().Add(lingerTime); time.Now().Before(end); {
		conn.SetReadDeadline(time.Now().Add(lingerSilence))
		if _, err := conn.Read(unread); err != nil {
			return
		}
	}
}

// answerTCP answers the next query. The reply may stay in the writer's buffer,
// or follow later.
func (s *Server) answerTCP(in *bufio.Reader, c *connection, addr netip.Addr) error {
	size, err := readSize(in)
	if err != nil {
		return err
	}
	packet, large, err := readMessage(in, size)
	if err != nil {
		return err
	}
	defer doneWith(in, size, large)
	start := time.Now()
	buf := largeBuffers.Get().(*[bufferSize]byte)
	defer largeBuffers.Put(buf)
	msg, l := s.respond(buf[:], s.store.Current(), client{addr: addr, transport: TCP}, packet)
	if l != nil {
		if msg == nil {
			c.addPending()
			l.replyTo = c
		}
		s.forward.ask(l)
	}
	if msg == nil {
		return nil
	}
	err = c.write(msg)
	s.responder.counters.times[TCP].add(time.Since(start), 1)
	return err
}

// readSize reads the length field that precedes a message (RFC 1035, section
// 4.2.2).
func readSize(in *bufio.Reader) (int, error) {
	b, err := in.Peek(2)
	if err != nil {
		return 0, err
	}
	in.Discard(2)
	return int(binary.BigEndian.Uint16(b)), nil
}

// readMessage reads a message. A small one stays in the reader's buffer, another
// one is in a large buffer; doneWith gives either back.
func readMessage(in *bufio.Reader, size int) (msg []byte, large *[bufferSize]byte, err error) {
	if size <= in.Size() {
		msg, err = in.Peek(size)
		return msg, nil, err
	}
	large = largeBuffers.Get().(*[bufferSize]byte)
	if _, err = io.ReadFull(in, large[:size]); err != nil {
		largeBuffers.Put(large)
	}
	return large[:size], large, err
}

func doneWith(in *bufio.Reader, size int, large *[bufferSize]byte) {
	if large != nil {
		largeBuffers.Put(large)
	} else {
		in.Discard(size)
	}
}

// holdsMessage reports whether the next message has been read already, so that
// its reply can go out with those before it.
func holdsMessage(in *bufio.Reader) bool {
	if in.Buffered() < 2 {
		return false
	}
	b, err := in.Peek(2)
	return err == nil && in.Buffered()-2 >= int(binary.BigEndian.Uint16(b))
}
