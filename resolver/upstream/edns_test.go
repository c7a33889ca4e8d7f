package upstream

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// onEDNS answers queries with an OPT record in another way than those without.
func onEDNS(with fakedns.Answer) fakedns.Answer {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if q.IsEdns0() != nil {
			with(w, q)
			return
		}
		good(w, q)
	}
}

func TestServersThatDislikeEDNSAreAskedWithoutIt(t *testing.T) {
	for name, with := range map[string]fakedns.Answer{
		"dropped": fakedns.Silent,
		"FORMERR without a question": func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetRcodeFormatError(q)
			m.Question = nil
			w.WriteMsg(m)
		},
		"FORMERR":  fakedns.Rcode(dns.RcodeFormatError),
		"NOTIMP":   fakedns.Rcode(dns.RcodeNotImplemented),
		"SERVFAIL": fakedns.Rcode(dns.RcodeServerFailure),
		"SERVFAIL with an OPT record": func(w dns.ResponseWriter, q *dns.Msg) {
			w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure).SetEdns0(1232, false))
		},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
				var withOPT atomic.Int64
				s := n.Start(onEDNS(func(w dns.ResponseWriter, q *dns.Msg) {
					withOPT.Add(1)
					with(w, q)
				}))
				g := c.Group(udpOf(s))
				begin := time.Now()
				for range 3 {
					wantAnswer(t, g)
				}
				if got := time.Since(begin); got > 3*time.Second {
					t.Errorf("the first three answers took %v, want less than 3 s", got)
				}
				before := withOPT.Load()
				begin = time.Now()
				for range 100 {
					wantAnswer(t, g)
				}
				if got := time.Since(begin); got != 200*time.Millisecond {
					t.Errorf("100 answers took %v, want 2 ms each", got)
				}
				if got := withOPT.Load() - before; got > 0 {
					t.Errorf("%d queries had an OPT record though the server is known to dislike it, want 0", got)
				}
				if g.Down() {
					t.Error("the server is down, want it up")
				}
				time.Sleep(ednsAvoid)
				wantAnswer(t, g)
				if withOPT.Load() == before {
					t.Error("no query had an OPT record after a while")
				}
			})
		})
	}
}

// Where EDNS works, neither lost packets nor genuine failures are a reason to do
// without it.
func TestServersThatLikeEDNSAreAskedWithIt(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		var count, withoutOPT atomic.Int64
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if q.IsEdns0() == nil {
				withoutOPT.Add(1)
			}
			switch count.Add(1) % 4 {
			case 1:
			case 2:
				w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure).SetEdns0(1232, false))
			default:
				good(w, q)
			}
		})
		g := c.Group(udpOf(s))
		count.Add(2) // the first question is answered
		wantAnswer(t, g)
		for range 100 {
			ask(g, "a.test")
		}
		if got := withoutOPT.Load(); got != 0 {
			t.Errorf("%d of %d queries had no OPT record, want 0", got, count.Load())
		}
	})
}
