package leader

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of messages, in bytes. ZooKeeper allows 1 MiB; a master writes less
// than 1 KiB, and a cluster has a handful of masters.
const (
	maxReplyBytes = 256 << 10
	statBytes     = 68 // length of a Stat record
	passwordBytes = 16 // of a session
)

// Times of a session. Nothing depends on the session itself, as a reader
// creates no ephemeral nodes, so it is short: a silent server is given up after
// two thirds of it.
const (
	sessionTimeout = 6 * time.Second // requested; servers have bounds of their own
	dialTimeout    = 2 * time.Second
	beginTimeout   = 4 * time.Second // to get a session, dialing included
	replyTimeout   = 6 * time.Second // of one request
	closeTimeout   = time.Second     // to say goodbye
)

// Operations of ZooKeeper's protocol (org.apache.zookeeper.ZooDefs.OpCode).
const (
	opExists       = 3
	opGetData      = 4
	opPing         = 11
	opGetChildren2 = 12
	opSetAuth      = 100
	opClose        = -11
)

// Transaction ids of messages that belong to no request.
const (
	xidEvent = -1
	xidPing  = -2
)

// zkError is an error code of ZooKeeper (org.apache.zookeeper.KeeperException.Code).
type zkError int32

const (
	zkBadArguments zkError = -8
	zkNoNode       zkError = -101
	zkNoAuth       zkError = -102
	zkAuthFailed   zkError = -115
)

func (e zkError) Error() string { return fmt.Sprintf("ZooKeeper answers with error %d", int32(e)) }

var (
	errNotZooKeeper = errors.New("this is not a ZooKeeper server: check the port in zk")
	errMalformed    = errors.New("it sent a malformed message")
	errNoSession    = errors.New("it closed the connection without giving a session: does the ensemble have a quorum?")
)

// zkConn is a read-only session with one ZooKeeper server, over one connection.
// It ends with the connection: a reader has nothing to lose with its session, so
// a new one, on any server, replaces it.
//
// One goroutine at a time may send requests. Every message is read whole,
// bounded and checked, because the peer may be anything that listens on the
// configured port.
type zkConn struct {
	conn    net.Conn
	timeout time.Duration // of the session, as the server granted it
	changed chan struct{} // holds one element when a watched node has changed
	replies chan []byte   // to the pending request, without their length
	over    chan struct{} // closed when the session has ended
	idle    sync.WaitGroup

	writing sync.Mutex
	xid     int32        // of the latest request; only request uses it
	pending atomic.Int32 // id of the request that waits for its reply; 0: none

	ending sync.Mutex
	err    error // why the session has ended
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// connect begins a session. The caller must close it.
func connect(ctx context.Context, dial dialFunc, server Address) (*zkConn, error) {
	began := time.Now()
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dial(dialing, "tcp", server.String())
	if err != nil {
		return nil, explain(err)
	}
	c := &zkConn{conn: conn, changed: make(chan struct{}, 1), replies: make(chan []byte, 1), over: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_ = conn.SetDeadline(began.Add(beginTimeout)) // a closed connection fails when it is used
	if err := c.handshake(); err != nil {
		conn.Close()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fmt.Errorf("no session within %v", beginTimeout)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
			return nil, errNoSession
		}
		return nil, explain(err)
	}
	_ = conn.SetDeadline(time.Time{})
	c.idle.Go(c.read)
	c.idle.Go(c.ping)
	return c, nil
}

// handshake requests a session (ConnectRequest, ConnectResponse).
func (c *zkConn) handshake() error {
	var m zkMessage
	m.int32(0)                                        // protocol version
	m.int64(0)                                        // last zxid seen
	m.int32(int32(sessionTimeout / time.Millisecond)) //
	m.int64(0)                                        // session id: a new one
	m.text(string(make([]byte, passwordBytes)))       //
	m = append(m, 0)                                  // not read-only
	if err := c.write(m); err != nil {
		return err
	}
	b, err := c.receive()
	if err != nil {
		return err
	}
	r := zkReader{b: b}
	_, millis := r.int32(), r.int32()
	r.skip(8) // session id
	r.bytes() // password
	if r.short || millis <= 0 || millis >= 1<<24 {
		return errNotZooKeeper
	}
	c.timeout = time.Duration(millis) * time.Millisecond
	return nil
}

// receive reads one message.
func (c *zkConn) receive() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	switch {
	case n > maxReplyBytes && c.timeout == 0:
		return nil, errNotZooKeeper
	case n > maxReplyBytes:
		return nil, fmt.Errorf("it announced a message of %d bytes, more than %d", n, maxReplyBytes)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c.conn, b)
	return b, err
}

// write sends one message.
func (c *zkConn) write(m zkMessage) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	var framed zkMessage
	framed.text(string(m))
	_, err := c.conn.Write(framed)
	return err
}

// read hands out messages until the session ends.
func (c *zkConn) read() {
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(c.timeout * 2 / 3))
		b, err := c.receive()
		if err != nil {
			c.end(err)
			return
		}
		r := zkReader{b: b}
		xid := r.int32()
		r.skip(12) // zxid, error
		if xid == xidEvent {
			r.skip(8) // type, state
			r.text()  // path
		}
		switch {
		case r.short:
			c.end(errMalformed)
			return
		case xid == xidEvent:
			select {
			case c.changed <- struct{}{}:
			default: // the last change has not been looked at yet
			}
		case xid == xidPing:
		case xid > 0 && c.pending.CompareAndSwap(xid, 0):
			c.replies <- b // which has room: one request at a time is pending
		default:
			c.end(errMalformed)
			return
		}
	}
}

