//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// forwarding returns settings with these upstream servers.
func forwarding(servers ...string) settings {
	return settings{"externalon": true, "resolvers": servers}
}

// wantForwarded asks for names of the zone that NSD serves, and for local ones.
func wantForwarded(t *testing.T, s *server) {
	t.Helper()
	for _, x := range []struct {
		line, status string
		want         []string
	}{
		{"dig www.outside.example A", "NOERROR", []string{"192.0.2.1"}},
		{"dig +tcp www.outside.example AAAA", "NOERROR", []string{"2001:db8::1"}},
		{"kdig WWW.Outside.Example TXT", "NOERROR", []string{`"some text"`}},
		{"drill alias.outside.example A", "NOERROR", []string{"www.outside.example.", "192.0.2.1"}},
		{"dig _sip._tcp.outside.example SRV", "NOERROR", []string{"1 2 5060 www.outside.example."}},
		{"dig nope.outside.example A", "NXDOMAIN", nil},
		{"dig www.outside.example MX", "NOERROR", nil},
		{"dig big.outside.example A", "NOERROR", addressesFrom("10.9.0.0", 200)},
		{"dig localhost A", "NOERROR", []string{"127.0.0.1"}},
		{"dig x.invalid A", "NXDOMAIN", nil},
		{"dig -x 10.77.0.1", "NXDOMAIN", nil},
		{"dig web.marathon.mesos A", "NOERROR", addressesFrom("10.1.0.1", 3)},
	} {
		require(t, strings.Fields(x.line)[0])
		got := ask(t, s.port, x.line)
		if got.status != x.status || !slices.Equal(sorted(data(got.answer)), sorted(x.want)) || !got.flag("ra") {
			t.Errorf("%s: %s %v %v, want %s %v", x.line, got.status, got.flags, data(got.answer), x.status, x.want)
		}
	}
}

func TestForwardToNSDAndUnbound(t *testing.T) {
	t.Parallel()
	nsd, _ := startNSD(t)
	recursor, _ := startRecursor(t, nsd)
	dead := local(deafPort(t))
	for name, servers := range map[string][]string{
		"NSD": {local(nsd)}, "Unbound": {local(recursor)}, "one drops queries": {dead, local(recursor)}, "one port is closed": {"127.0.0.1:1", local(nsd)},
	} {
		t.Run(name, func(t *testing.T) { wantForwarded(t, serveExample(t, forwarding(servers...))) })
	}
}

// When no upstream server answers, cached names get stale answers and all
// others SERVFAIL.
func TestStaleAnswersWhenAllUpstreamsAreDown(t *testing.T) {
	t.Parallel()
	nsd, p := startNSD(t)
	recursor, q := startRecursor(t, nsd)
	s := serveExample(t, forwarding(local(nsd), local(recursor)))
	if got := ask(t, s.port, "dig www.outside.example A"); got.status != "NOERROR" {
		t.Fatalf("before the upstream servers stop: got %s, want NOERROR", got.status)
	}
	for _, p := range []*process{p, q} {
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	// The record's TTL is 2 s, that of a stale answer 30 s (RFC 8767, section 4).
	eventually(t, "the answer is a stale one", func() (bool, string) {
		got := ask(t, s.port, "dig www.outside.example A")
		if got.status != "NOERROR" || !slices.Equal(data(got.answer), []string{"192.0.2.1"}) {
			t.Fatalf("a cached name: got %s %v, want NOERROR [192.0.2.1]", got.status, data(got.answer))
		}
		return slices.Equal(got.ttls, []string{"30"}), fmt.Sprint("TTLs ", got.ttls)
	})
	if got := ask(t, s.port, "dig other.outside.example A"); got.status != "SERVFAIL" {
		t.Errorf("a name that is not in the cache: got %s, want SERVFAIL", got.status)
	}
}

// An upstream server that is slow, forges responses, truncates them or fails
// does not keep the client from the right answer: another server gives it.
func TestForwardPastBadUpstreams(t *testing.T) {
	t.Parallel()
	lie := func(change func(*dns.Msg)) fakedns.Answer {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			rr, _ := dns.NewRR(q.Question[0].Name + " 60 A 203.0.113.66")
			m.Answer = append(m.Answer, rr)
			change(m)
			w.WriteMsg(m)
		}
	}
	for name, bad := range map[string]fakedns.Answer{
		"slow":           func(w dns.ResponseWriter, q *dns.Msg) { time.Sleep(2 * time.Second); fakedns.Rcode(0)(w, q) },
		"wrong id":       lie(func(m *dns.Msg) { m.Id++ }),
		"wrong question": lie(func(m *dns.Msg) { m.Question[0].Name = "evil.example." }),
		"wrong address": func(w dns.ResponseWriter, q *dns.Msg) {
			c, err := net.Dial("udp", w.RemoteAddr().String())
			if err != nil {
				return
			}
			defer c.Close()
			b, _ := new(dns.Msg).SetReply(q).Pack()
			c.Write(b)
		},
		"truncates": func(w dns.ResponseWriter, q *dns.Msg) { // and closes TCP connections
			if fakedns.OverTCP(w) {
				w.Close()
				return
			}
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			w.WriteMsg(m)
		},
		"malformed": func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(203, 0, 113, 66)}}
			b, _ := m.Pack()
			w.Write(b[:len(b)-3])
		},
		"fails":   fakedns.Rcode(dns.RcodeServerFailure),
		"refuses": fakedns.Rcode(dns.RcodeRefused),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nsd, _ := startNSD(t)
			recursor, _ := startRecursor(t, nsd)
			s := serveExample(t, forwarding(fakedns.Start(t, bad).Addr.String(), local(nsd), local(recursor)))
			for range 5 {
				got := ask(t, s.port, "dig www.outside.example A")
				if got.status != "NOERROR" || !slices.Equal(data(got.answer), []string{"192.0.2.1"}) {
					t.Errorf("got %s %v, want NOERROR [192.0.2.1]", got.status, data(got.answer))
				}
			}
		})
	}
}

// Clients outside of recursionAllow are refused.
func TestForwardOnlyForAllowedClients(t *testing.T) {
	t.Parallel()
	nsd, _ := startNSD(t)
	more := forwarding(local(nsd))
	more["recursionAllow"] = []string{"10.0.0.0/8"}
	s := serveExample(t, more)
	got := ask(t, s.port, "dig www.outside.example A")
	if got.status != "REFUSED" || got.flag("ra") {
		t.Errorf("got %s with flags %v, want REFUSED without ra", got.status, got.flags)
	}
}
