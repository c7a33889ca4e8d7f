package resolver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/resolver/upstream"
	"toponym/zone"
)

// crossing is a zone with CNAME records that lead out of it.
const crossing = `
$ORIGIN inner.example.
$TTL 300
@	SOA ns ops 1 3600 600 86400 20
	NS ns
ns	A 10.9.0.53
www	CNAME www.example.com.
chain	CNAME www
back	CNAME back.example.com.
gone	CNAME none.example.com.
there-and-back CNAME and-back.example.com.
local	CNAME localhost.
`

func crossingZone(t *testing.T) *zone.Zone {
	t.Helper()
	o := testZoneOptions
	s, err := zone.ReadZoneFiles([]zone.ZoneFile{{Name: "crossing", Text: []byte(crossing)}}, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Static = s
	return testZoneOf(t, o)
}

// known are the records of the servers upstream.
var known = []string{
	"www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN AAAA 2001:db8::1",
	"back.example.com. 60 IN CNAME one.marathon.mesos.",
	"srv.example.com. 60 IN CNAME _one._tcp.marathon.mesos.",
	"lost.example.com. 60 IN CNAME none.marathon.mesos.",
	"Mixed.example.com. 60 IN CNAME TWO.example.com.", "two.example.com. 60 IN CNAME One.Marathon.Mesos.",
	"and-back.example.com. 60 IN CNAME there-and-back.inner.example.",
	"circle.example.com. 60 IN CNAME circle.example.com.",
	"corp.example.com. 60 IN CNAME db.corp.example.",
	"signed.example.com. 60 IN CNAME one.marathon.mesos.",
	"signed.example.com. 60 IN RRSIG CNAME 8 3 60 20300101000000 20200101000000 1 example.com. AAAA",
}

// RFC 1034, section 4.3.2, step 3a, for clients with RD whose queries are
// forwarded: a chain of CNAME records is followed wherever it leads.
func TestCNAMEsAreFollowedAcrossServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleWith(t, crossingZone(t), nil, known...)
		for range 2 { // asked, then cached
			b.expect("Www.inner.example. A +rd", `
				NOERROR qr aa rd ra
				answer Www.inner.example. 300 CNAME www.example.com.
				answer www.example.com. 60 A 192.0.2.1`)
			b.expect("chain.inner.example. AAAA +rd +edns=1232", `
				NOERROR qr aa rd ra
				answer chain.inner.example. 300 CNAME www.inner.example.
				answer www.inner.example. 300 CNAME www.example.com.
				answer www.example.com. 60 AAAA 2001:db8::1
				opt 1232`)
			b.expect("gone.inner.example. A +rd", `
				NXDOMAIN qr aa rd ra
				answer gone.inner.example. 300 CNAME none.example.com.
				authority com. 60 SOA ns.test. root.test. 1 2 3 4 60`)
			b.expect("www.inner.example. MX +rd", `
				NOERROR qr aa rd ra
				answer www.inner.example. 300 CNAME www.example.com.
				authority com. 60 SOA ns.test. root.test. 1 2 3 4 60`)
			b.expect("back.inner.example. A +rd", `
				NOERROR qr aa rd ra
				answer back.inner.example. 300 CNAME back.example.com.
				answer back.example.com. 60 CNAME one.marathon.mesos.
				answer one.marathon.mesos. 60 A 10.1.0.1`)
			b.expect("bAck.example.com. A +rd", `
				NOERROR qr rd ra
				answer bAck.example.com. 60 CNAME one.marathon.mesos.
				answer one.marathon.mesos. 60 A 10.1.0.1`)
			b.expect("srv.example.com. SRV +rd", `
				NOERROR qr rd ra
				answer srv.example.com. 60 CNAME _one._tcp.marathon.mesos.
				answer _one._tcp.marathon.mesos. 60 SRV 0 1 1001 one-6886e-s0.marathon.slave.mesos.
				answer _one._tcp.marathon.mesos. 60 SRV 0 1 1002 one-6886e-s0.marathon.slave.mesos.
				additional one-6886e-s0.marathon.slave.mesos. 60 A 192.0.2.1
				additional one-6886e-s0.marathon.slave.mesos. 60 AAAA fd00:a::1`)
			b.expect("lost.example.com. A +rd", `
				NXDOMAIN qr rd ra
				answer lost.example.com. 60 CNAME none.marathon.mesos.
				authority mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`)
			b.expect("back.example.com. AAAA +rd", `
				NOERROR qr rd ra
				answer back.example.com. 60 CNAME one.marathon.mesos.
				authority mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`)
			b.expect("signed.example.com. A +rd +do", `
				NOERROR qr rd ra
				answer signed.example.com. 60 CNAME one.marathon.mesos.
				answer one.marathon.mesos. 60 A 10.1.0.1
				opt 1232 do`)
			b.expect("back.example.com. CNAME +rd", `
				NOERROR qr rd ra
				answer back.example.com. 60 CNAME one.marathon.mesos.`)
		}
		b.up.questions()
		b.expect("there-and-back.inner.example. A +rd", `
			NOERROR qr aa rd ra
			answer there-and-back.inner.example. 300 CNAME and-back.example.com.
			answer and-back.example.com. 60 CNAME there-and-back.inner.example.`)
		b.expect("circle.example.com. A +rd", `
			NOERROR qr rd ra
			answer circle.example.com. 60 CNAME circle.example.com.
			authority com. 60 SOA ns.test. root.test. 1 2 3 4 60`)
		b.expect("local.inner.example. A +rd", `
			NOERROR qr aa rd ra
			answer local.inner.example. 300 CNAME localhost.`)
		b.expect("mixed.example.com. A +rd", "NXDOMAIN qr rd ra\nauthority com. 60 SOA ns.test. root.test. 1 2 3 4 60")
	})
}

