package upstream

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/internal/fakedns"
)

// What a server says is not believed when it is not to what was asked, by whom
// it was asked.
func TestLies(t *testing.T) {
	t.Parallel()
	lie := func(change func(m *dns.Msg)) fakedns.Answer {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 203.0.113.66")
			m.Answer = []dns.RR{rr}
			change(m)
			w.WriteMsg(m)
		}
	}
	for name, answer := range map[string]fakedns.Answer{
		"id":          lie(func(m *dns.Msg) { m.Id++ }),
		"name":        lie(func(m *dns.Msg) { m.Question[0].Name = "x.test." }),
		"type":        lie(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }),
		"class":       lie(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
		"no question": lie(func(m *dns.Msg) { m.Question = nil }),
		"a query":     lie(func(m *dns.Msg) { m.Response = false }),
		"opcode":      lie(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
		"address": func(w dns.ResponseWriter, q *dns.Msg) {
			other, err := net.Dial("udp", w.RemoteAddr().String())
			if err != nil {
				return
			}
			defer other.Close()
			m := new(dns.Msg).SetReply(q)
			b, _ := m.Pack()
			other.Write(b)
		},
		"garbage":  func(w dns.ResponseWriter, q *dns.Msg) { w.Write([]byte("\x00\x01\x02")) },
		"empty":    func(w dns.ResponseWriter, q *dns.Msg) { w.Write(nil) },
		"nonsense": func(w dns.ResponseWriter, q *dns.Msg) { w.Write(nonsense(q)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			liar, honest := fakedns.Start(t, answer), fakedns.Start(t, good)
			g := run(t, Options{}).Group(udpOf(liar, honest))
			if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
				t.Error(got)
			}
			if name == "id" || name == "address" {
				return // the system drops what comes from elsewhere
			}
			if n := g.servers[0].counters.mismatched.Load(); name != "empty" && name != "garbage" && n == 0 {
				t.Error("nothing strange was counted")
			}
		})
	}
}

// nonsense is a reply to the question with records that cannot be read.
func nonsense(q *dns.Msg) []byte {
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(203, 0, 113, 66)}}
	b, _ := m.Pack()
	return b[:len(b)-2]
}

// Lies do not keep the truth from being heard, though they come first.
func TestLiesBeforeTheTruth(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Question[0].Name = "x.test."
		w.WriteMsg(m)
		w.Write(nonsense(q))
		good(w, q)
	})
	g := run(t, Options{}).Group(udpOf(s))
	for range 5 {
		if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
			t.Error(got)
		}
	}
	n := &g.servers[0].counters
	if strange, queries := n.mismatched.Load(), n.queries.Load(); strange < 10 || queries > 6 { // with the loop probe
		t.Errorf("%d strange replies to %d queries", strange, queries)
	}
}

// A server that sends nonsense alone is waited for until the end, and does not
// rest: it is there.
func TestNothingButNonsense(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) { w.Write(nonsense(q)) })
	g := run(t, Options{Timeout: 300 * time.Millisecond}).Group(udpOf(s))
	for range 4 {
		if got := ask(t, g, "a.test"); got != errSilent.Error() {
			t.Error(got)
		}
	}
	if g.Down() {
		t.Error("the server rests")
	}
}

// Of a reply that was cut within a record, the rest is had over TCP.
func TestTruncatedWithinARecord(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if fakedns.OverTCP(w) {
			good(w, q)
			return
		}
		b := nonsense(q)
		b[2] |= dnswire.FlagTC >> 8
		w.Write(b)
	})
	if got := ask(t, run(t, Options{}).Group(udpOf(s)), "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
}

// The next server is asked when one is late, and is the first one from then on.
func TestHedging(t *testing.T) {
	t.Parallel()
	dead, fine := fakedns.Start(t, fakedns.Silent), fakedns.Start(t, good)
	g := run(t, Options{}).Group(udpOf(dead, fine))
	begin := time.Now()
	if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	for range 20 {
		begin := time.Now()
		ask(t, g, "b.test")
		if took := time.Since(begin); took > 600*time.Millisecond { // the other one is given 750 ms
			t.Errorf("it took %v although the other server is known to be faster", took)
		}
	}
}

// A server that rests comes back by a probe.
func TestProbes(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, good)
	g := run(t, Options{}).Group(udpOf(s))
	g.servers[0].health.onUnreachable()
	if !g.Down() {
		t.Fatal("it does not rest")
	}
	waitFor(t, func() bool { return !g.Down() })
	if n := s.Asked.Load(); n != 1 {
		t.Errorf("%d queries", n)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	dead := fakedns.Start(t, fakedns.Silent)
	g := run(t, Options{Timeout: time.Second}).Group(udpOf(dead))
	begin := time.Now()
	var all sync.WaitGroup
	for range downAfter {
		all.Go(func() {
			if got := ask(t, g, "a.test"); got != errSilent.Error() {
				t.Error(got)
			}
		})
	}
	all.Wait()
	if !g.Down() {
		t.Error("the server does not rest")
	}
	if took := time.Since(begin); took < 900*time.Millisecond || took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := dead.Asked.Load(); n < 2*downAfter {
		t.Errorf("%d queries: a lost packet would not have been made good", n)
	}
	if got := ask(t, run(t, Options{}).Group(nil), "a.test"); got != errNobody.Error() {
		t.Error(got)
	}
}

// A host that says that nobody listens is not waited for.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	gone := fakedns.Start(t, good)
	gone.Stop()
	g := run(t, Options{}).Group(udpOf(gone))
	begin := time.Now()
	if got := ask(t, g, "a.test"); !strings.Contains(got, "refused") {
		t.Error(got)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if !g.Down() {
		t.Error("the server does not rest")
	}
	fine := fakedns.Start(t, good)
	g = run(t, Options{}).Group(udpOf(gone, fine))
	if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
}

func TestWorseAnswers(t *testing.T) {
	t.Parallel()
	for _, rcode := range []int{dns.RcodeServerFailure, dns.RcodeRefused, dns.RcodeNotImplemented, dns.RcodeFormatError} {
		bad, fine := fakedns.Start(t, fakedns.Rcode(rcode)), fakedns.Start(t, good)
		g := run(t, Options{}).Group(udpOf(bad, fine))
		if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
			t.Errorf("%s: %s", dns.RcodeToString[rcode], got)
		}
		g = run(t, Options{}).Group(udpOf(bad))
		if got := ask(t, g, "a.test"); got != dns.RcodeToString[rcode] {
			t.Errorf("%s alone: %s", dns.RcodeToString[rcode], got)
		}
	}
}

// Servers from before EDNS are asked without it.
func TestServerWithoutEDNS(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.IsEdns0() != nil {
			m := new(dns.Msg).SetRcodeFormatError(q)
			m.Question = nil
			w.WriteMsg(m)
			return
		}
		good(w, q)
	})
	g := run(t, Options{}).Group(udpOf(s))
	if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
}
