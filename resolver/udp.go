package resolver

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// longAgo as a deadline ends what waits, at once.
var longAgo = time.Unix(1, 0)

// serveUDP starts the goroutines that answer over UDP until ctx ends, and
// returns. What has not been sent when final ends is lost.
//
// Their number is fixed, and each answers a query before it reads the next: an
// answer waits for nothing, so more would only queue elsewhere. A flood fills
// the socket's queue, whose size is known.
func (s *Server) serveUDP(ctx, final context.Context, all *sync.WaitGroup) {
	var workers sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		workers.Go(func() { s.answerUDP(ctx) })
	}
	all.Go(func() {
		defer s.udp.Close()
		defer context.AfterFunc(ctx, func() { s.udp.SetReadDeadline(longAgo) })()
		defer context.AfterFunc(final, func() { s.udp.Close() })()
		workers.Wait()
	})
}

// answerUDP answers one query after the other.
func (s *Server) answerUDP(ctx context.Context) {
	in, out := make([]byte, dns.MaxMsgSize), make([]byte, bufferSize)
	pause := backoff{max: time.Second}
	for {
		n, from, err := dns.ReadFromSessionUDP(s.udp, in)
		if ctx.Err() != nil && err != nil {
			return
		}
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			s.log.WithError(err).Warn("cannot read queries over UDP")
			pause.wait(ctx)
			continue
		}
		pause.reset()
		addr := from.RemoteAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		msg := s.respond(out, s.store.Current(), client{addr: addr, transport: UDP}, in[:n])
		if msg == nil {
			continue
		}
		// A reply that cannot be sent is lost, as any packet may be: the
		// client asks again.
		_, _ = dns.WriteToSessionUDP(s.udp, msg, from)
	}
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
