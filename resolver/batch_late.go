//go:build linux && (amd64 || arm64)

package resolver

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"toponym/resolver/cache"
)

// wayBatch is the way back to a client of a batch that has been answered long
// ago: a copy of where the query came from, and of where it was sent to.
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

// lateReply is one reply as sendmmsg(2) takes it.
type pendingSend struct {
	message [1]message
	vector  unix.Iovec
	try     func(fd uintptr)
	again   func(fd uintptr) bool
	sent    bool
	buf     [bufferSize]byte
}

var pendingSends = sync.Pool{New: func() any {
	r := new(pendingSend)
	h := &r.message[0].header
	h.Iov, h.Iovlen = &r.vector, 1
	r.again = func(fd uintptr) bool {
		_, errno := callMessages(unix.SYS_SENDMMSG, fd, r.message[:])
		// Other errors than for want of room concern this reply alone.
		r.sent = errno != unix.EAGAIN && errno != unix.EINTR
		return r.sent
	}
	r.try = func(fd uintptr) { r.again(fd) }
	return r
}}

// send sends a reply from the socket of the batch, whatever that does meanwhile.
func (w *batchResponseWriter) writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age) {
	r := pendingSends.Get().(*pendingSend)
	defer pendingSends.Put(r)
	msg := w.b.server.writeEntry(r.buf[:], &l.forwardQuery, e, age)
	r.vector.Base = &msg[0]
	r.vector.SetLen(len(msg))
	h := &r.message[0].header
	h.Name, h.Namelen = &w.source[0], w.sourceLen
	h.Control, h.Controllen = nil, w.controlLen
	if w.controlLen > 0 {
		h.Control = &w.control[0]
	}
	if err := w.b.raw.Control(r.try); err == nil && !r.sent {
		_ = w.b.socket.SetWriteDeadline(time.Now().Add(sendTimeout))
		_ = w.b.raw.Write(r.again)
	}
	h.Name, h.Control = nil, nil
}
