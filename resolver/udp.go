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

	"toponym/resolver/cache"
)

// longAgo as a deadline ends what waits, at once.
var aLongTimeAgo = time.Unix(1, 0)

// serveUDP starts the goroutines that answer over UDP until ctx ends, and
// returns. What has not been sent when final ends is lost.
//
// Their number is fixed, and each answers what it has read before it reads more:
// an answer waits for nothing, so more would only queue elsewhere. A flood fills
// the queues of the sockets, whose sizes are known.
//
// Where the system can do it, each core has a socket of its own, which is read
// and written in batches. Elsewhere all share one.
func (s *Server) serveUDP(ctx, final context.Context, all *sync.WaitGroup) {
	cores := s.o.Workers
	sockets, each, answer := append([]*net.UDPConn{s.udp}, s.moreUDP...), 2*cores, s.answerSingly
	if canBatch(s.udp) {
		var err error
		if sockets, err = s.socketPerCore(sockets, cores); err != nil {
			s.log.WithError(err).Warnf("%d of %d sockets for UDP could be opened", len(sockets), cores)
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
			s.forward.drain(final)
		})
	}
}

// oneForEach gives a socket for each core at least.
func (s *Server) socketPerCore(sockets []*net.UDPConn, cores int) ([]*net.UDPConn, error) {
	if s.adopted {
		return dupSockets(sockets, cores)
	}
	more, err := listenReusePort(s.udp, cores-1)
	return append(sockets, more...), err
}

// answerSingly answers one query after the other.
func (s *Server) answerSingly(ctx context.Context, udp *net.UDPConn) {
	in, out := make([]byte, dns.MaxMsgSize), make([]byte, bufferSize)
	worker := s.worker(s.counters.newWorker())
	pause := backoff{max: time.Second}
	for {
		n, from, err := dns.ReadFromSessionUDP(udp, in)
		if err != nil {
			if !s.readAgain(ctx, err, &pause) {
				return
			}
			continue
		}
		pause.reset()
		client, ok := clientOverUDP(from.RemoteAddr().(*net.UDPAddr).AddrPort())
		if !ok {
			continue
		}
		start := worker.counters.sampleStart()
		msg, l := worker.respond(out, s.store.Current(), client, in[:n])
		if l != nil {
			if msg == nil {
				l.replyTo = &udpResponseWriter{s: s, udp: udp, to: from}
			}
			s.forward.ask(l)
		}
		if msg == nil {
			continue
		}
		// A reply that cannot be sent is lost, as any packet may be: the
		// client asks again.
		_, _ = dns.WriteToSessionUDP(udp, msg, from)
		worker.counters.sampleEnd(start, 1)
	}
}

// wayUDP is the way back to a client whose query was read singly.
type udpResponseWriter struct {
	s   *Server
	udp *net.UDPConn
	to  *dns.SessionUDP
}

func (w *udpResponseWriter) writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age) {
	buf := largeBuffers.Get().(*[bufferSize]byte)
	defer largeBuffers.Put(buf)
	_, _ = dns.WriteToSessionUDP(w.udp, w.s.writeEntry(buf[:], &l.forwardQuery, e, age), w.to)
}

// readAgain decides after an error of reading whether to go on, after a pause.
func (s *Server) readAgain(ctx context.Context, err error, pause *backoff) bool {
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	s.log.WithError(err).Warn("cannot read queries over UDP")
	pause.wait(ctx)
	return true
}

// clientOverUDP is who sent a packet. It reports false when a reply cannot be
// wanted: nobody listens to port 0, so such a packet was made to have us send
// something to somebody.
func clientOverUDP(from netip.AddrPort) (client, bool) {
	return client{addr: from.Addr().WithZone("").Unmap(), transport: UDP}, from.Port() != 0
}

// backoff is a pause that doubles from 5 ms to max, so that an error that stays
// does not take a whole core.
type backoff struct {
	next, max time.Duration
}

func (b *backoff) reset() { b.next = 0 }

// wait ends early with the context.
func (b *backoff) wait(ctx context.Context) {
	b.next = min(max(2*b.next, 5*time.Millisecond), b.max)
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