// The parts of a chain are cached by themselves, so they serve other names, and what
// is ours is as the zone is now.
func TestCachesKeepThePartsOfChains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleWith(t, crossingZone(t), nil, known...)
		b.answer("www.inner.example. A +rd")
		if got, want := b.up.questions(), "www.example.com. A"; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		b.expect(askWWW, wantWWW)
		b.answer("chain.inner.example. A +rd")
		b.answer("back.example.com. A +rd")
		if got, want := b.up.questions(), "back.example.com. A"; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		b.s.store.Swap(zone.NewEmpty(testZoneOptions, zone.SameSerial(1)))
		b.expect("back.example.com. A +rd", "SERVFAIL qr rd ra")
		b.s.store.Swap(testZone(t, instances{name: "x", count: 1, base: 9}))
		time.Sleep(20 * time.Second)
		b.expect("back.example.com. A +rd", `
			NOERROR qr rd ra
			answer back.example.com. 40 CNAME one.marathon.mesos.
			answer one.marathon.mesos. 60 A 10.1.0.1`)
		if got := b.up.questions(); got != "" {
			t.Errorf("asked %s, want nothing", got)
		}
	})
}

// Clients whose queries are not forwarded, or that do not want it, get our part.
func TestCNAMEsAreNotFollowedOutOfOurZonesWithoutRecursion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleWith(t, crossingZone(t), nil, known...)
		b.expect("www.inner.example. A", "NOERROR qr aa ra\nanswer www.inner.example. 300 CNAME www.example.com.")
		b.expect("www.inner.example. A +rd +from=203.0.113.1", "NOERROR qr aa rd\nanswer www.inner.example. 300 CNAME www.example.com.")
		if got := b.up.questions(); got != "" {
			t.Errorf("asked %s, want nothing", got)
		}
	})
}

// When a part cannot be had, neither can the answer.
func TestAChainWithAPartThatCannotBeHadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleWith(t, crossingZone(t), nil, known...)
		b.up.set(failing)
		b.expect("www.inner.example. A +rd", "SERVFAIL qr rd ra")
		b.expect("www.inner.example. A +rd", "SERVFAIL qr rd ra")
	})
}

