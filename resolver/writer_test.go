package resolver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// compare asks the responder and the oracle, and fails when they do not say the
// same. It reports whether the response has an answer.
func compare(t *testing.T, r *responder, z *zone.Zone, c client, packet []byte) bool {
	t.Helper()
	got, l := r.respond(make([]byte, bufferSize), z, c, packet)
	if l != nil {
		t.Fatalf("query %x: it is forwarded", packet)
	}
	want := oracle{r}.respond(z, c, packet)
	if got == nil || want == nil {
		if got != nil || want != nil {
			t.Fatalf("query %x: got %x, want %x", packet, got, want)
		}
		return false
	}
	var a, b dns.Msg
	if err := a.Unpack(got); err != nil {
		t.Fatalf("query %x: response %x: %v", packet, got, err)
	}
	if err := b.Unpack(want); err != nil {
		t.Fatalf("query %x: response of the oracle %x: %v", packet, want, err)
	}
	withoutServerCookie(&a)
	withoutServerCookie(&b)
	if a.String() != b.String() {
		t.Fatalf("query %x over %v from %v\ngot\n%v\nwant\n%v", packet, c.transport, c.addr, &a, &b)
	}
	if len(a.Question) == 0 {
		return false
	}
	// What the text of a message does not show: the question byte for byte, and
	// the size.
	end := questionEnd(packet)
	if !bytes.Equal(got[dnswire.HeaderSize:end], want[dnswire.HeaderSize:end]) {
		t.Fatalf("query %x: got question %x, want %x", packet, got[dnswire.HeaderSize:end], want[dnswire.HeaderSize:end])
	}
	// Names in the SOA record of a negative answer are not compressed, nor, for
	// ANY, those that lead into the targets of SRV records.
	if len(a.Ns) == 0 && a.Question[0].Qtype != dns.TypeANY && len(got) != len(want) {
		t.Fatalf("query %x: got %d bytes, want %d", packet, len(got), len(want))
	}
	return len(a.Answer) > 0
}

// withoutServerCookie takes out what depends on the time.
func withoutServerCookie(m *dns.Msg) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				c.Cookie = c.Cookie[:16]
			}
		}
	}
}

func firstName(packet []byte) []byte {
	name := packet[dnswire.HeaderSize:]
	return name[:bytes.IndexByte(name, 0)+1]
}

// randomQuery asks for a name of the zone or beside it, in random case, with
// and without EDNS.
func randomQuery(r *rand.Rand, names []string) []byte {
	m := new(dns.Msg)
	n := names[r.IntN(len(names))]
	switch r.IntN(8) {
	case 0:
		n = "x." + strings.TrimPrefix(n, ".")
	case 1:
		n = n[strings.IndexByte(n, '.')+1:]
	}
	if r.IntN(3) == 0 {
		a := testAliases[r.IntN(len(testAliases))]
		if front, ok := strings.CutSuffix(n, a.Target.String()); ok {
			n = front + a.Name.String()
		}
	}
	if n == "" {
		n = "."
	}
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeSRV, dns.TypeTXT, dns.TypeMX, dns.TypeNS, dns.TypeSOA, dns.TypePTR, dns.TypeANY, 99, 300}
	m.SetQuestion(n, types[r.IntN(len(types))])
	m.RecursionDesired = r.IntN(2) == 0
	m.CheckingDisabled = r.IntN(8) == 0
	m.AuthenticatedData = r.IntN(8) == 0
	if r.IntN(2) == 0 {
		m.SetEdns0(uint16(r.IntN(5000)), r.IntN(4) == 0)
		if r.IntN(8) == 0 {
			o := m.IsEdns0()
			o.SetVersion(uint8(r.IntN(2)))
			o.Option = append(o.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})
		}
	}
	packet, err := m.Pack()
	if err != nil {
		panic(err)
	}
	name := firstName(packet)
	for i := range name {
		if 'a' <= name[i] && name[i] <= 'z' && r.IntN(3) == 0 {
			name[i] -= 'a' - 'A'
		}
	}
	return packet
}

func zoneNames(z *zone.Zone) []string {
	names := []string{"example.com.", "."}
	for n := range z.All() {
		names = append(names, n.Name.String())
	}
	return names
}

func randomClient(r *rand.Rand) client {
	return client{
		addr:      []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::1")}[r.IntN(3)],
		transport: []Transport{UDP, UDP, TCP}[r.IntN(3)],
	}
}

func TestResponsesEqualThoseOfTheOracle(t *testing.T) {
	answered := 0
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 2))
		var apps []instances
		for i := range random.IntN(6) {
			apps = append(apps, instances{
				name:  []string{"app", "other.app", "x", strings.Repeat("long", 12)}[random.IntN(4)] + fmt.Sprint(i),
				count: []int{1, 2, 3, 7, 40, 200, 300}[random.IntN(7)],
				base:  10 + i,
				ports: random.IntN(4),
			})
		}
		o := testZoneOptions
		if seed%2 == 1 {
			o = innerOptions()
		}
		z := testZoneOf(t, o, apps...)
		if seed%3 == 1 {
			z = staticZone(t, o, apps...)
		}
		names := zoneNames(z)
		for _, setTC := range []bool{true, false} {
			o := testOptions()
			o.SetTruncateBit = setTC
			o.ResolvSubnetFirst = seed%5 == 2
			o.MaxUDPSize = uint16(512 + random.IntN(4000))
			r := newResponder(o)
			for range 400 {
				if compare(t, r, z, randomClient(random), randomQuery(random, names)) {
					answered++
				}
			}
		}
	}
	if answered < 4000 {
		t.Errorf("got answers to %d queries, want at least 4000 for the test to mean something", answered)
	}
}

