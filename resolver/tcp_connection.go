package resolver

import (
	"bufio"
	"encoding/binary"
	"net"
	"sync"
	"time"

	"toponym/resolver/cache"
)

// connection is what replies to a client over TCP go through: those that are
// made as its queries are read, and those that come later, in any order.
type connection struct {
	s    *Server
	conn net.Conn

	writing sync.Mutex // held while something is written
	out     *bufio.Writer

	mu      sync.Mutex
	changed sync.Cond        // waiting or queue have become less
	pending int              // queries that have no reply yet
	queue   []queuedResponse // replies that are there
	sending bool             // a goroutine takes from the queue
}

type queuedResponse struct {
	l   *pendingQuery
	e   *cache.Entry
	age cache.Age
}

// maxConnWaiting bounds the queries of one connection that wait for others.
// Until there are fewer no more are read, so that a client that does not take
// its replies does not pile them up here.
const maxConnPending = 128

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{s: s, conn: conn, out: bufio.NewWriterSize(conn, connWriteBuffer)}
	c.changed.L = &c.mu
	return c
}

// write writes a reply, which may stay in the buffer.
func (c *connection) write(msg []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(c.s.o.TCPIdleTimeout))
	c.out.Write(binary.BigEndian.AppendUint16(c.out.AvailableBuffer(), uint16(len(msg))))
	_, err := c.out.Write(msg) // errors of a writer stay
	return err
}

func (c *connection) flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.out.Flush()
}

// expect notes a query whose reply comes later, when there are not too many.
func (c *connection) addPending() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending >= maxConnPending {
		// The client shall have what is there before it is kept waiting.
		c.mu.Unlock()
		c.flush()
		c.mu.Lock()
	}
	for c.pending >= maxConnPending {
		c.changed.Wait()
	}
	c.pending++
}

// waits reports whether the client waits for replies.
func (c *connection) hasPending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending > 0
}

// send takes a reply that has come. Writing it may have to wait for the client,
// so a goroutine does that, of which there is one while there are replies.
func (c *connection) writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, queuedResponse{l, e, age})
	if !c.sending {
		c.sending = true
		go c.sendQueue()
	}
}

func (c *connection) sendQueue() {
	buf := largeBuffers.Get().(*[bufferSize]byte)
	defer largeBuffers.Put(buf)
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
			if c.write(c.s.writeEntry(buf[:], &r.l.forwardQuery, r.e, r.age)) != nil {
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

// finish waits until all replies have been written, or cannot be any more.
func (c *connection) drain() {
	c.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pending > 0 || c.sending {
		c.changed.Wait()
	}
}