// Servers that do not follow CNAME records, as those of a zone do, leave that to
// us, and others are asked for what is theirs.
func TestCNAMEsOfZoneResolversAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp := Upstream{AddrPort: dummyUpstream(1)}
		b := newBubble(t, func(o *ForwardOptions) {
			o.ZoneUpstreams = map[string][]Upstream{"corp.example": {corp}}
		})
		b.up.set(func(q upstream.Question, h upstream.Handler) {
			name, _, _ := dns.UnpackDomainName(q.Name, 0)
			m := new(dns.Msg).SetQuestion(name, q.Type)
			m.Response = true
			for _, line := range append([]string{
				"a.corp.example. 60 IN CNAME b.corp.example.", "b.corp.example. 60 IN CNAME www.example.com.", "db.corp.example. 60 IN A 192.0.2.9",
			}, known...) {
				if rr, _ := dns.NewRR(line); rr.Header().Name == name && (rr.Header().Rrtype == q.Type || rr.Header().Rrtype == dns.TypeCNAME) {
					m.Answer = append(m.Answer, rr)
				}
			}
			if name == "corp.example.com." { // what a public server says of a private name
				m.Rcode = dns.RcodeNameError
				soa, _ := dns.NewRR(". 60 IN SOA a.root. b.root. 1 2 3 4 60")
				m.Ns = append(m.Ns, soa)
			}
			respondWith(m, h)
		})
		b.expect("a.corp.example. A +rd", `
			NOERROR qr rd ra
			answer a.corp.example. 60 CNAME b.corp.example.
			answer b.corp.example. 60 CNAME www.example.com.
			answer www.example.com. 60 A 192.0.2.1`)
		if got, want := b.up.questions(), "a.corp.example. A, b.corp.example. A, www.example.com. A"; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		b.expect("corp.example.com. A +rd", `
			NOERROR qr rd ra
			answer corp.example.com. 60 CNAME db.corp.example.
			answer db.corp.example. 60 A 192.0.2.9`)
	})
}

// A chain ends after a few parts, whatever the servers say.
func TestChainsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, nil)
		b.up.set(func(q upstream.Question, h upstream.Handler) {
			name, _, _ := dns.UnpackDomainName(q.Name, 0)
			var n int
			fmt.Sscanf(name, "n%d.", &n)
			m := new(dns.Msg).SetQuestion(name, q.Type)
			m.Response = true
			rr, _ := dns.NewRR(fmt.Sprintf("%s 60 IN CNAME n%d.example.com.", name, n+1))
			m.Answer = []dns.RR{rr}
			respondWith(m, h)
		})
		got := b.answer("n0.example.com. A +rd")
		if n := strings.Count(got, "CNAME"); !strings.HasPrefix(got, "NOERROR") || n != maxChain+1 {
			t.Errorf("got %d CNAME records in %s, want %d", n, got, maxChain+1)
		}
	})
}

// Some servers give the records of a chain in another order.
func TestChainsInAnyOrderAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, nil)
		b.up.set(func(q upstream.Question, h upstream.Handler) {
			m := new(dns.Msg).SetQuestion("a.example.com.", q.Type)
			m.Response = true
			for _, line := range []string{"b.example.com. 60 IN CNAME One.Marathon.mesos.", "a.example.com. 60 IN CNAME b.example.com."} {
				rr, _ := dns.NewRR(line)
				m.Answer = append(m.Answer, rr)
			}
			respondWith(m, h)
		})
		b.expect("A.example.com. A +rd", `
			NOERROR qr rd ra
			answer b.example.com. 60 CNAME One.Marathon.mesos.
			answer A.example.com. 60 CNAME b.example.com.
			answer One.Marathon.mesos. 60 A 10.1.0.1`)
	})
}

// Parts of a chain are prefetched like other popular entries.
func TestPartsOfChainsArePrefetchedBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleWith(t, crossingZone(t), nil, known...)
		for range 10 {
			b.answer("www.inner.example. A +rd")
			b.answer("back.example.com. A +rd")
		}
		time.Sleep(57 * time.Second)
		b.up.questions()
		b.expect("www.inner.example. A +rd", `
			NOERROR qr aa rd ra
			answer www.inner.example. 300 CNAME www.example.com.
			answer www.example.com. 3 A 192.0.2.1`)
		b.expect("back.example.com. A +rd", `
			NOERROR qr rd ra
			answer back.example.com. 3 CNAME one.marathon.mesos.
			answer one.marathon.mesos. 60 A 10.1.0.1`)
		if got, want := b.up.questions(), "www.example.com. A, back.example.com. A"; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	})
}

func TestChainsAreAnsweredOverBothTransports(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		s, _ := start(t, "127.0.0.1", forwarding(fakedns.Start(t, outsideRecords)))
		s.store.Swap(crossingZone(t))
		conn := dial(t, s, network, "127.0.0.1")
		for range 2 {
			got := fullTTLs(askOver(t, conn, "chain.inner.example. A +rd +edns=1232"))
			want := "NOERROR qr aa rd ra\nanswer chain.inner.example. 300 CNAME www.inner.example.\n" +
				"answer www.inner.example. 300 CNAME www.example.com.\nanswer www.example.com. 60 A 192.0.2.1\nopt 1232"
			if got != want {
				t.Errorf("%s\n--- got\n%s\n--- want\n%s", network, got, want)
			}
		}
	}
}
