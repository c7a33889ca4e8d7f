//go:build linux && (amd64 || arm64)

package resolver

import (
	"net/netip"
	"slices"
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
// A batch that is full is sent at once, also while another goroutine sends one. What the
// socket has no room for is sent by a goroutine of its own, so that what upstream servers
// say is read meanwhile. Few batches wait for that one; further responses are lost, as any
// packet may be.
type lateResponses struct {
	b *batch

	mu      sync.Mutex
	made    *lateBatch   // those that nobody sends yet; nil for none
	waiting *lateBatch   // that waits for room; nil for none
	behind  []*lateBatch // those that wait behind it
	listed  bool         // the forwarder knows that flush has something to do
}

// maxBehind bounds the batches that wait behind the one that waits for room, beside the one
// that is being made. Each takes 144 KB.
const maxBehind = 2

func (q *lateResponses) init(b *batch) { q.b = b }

// lateBatch is a batch with the functions that the poller calls.
type lateBatch struct {
	responseBatch
	write func(fd uintptr) bool
	try   func(fd uintptr)
}

// lateBatches are for responses on any socket, so that sockets hold one only while they
// need it.
var lateBatches = sync.Pool{New: func() any {
	r := new(lateBatch)
	r.init()
	r.write = r.send
	r.try = func(fd uintptr) { r.send(fd) }
	return r
}}

// add makes a response and queues it.
func (q *lateResponses) add(w *batchResponseWriter, l *pendingQuery, e *cache.Entry, age cache.Age) {
	forward := q.b.server.responder.forward
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.made != nil && q.made.full() {
		if q.waiting == nil {
			q.sendMade()
		} else if !q.putBehind(q.made) {
			forward.pending.done(1)
			return
		} else {
			q.made = nil
		}
	}
	if q.made == nil {
		q.made = lateBatches.Get().(*lateBatch)
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
	if q.made != nil && q.waiting == nil {
		q.sendMade()
	}
}

// sendMade sends the responses that have been made, while none wait for room. The caller
// holds the lock, which is released meanwhile.
func (q *lateResponses) sendMade() {
	r := q.made
	q.made = nil
	q.mu.Unlock()
	err := q.b.raw.Control(r.try)
	q.mu.Lock()
	switch {
	case err != nil || r.allSent():
		q.sent(r)
	case q.waiting == nil:
		q.waiting = r
		q.b.server.background.Go(q.wait)
	case !q.putBehind(r): // another goroutine has found no room meanwhile
		q.sent(r)
	}
}

// putBehind lets a batch wait behind the one that waits for room. It reports false where
// too many do.
func (q *lateResponses) putBehind(r *lateBatch) bool {
	if len(q.behind) == maxBehind {
		return false
	}
	q.behind = append(q.behind, r)
	return true
}

// wait waits until the socket has room for the responses that wait, for sendTimeout at
// most for each batch.
func (q *lateResponses) wait() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.waiting != nil {
		r := q.waiting
		q.mu.Unlock()
		_ = q.b.socket.SetWriteDeadline(time.Now().Add(sendTimeout))
		_ = q.b.raw.Write(r.write)
		q.mu.Lock()
		q.sent(r)
		q.waiting = nil
		if len(q.behind) > 0 {
			q.waiting = q.behind[0]
			q.behind = slices.Delete(q.behind, 0, 1)
		} else if q.made != nil {
			q.waiting, q.made = q.made, nil
		}
	}
}

// sent forgets responses, which have been sent or given up.
func (q *lateResponses) sent(r *lateBatch) {
	q.b.server.responder.forward.pending.done(r.made)
	r.release()
	lateBatches.Put(r)
}
