package resolver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// compare asks both paths and fails when they do not say the same. It reports
// whether the fast one answered.
func compare(t *testing.T, r *responder, z *zone.Zone, c client, packet []byte) bool {
	t.Helper()
	quick, _ := r.fastPath(make([]byte, bufferSize), z, c, packet)
	if quick == nil {
		return false
	}
	plain, _ := r.messagePath(make([]byte, bufferSize), z, c, packet)
	var a, b dns.Msg
	if err := a.Unpack(quick); err != nil {
		t.Fatalf("query %x: fast reply %x: %v", packet, quick, err)
	}
	if err := b.Unpack(plain); err != nil {
		t.Fatalf("query %x: plain reply %x: %v", packet, plain, err)
	}
	if a.String() != b.String() {
		t.Fatalf("query %x over %v from %v\nfast\n%v\nplain\n%v", packet, c.transport, c.addr, &a, &b)
	}
	// What the two leave to the packing: the question byte for byte, and the
	// size.
	end := dnswire.HeaderSize + len(firstName(packet)) + 4
	if !bytes.Equal(quick[dnswire.HeaderSize:end], plain[dnswire.HeaderSize:end]) {
		t.Fatalf("questions %x and %x", quick[dnswire.HeaderSize:end], plain[dnswire.HeaderSize:end])
	}
	if len(a.Ns) == 0 && len(quick) != len(plain) {
		t.Fatalf("query %x: %d and %d octets", packet, len(quick), len(plain))
	}
	return true
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

// There is one truth: what the fast path answers is what the plain path does.
func TestFastEqualsPlain(t *testing.T) {
	quick := 0
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
			o.MaxUDPSize = uint16(512 + random.IntN(4000))
			r := newResponder(o.withDefaults())
			for range 400 {
				if compare(t, r, z, randomClient(random), randomQuery(random, names)) {
					quick++
				}
			}
		}
	}
	if quick < 10000 {
		t.Errorf("the fast path answered %d queries only", quick)
	}
}

func FuzzFastEqualsPlain(f *testing.F) {
	z := testZone(f, instances{name: "big", count: 120, base: 9, ports: 2})
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		f.Add(randomQuery(random, zoneNames(z)), uint8(random.IntN(9)))
	}
	r := newResponder(testOptions().withDefaults())
	clients := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.9")}
	f.Fuzz(func(t *testing.T, packet []byte, how uint8) {
		c := client{addr: clients[how&1], transport: Transport(how >> 1 & 1)}
		compare(t, r, z, c, packet)
	})
}

// What is asked most costs no allocation.
func TestFastAllocatesNothing(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 200, base: 9}, instances{name: "two", count: 20, base: 8, ports: 2})
	r := newResponder(Options{SetTruncateBit: true}.withDefaults())
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

func TestPickGivesEachOnce(t *testing.T) {
	r := newResponder(Options{}.withDefaults())
	for n := 1; n < 600; n++ {
		p := r.rotation(n)
		seen := make([]bool, n)
		for i := range n {
			at := p.at(i)
			if at < 0 || at >= n || seen[at] {
				t.Fatalf("of %d: place %d is %d", n, i, at)
			}
			seen[at] = true
		}
	}
}

// Each instance is the first one equally often.
func TestPickIsFair(t *testing.T) {
	r := newResponder(Options{}.withDefaults())
	for _, n := range []int{2, 3, 7, 32, 33, 100} {
		const each = 2000
		count := make([]int, n)
		for range n * each {
			p := r.rotation(n)
			count[p.at(0)]++
		}
		for i, c := range count {
			if c < each*8/10 || c > each*12/10 {
				t.Errorf("of %d: %d is first %d times, want about %d", n, i, c, each)
			}
		}
	}
}

func BenchmarkRespond(b *testing.B) {
	z := testZone(b, instances{name: "big", count: 200, base: 9})
	r := newResponder(Options{SetTruncateBit: true}.withDefaults())
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
		for name, path := range map[string]func(){
			"fast":  func() { r.fastPath(buf, z, c, packet) },
			"plain": func() { r.messagePath(buf, z, c, packet) },
		} {
			b.Run(fmt.Sprintf("%s/%s%s-%d", name, q.name, dns.Type(q.qtype), q.size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					path()
				}
			})
		}
	}
}
