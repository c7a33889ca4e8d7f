//go:build bench && linux && (amd64 || arm64)

package main

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// answerer starts a small server: the name "lost" gets no response, "none" gets
// NXDOMAIN, "cut" gets TC.
func answerer(t *testing.T) netip.AddrPort {
	t.Helper()
	addr, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		switch q.Question[0].Name {
		case "lost.":
			return
		case "none.":
			m.Rcode = dns.RcodeNameError
		case "cut.":
			m.Truncated = true
		}
		_ = w.WriteMsg(m) // the client may be gone
	})
	packets, err := net.ListenPacket("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler, MaxTCPQueries: -1}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.ActivateAndServe() // it ends with Shutdown
		}()
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return addr
}

func questions(t *testing.T, names ...string) (out [][]byte) {
	t.Helper()
	for _, name := range names {
		q, err := query(name, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, q)
	}
	return out
}

// check checks the result of a generator that asked for "found", "none" and "cut"
// in turn.
func check(t *testing.T, l load) {
	t.Helper()
	if l.Lost > 0 || l.Late > 0 || l.OtherCodes > 0 || l.Reopened > 0 || l.Rate <= 0 || l.Bytes < 20 {
		t.Errorf("got %+v, want each query answered in time", l)
	}
	near := func(what string, n uint64, parts float64) {
		if got := float64(n) / float64(l.Answered); got < parts*0.8 || got > parts*1.2 {
			t.Errorf("%s: got %d of %d, want about %.2f of them", what, n, l.Answered, parts)
		}
	}
	near("NXDOMAIN", l.NXDomain, 1./3)
	near("NOERROR", l.NoError, 2./3)
	near("TC", l.Truncated, 1./3)
	if la := l.Latency; la.P50 <= 0 || la.P50 > la.P99 || la.P99 > la.P999 || la.P999 > la.Max {
		t.Errorf("latency: got %+v, want percentiles that do not fall", la)
	}
}

// runUntil runs a generator for longer and longer until it has enough responses, on
// any machine.
func runUntil(t *testing.T, o order, answered uint64, names ...string) load {
	t.Helper()
	for {
		l, err := o.run(questions(t, names...))
		if err != nil {
			t.Fatal(err)
		}
		if l.Answered >= answered {
			return l
		}
		o.duration *= 2
	}
}

func TestClosedLoopGenerators(t *testing.T) {
	for _, mode := range []string{modeUDP, modeTCP} {
		t.Run(mode, func(t *testing.T) {
			o := order{mode: mode, server: answerer(t), duration: 100 * time.Millisecond, sockets: 3, window: 4, timeout: time.Hour}
			check(t, runUntil(t, o, 30, "found", "none", "cut"))
		})
	}
}

func TestPacedGeneratorSendsAtItsRate(t *testing.T) {
	g, err := newPaced(answerer(t), questions(t, "found", "none", "cut"), 3, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l := g.run(200*time.Millisecond, 500) // without the priority of a benchmark
	check(t, l)
	if l.Sent != 100 {
		t.Errorf("sent: got %d queries, want 100", l.Sent)
	}
}

// A query without a response is counted as lost and does not stop the others.
func TestLostQueriesAreCounted(t *testing.T) {
	o := order{mode: modeUDP, server: answerer(t), duration: 100 * time.Millisecond, sockets: 1, window: 2, timeout: 50 * time.Millisecond}
	l := runUntil(t, o, 8, "found", "found", "found", "found", "found", "found", "found", "found", "lost")
	if l.Lost == 0 || l.Sent != l.Answered+l.Lost {
		t.Errorf("got %+v, want lost queries, and each query answered or lost", l)
	}
}

func TestFlight(t *testing.T) {
	f := newInflight(2)
	a := f.acquire(1)
	if len(f.free) != 0 || f.count() != 1 {
		t.Fatalf("a window begins with one query: %+v", f)
	}
	if sent, ok := f.complete(a); !ok || sent != 1 {
		t.Errorf("sent at %v, %v", sent, ok)
	}
	if _, ok := f.complete(a); ok {
		t.Error("one query, two answers")
	}
	b, c := f.acquire(2), f.acquire(3)
	if len(f.free) != 0 || f.count() != 2 || b == c {
		t.Fatalf("the window has two queries: %+v", f)
	}
	if lost := f.expire(3); lost != 1 || f.count() != 1 {
		t.Errorf("%d lost", lost)
	}
	if _, ok := f.complete(b); ok {
		t.Error("an answer that came too late was taken")
	}
	d := f.acquire(4)
	if d == b {
		t.Error("an id came back at once")
	}
	f.release(d)
	if _, ok := f.complete(c); !ok || f.count() != 0 {
		t.Errorf("%+v", f)
	}
}
