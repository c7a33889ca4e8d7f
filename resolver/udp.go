package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/internal/backoff"
	"toponym/resolver/cache"
)

// aLongTimeAgo as a deadline ends a pending read or write at once.
var aLongTimeAgo = time.Unix(1, 0)

// messageBuffer is room for a response, with the length field before it that TCP
// has (RFC 1035, section 4.2.2).
type messageBuffer [2 + bufferSize]byte

// messageBuffers are for messages of any size, so that connections and pending
// queries hold one only while they need it.
var messageBuffers = sync.Pool{New: func() any { return new(messageBuffer) }}

// serveUDP starts the goroutines that answer over UDP at an endpoint until ctx ends,
// and returns. What has not been sent when final ends is lost.
//
// Their number is fixed, and each answers what it has read before it reads more:
// an answer waits for nothing, so more goroutines would only move the queue. A
// flood fills the queues of the sockets, whose sizes are known.
//
// Where the system supports it, each core has a socket of its own, which is read
// and written in batches. Elsewhere all share one.
func (s *Server) serveUDP(ctx, final context.Context, e *endpoint, all *sync.WaitGroup) {
	cores := s.o.Workers
	sockets, each, answer := e.udp, 2*cores, s.answerSingly
	if canBatch(e.udp[0]) {
		var err error
		if sockets, err = e.socketPerCore(cores); err != nil {
			s.log.WithFields(logrus.Fields{"count": len(sockets), "wanted": cores, "error": err}).Warn("fewer UDP sockets than cores could be opened")
		}
		each, answer = 1, s.answerBatches
	}
	for _, udp := range sockets {
		var workers sync.WaitGroup
		for range each {
			workers.Go(func() { answer(ctx, udp) })
		}
		all.Go(func() {
			defer udp.Close()
			defer context.AfterFunc(ctx, func() { udp.SetReadDeadline(aLongTimeAgo) })()
			defer context.AfterFunc(final, func() { udp.Close() })()
			workers.Wait()
			s.responder.forward.drain(final)
		})
	}
}

// socketPerCore opens sockets until there is at least one for each core.
func (e *endpoint) socketPerCore(cores int) ([]*net.UDPConn, error) {
	if e.inherited {
		return dupSockets(e.udp, cores)
	}
	network, _ := networks(e.addr.Addr(), e.only6)
	more, err := listenReusePort(e.udp[0], network, cores-1)
	return append(e.udp[:1:1], more...), err
}

// answerSingly answers one query after the other.
func (s *Server) answerSingly(ctx context.Context, udp *net.UDPConn) {
	in, out := make([]byte, dns.MaxMsgSize), make([]byte, bufferSize)
	counters := s.counters.newWorker()
	defer s.counters.release(counters)
	worker := s.responder.worker(counters)
	failures := 0
	for {
		n, from, err := dns.ReadFromSessionUDP(udp, in)
		if err != nil {
			if !s.readAgain(ctx, err, &failures) {
				return
			}
			continue
		}
		failures = 0
		client, ok := clientOverUDP(from.RemoteAddr().(*net.UDPAddr).AddrPort())
		if !ok {
			continue
		}
		start := worker.counters.sampleStart()
		var asked time.Time
		if s.o.Tap.Open() {
			asked = time.Now()
		}
		msg, l := worker.respond(out, s.store.Current(), client, in[:n])
		if !asked.IsZero() {
			s.observe(stageOf(msg, l), UDP, addrPort(from.RemoteAddr()), addrPort(udp.LocalAddr()), in[:n], msg, asked)
		}
		if l != nil {
			if msg == nil {
				l.replyTo, l.asked = &udpResponseWriter{s: s, udp: udp, to: from}, asked
			}
			s.responder.forward.forward(l)
		}
		if msg == nil {
			continue
		}
		// A response that cannot be sent is lost, as any packet may be: the
		// client asks again.
		_ = udp.SetWriteDeadline(time.Now().Add(sendTimeout))
		_, _ = dns.WriteToSessionUDP(udp, msg, from)
		worker.counters.sampleEnd(start, 1)
	}
}

// udpResponseWriter sends to a client whose query was read singly.
type udpResponseWriter struct {
	s   *Server
	udp *net.UDPConn
	to  *dns.SessionUDP
}

func (w *udpResponseWriter) writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age) {
	buf := messageBuffers.Get().(*messageBuffer)
	defer messageBuffers.Put(buf)
	msg := w.s.responder.writePending(buf[2:], l, e, age)
	w.s.observeCompleted(l, addrPort(w.to.RemoteAddr()), addrPort(w.udp.LocalAddr()), msg)
	_ = w.udp.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, _ = dns.WriteToSessionUDP(w.udp, msg, w.to)
	w.s.responder.forward.pending.done(1)
}

// sendTimeout is how long responses may wait for room in the socket's queue. It
// is for a burst that the network takes a moment for. While they wait, no other
// query is answered.
const sendTimeout = 10 * time.Millisecond

const (
	firstPause = 5 * time.Millisecond
	maxPause   = time.Second
)

// pause waits after one more failure in a row, so that an error that stays does
// not take a whole core. It ends early with the context.
func pause(ctx context.Context, failures *int) {
	timer := time.NewTimer(backoff.Delay(*failures, firstPause, maxPause))
	defer timer.Stop()
	*failures++
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// readAgain decides after an error of reading whether to go on, after a pause.
func (s *Server) readAgain(ctx context.Context, err error, failures *int) bool {
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	s.log.WithError(err).Warn("cannot read queries over UDP")
	pause(ctx, failures)
	return true
}

// clientOverUDP is the sender of a packet. It reports false for packets that must
// not be answered: no client listens on port 0, so a packet from there was
// forged to make this server send packets to a victim.
func clientOverUDP(from netip.AddrPort) (client, bool) {
	return client{addr: from.Addr().WithZone("").Unmap(), transport: UDP}, from.Port() != 0
}