// ping keeps the session alive, so that a silent server is noticed.
func (c *zkConn) ping() {
	t := time.NewTicker(c.timeout / 3)
	defer t.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-t.C:
		}
		var m zkMessage
		m.int32(xidPing)
		m.int32(opPing)
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.timeout * 2 / 3))
		if err := c.write(m); err != nil {
			c.end(err)
			return
		}
	}
}

// request sends an operation and returns the body of its reply. Errors of type
// zkError leave the session usable, all others end it.
func (c *zkConn) request(op int32, body zkMessage) (*zkReader, error) {
	c.xid++
	c.pending.Store(c.xid)
	var m zkMessage
	m.int32(c.xid)
	m.int32(op)
	m = append(m, body...)
	timeout := time.AfterFunc(replyTimeout, func() { c.end(os.ErrDeadlineExceeded) })
	defer timeout.Stop()
	if err := c.write(m); err != nil {
		c.end(err)
		return nil, c.reason()
	}
	var b []byte
	select {
	case b = <-c.replies:
	case <-c.over:
		// A server that rejects a user says so, and closes the connection at once.
		select {
		case b = <-c.replies:
		default:
			return nil, c.reason()
		}
	}
	r := &zkReader{b: b}
	r.skip(12) // xid, zxid
	if code := zkError(r.int32()); code != 0 {
		return nil, code
	}
	return r, nil
}

// checked ends the session when a reply is not complete.
func (c *zkConn) checked(r *zkReader) error {
	if r.short {
		c.end(errMalformed)
		return c.reason()
	}
	return nil
}

// authenticate adds the identity of a user to the session.
func (c *zkConn) authenticate(user, password string) error {
	var m zkMessage
	m.int32(0) // type, not used
	m.text("digest")
	m.text(user + ":" + password)
	_, err := c.request(opSetAuth, m)
	return err
}

// children returns the names of a node's children, and watches them.
func (c *zkConn) children(path string) ([]string, error) {
	r, err := c.request(opGetChildren2, watched(path, true))
	if err != nil {
		return nil, err
	}
	n := r.int32()
	if n < 0 || int(n) > len(r.b)/4 {
		r.short = true
		n = 0
	}
	names := make([]string, 0, n)
	for range n {
		names = append(names, string(r.text()))
	}
	r.skip(statBytes)
	return names, c.checked(r)
}

// data returns what a node holds.
func (c *zkConn) data(path string) ([]byte, error) {
	r, err := c.request(opGetData, watched(path, false))
	if err != nil {
		return nil, err
	}
	b := r.bytes()
	r.skip(statBytes)
	return b, c.checked(r)
}

// exists tells whether a node exists, and watches for its creation.
func (c *zkConn) exists(path string) (bool, error) {
	r, err := c.request(opExists, watched(path, true))
	if errors.Is(err, zkNoNode) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.skip(statBytes)
	return true, c.checked(r)
}

// watched is the body of most requests.
func watched(path string, watch bool) (m zkMessage) {
	m.text(path)
	if watch {
		return append(m, 1)
	}
	return append(m, 0)
}

// end ends the session. Only the first reason counts.
func (c *zkConn) end(why error) {
	c.ending.Lock()
	defer c.ending.Unlock()
	if c.err == nil {
		c.err = why
		close(c.over)
		c.conn.Close()
	}
}

// reason tells why the session has ended.
func (c *zkConn) reason() error {
	c.ending.Lock()
	defer c.ending.Unlock()
	return explain(c.err)
}

// goodbye ends the session and tells the server, so that it does not keep the
// session until it times out.
func (c *zkConn) goodbye() {
	select {
	case <-c.over:
		return
	default:
	}
	var m zkMessage
	m.int32(0)
	m.int32(opClose)
	_ = c.conn.SetWriteDeadline(time.Now().Add(closeTimeout)) // a write that is stuck ends, too
	_ = c.write(m)
	c.end(net.ErrClosed)
}

// close ends the session and waits until all its goroutines have ended.
func (c *zkConn) close() {
	c.goodbye()
	c.idle.Wait()
}

// explain puts errors of the network into words that are the same each time, so
// that the same failure is logged once.
func explain(err error) error {
	var (
		dns *net.DNSError
		op  *net.OpError
		no  syscall.Errno
	)
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%s cannot be looked up", dns.Name)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return errors.New("it does not answer")
	case errors.As(err, &op) && errors.As(err, &no):
		return fmt.Errorf("%s: %w", op.Op, no) // without the name of the system call
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return errors.New("it closed the connection")
	}
	return err
}

// zkMessage is a message being written, in the encoding of ZooKeeper (Jute).
type zkMessage []byte

func (m *zkMessage) int32(v int32) { *m = binary.BigEndian.AppendUint32(*m, uint32(v)) }
func (m *zkMessage) int64(v int64) { *m = binary.BigEndian.AppendUint64(*m, uint64(v)) }
func (m *zkMessage) text(s string) {
	m.int32(int32(len(s)))
	*m = append(*m, s...)
}

// zkReader reads a message. Once it is too short, all that it returns is zero.
type zkReader struct {
	b     []byte
	short bool
}

// skip returns the next n bytes, or nil where there are fewer.
func (r *zkReader) skip(n int) []byte {
	if r.short || n < 0 || n > len(r.b) {
		r.short = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *zkReader) int32() int32 {
	if b := r.skip(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// text reads bytes with their number before them.
func (r *zkReader) text() []byte { return r.skip(int(r.int32())) }

// bytes is text, or nothing where the number is -1.
func (r *zkReader) bytes() []byte {
	n := r.int32()
	if n == -1 {
		return nil
	}
	return r.skip(int(n))
}
