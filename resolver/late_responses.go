//go:build linux && (amd64 || arm64)

package resolver

import (
	"net/netip"
	"sync"
	"time"

	"toponym/resolver/cache"
)

// batchResponseWriter sends to a client whose query was in a batch that has been
// answered meanwhile. It has copies of the address that the query came from, and
// of the one that it was sent to. It is for any goroutine.
type batchResponseWriter struct {
	b          *batch
	source     sockaddr
	sourceLen  uint32
	control    control
	controlLen uint64
}

func newBatchResponseWriter(b *batch, i int) *batchResponseWriter {
	p := b.queries.peer(i)
	return &batchResponseWriter{
		b:          b,
		source:     b.queries.sources[i],
		sourceLen:  p.addrLen,
		control:    b.queries.controls[i],
		controlLen: p.controlLen,
	}
}

// local is the address that the query was sent to.
func (w *batchResponseWriter) local() netip.Addr {
	if w.controlLen > 0 {
		return w.control.local()
	}
	return w.b.local.Addr()
}

// peer is how to reach the client.
func (w *batchResponseWriter) peer() peer {
	p := peer{addr: &w.source[0], addrLen: w.sourceLen}
	if w.controlLen > 0 {
		p.control, p.controlLen = &w.control[0], w.controlLen
	}
	return p
}

// writeResponse queues a response.
func (w *batchResponseWriter) writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age) {
	w.b.late.add(w, l, e, age)
}

// lateResponses are the responses from one socket to queries that had to wait for
// upstream servers. They are sent when the turn of the goroutine that makes them ends,
// many with one system call. It is for any goroutine.
//
// A batch that is full is sent at once. What the socket has no room for is sent by a
// goroutine of its own, so that what upstream servers say is read meanwhile. While that
// one waits, there is one more batch; further responses are lost, as any packet may be.
type lateResponses struct {
	b    *batch
	send func(fd uintptr) bool
	try  func(fd uintptr)

	mu      sync.Mutex
	made    *responseBatch // those that nobody sends yet; nil for none
	sending *responseBatch // nil unless a goroutine is sending
	listed  bool           // the forwarder knows that flush has something to do
}

func (q *lateResponses) init(b *batch) {
	q.b = b
	q.send = func(fd uintptr) bool { return q.sending.send(fd) }
	q.try = func(fd uintptr) { q.sending.send(fd) }
}

// lateBatches are for responses on any socket, so that sockets hold one only while they
// need it.
var lateBatches = sync.Pool{New: func() any {
	r := new(responseBatch)
	r.init()
	return r
}}

// add makes a response and queues it.
func (q *lateResponses) add(w *batchResponseWriter, l *pendingQuery, e *cache.Entry, age cache.Age) {
	forward := q.b.server.responder.forward
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.made != nil && q.made.full() {
		q.sendAll()
	}
	if q.made == nil {
		q.made = lateBatches.Get().(*responseBatch)
	}
	if q.made.full() {
		forward.pending.done(1)
		return
	}
	if !q.listed {
		q.listed = true
		forward.unsent.add(q)
	}
	msg := q.b.server.responder.writePending(q.made.buffer(), l, e, age)
	q.b.server.observeCompleted(l, w.source.addrPort(), netip.AddrPortFrom(w.local(), q.b.local.Port()), msg)
	q.made.add(msg, w.peer())
}

// flush implements flusher.
func (q *lateResponses) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.listed = false
	q.sendAll()
}

// sendAll sends responses until there are no more, unless another goroutine does. The
// caller holds the lock, which is released meanwhile.
func (q *lateResponses) sendAll() {
	if q.sending != nil {
		return
	}
	for q.made != nil {
		q.sending, q.made = q.made, nil
		q.mu.Unlock()
		err := q.b.raw.Control(q.try)
		q.mu.Lock()
		if err == nil && !q.sending.allSent() {
			q.b.server.background.Go(q.wait)
			return
		}
		q.sent()
	}
}

// wait waits until the socket has room for the responses that are being sent, for
// sendTimeout at most.
func (q *lateResponses) wait() {
	_ = q.b.socket.SetWriteDeadline(time.Now().Add(sendTimeout))
	_ = q.b.raw.Write(q.send)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent()
	q.sendAll()
}

// sent forgets the responses that were being sent.
func (q *lateResponses) sent() {
	q.b.server.responder.forward.pending.done(q.sending.made)
	q.sending.release()
	lateBatches.Put(q.sending)
	q.sending = nil
}