func FuzzResponsesEqualThoseOfTheOracle(f *testing.F) {
	z := testZone(f, instances{name: "big", count: 120, base: 9, ports: 2})
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		f.Add(randomQuery(random, zoneNames(z)), uint8(random.IntN(9)))
	}
	r := newResponder(testOptions())
	clients := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.9")}
	f.Add([]byte("0000\x00\x01\x00\x00\x00\x00\x00\x01\x000000\x00\x00\xfa000000\x00\b00000000"), byte(1)) // signed, with another opcode
	f.Fuzz(func(t *testing.T, packet []byte, how uint8) {
		var q query
		if _, ok := q.parse(packet); ok && q.tsig != 0 {
			return // the oracle knows no signatures
		}
		c := client{addr: clients[how&1], transport: Transport(how >> 1 & 1)}
		compare(t, r, z, c, packet)
	})
}

// The types that clients ask for cost no allocation.
func TestAnswersFromTheZoneAllocateNothing(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 200, base: 9}, instances{name: "two", count: 20, base: 8, ports: 2})
	r := newResponder(shuffledOptions())
	buf := make([]byte, bufferSize)
	for _, name := range []string{"one.marathon.mesos.", "big.marathon.mesos.", "_web._tcp.marathon.mesos.", "_big._tcp.marathon.mesos.", "_two._udp.marathon.mesos.", "nope.mesos.",
		"one.marathon.mirror.example.", "_big._tcp.marathon.mirror.example.", "shop.example.", "nope.shop.example."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT} {
			for _, size := range []uint16{0, 512, 1232, 4096} {
				m := new(dns.Msg).SetQuestion(name, qtype)
				if size > 0 {
					m.SetEdns0(size, false)
				}
				packet, err := m.Pack()
				if err != nil {
					t.Fatal(err)
				}
				c := client{addr: netip.MustParseAddr("127.0.0.1")}
				var msg []byte
				allocs := testing.AllocsPerRun(20, func() { msg, _ = r.respond(buf, z, c, packet) })
				if allocs != 0 || msg == nil {
					t.Errorf("%s %s, EDNS %d: %v allocations", name, dns.Type(qtype), size, allocs)
				}
			}
		}
	}
}

// An answer that does not fit costs what fits, however many records there are.
func TestAnswersThatDoNotFitCostNoMoreForLargeApps(t *testing.T) {
	z := testZone(t, instances{name: "huge", count: 20_000, base: 9})
	o := shuffledOptions()
	bySubnet := o
	bySubnet.ResolvSubnetFirst = true
	for name, r := range map[string]*responder{"shuffled": newResponder(o), "by subnet": newResponder(bySubnet)} {
		for _, ask := range []string{
			"huge.marathon.mesos. A +edns=1232", "_huge._tcp.marathon.mesos. SRV +edns=1232", "_huge._tcp.marathon.mesos. SRV", "_huge._tcp.marathon.mesos. SRV +tcp",
		} {
			packet, c := packQuery(t, ask)
			buf := make([]byte, bufferSize)
			before := new(runtime.MemStats)
			after := new(runtime.MemStats)
			const queries = 100
			runtime.ReadMemStats(before)
			for range queries {
				if msg, _ := r.respond(buf, z, c, packet); msg == nil {
					t.Fatalf("%s: no response", ask)
				}
			}
			runtime.ReadMemStats(after)
			// An order of those that fit is a few hundred bytes; one of all
			// would be 80 KB.
			if got := (after.TotalAlloc - before.TotalAlloc) / queries; got > 4096 {
				t.Errorf("%s, %s: got %d bytes of memory for an answer, want at most 4096", name, ask, got)
			}
		}
	}
}

func BenchmarkRespond(b *testing.B) {
	z := testZone(b, instances{name: "big", count: 200, base: 9})
	r := newResponder(shuffledOptions())
	buf := make([]byte, bufferSize)
	c := client{addr: netip.MustParseAddr("127.0.0.1")}
	for _, q := range []struct {
		name  string
		qtype uint16
		size  uint16
	}{
		{"one.marathon.mesos.", dns.TypeA, 0},
		{"web.marathon.mesos.", dns.TypeA, 0},
		{"big.marathon.mesos.", dns.TypeA, 4096},
		{"_web._tcp.marathon.mesos.", dns.TypeSRV, 0},
		{"_big._tcp.marathon.mesos.", dns.TypeSRV, 4096},
		{"nope.mesos.", dns.TypeA, 0},
	} {
		m := new(dns.Msg).SetQuestion(q.name, q.qtype)
		if q.size > 0 {
			m.SetEdns0(q.size, false)
		}
		packet, _ := m.Pack()
		b.Run(fmt.Sprintf("%s%s-%d", q.name, dns.Type(q.qtype), q.size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.respond(buf, z, c, packet)
			}
		})
	}
}
