package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/zone"
)

func TestAddressesInTheClientsNetworkComeFirst(t *testing.T) {
	o := shuffledOptions()
	o.ResolvSubnetFirst = true
	for _, x := range []struct {
		count, near int
		client      string
	}{
		{count: 252, near: 3, client: "10.3.1.9"}, // 10.3.1.0 to 10.3.1.2
		{count: 252, near: 249, client: "10.3.0.9"},
		{count: 20, near: 20, client: "10.3.0.9"},
		{count: 20, near: 0, client: "10.3.1.9"},
		{count: 252, near: 0, client: "fd00::9"},
	} {
		r := newResponder(o)
		z := testZone(t, instances{name: "net", count: x.count, base: 3})
		client := netip.MustParseAddr(x.client)
		network, _ := client.Prefix(24)
		orders := map[string]bool{}
		for range 20 {
			m, _ := askMsg(t, r, z, "net.marathon.mesos. A +tcp +from="+x.client)
			seen := map[netip.Addr]bool{}
			for i, rr := range m.Answer {
				addr, _ := netip.AddrFromSlice(rr.(*dns.A).A.To4())
				seen[addr] = true
				if got, want := network.Contains(addr), i < x.near; client.Is4() && got != want {
					t.Errorf("client %s: address %d is %v: near is %v, want %v", x.client, i, addr, got, want)
				}
			}
			if len(seen) != x.count {
				t.Errorf("client %s: got %d addresses, want %d", x.client, len(seen), x.count)
			}
			orders[fmt.Sprint(m.Answer)] = true
		}
		if len(orders) < 2 {
			t.Errorf("client %s: each of 20 responses has the same order", x.client)
		}
	}
}

func TestTheClientsNetworkDoesNotMatterWithoutTheSetting(t *testing.T) {
	r := newResponder(testOptions())
	m, _ := askMsg(t, r, testZone(t, instances{name: "net", count: 252, base: 3}), "net.marathon.mesos. A +tcp +from=10.3.1.9 +opt=8:000118000a0301")
	if got := m.Answer[0].(*dns.A).A.String(); got != "10.3.0.1" {
		t.Errorf("%s comes first, want 10.3.0.1", got)
	}
}

// A limited answer has other addresses each time, and nothing is said to be missing.
func TestAnswersAreLimited(t *testing.T) {
	o := shuffledOptions()
	o.AnswerLimit = 3
	for _, count := range []int{2, 3, 20, 252} {
		r := newResponder(o)
		z := testZone(t, instances{name: "net", count: count, base: 3})
		seen := map[string]int{}
		for range 400 {
			m, _ := askMsg(t, r, z, "net.marathon.mesos. A")
			if len(m.Answer) != min(count, 3) || m.Truncated {
				t.Fatalf("%d addresses: got %d, TC %v, want %d without TC", count, len(m.Answer), m.Truncated, min(count, 3))
			}
			for _, rr := range m.Answer {
				seen[rr.(*dns.A).A.String()]++
			}
		}
		// (1-3/252)^400 is the chance to miss one of 252.
		if len(seen) < count*9/10 {
			t.Errorf("%d addresses: got %d of them in 400 answers, want nearly all", count, len(seen))
		}
	}
	// Those in the client's network come first.
	o.ResolvSubnetFirst = true
	z := testZone(t, instances{name: "net", count: 252, base: 3})
	m, _ := askMsg(t, newResponder(o), z, "net.marathon.mesos. A +from=10.3.1.9")
	for _, rr := range m.Answer {
		if addr := rr.(*dns.A).A.String(); !strings.HasPrefix(addr, "10.3.1.") {
			t.Errorf("got %s, want addresses of 10.3.1.0/24 only, which has 3", addr)
		}
	}
	// SRV records and the addresses of their targets are not limited.
	o.AnswerLimit = 1
	m, _ = askMsg(t, newResponder(o), testZone(t), "_web._tcp.marathon.mesos. SRV +tcp")
	if len(m.Answer) < 2 || len(m.Extra) < len(m.Answer) {
		t.Errorf("got %d SRV records and %d addresses, want all", len(m.Answer), len(m.Extra))
	}
}

// Every record comes first at some time.
func TestTheDefaultShuffleSpreads(t *testing.T) {
	r := newResponder(shuffledOptions())
	z := testZone(t)
	first := map[string]bool{}
	for range 200 { // 3 × (2/3)^200 is the chance to miss one
		m, _ := askMsg(t, r, z, "web.marathon.mesos. A")
		first[m.Answer[0].String()] = true
	}
	if len(first) != 3 {
		t.Errorf("%d of 3 addresses came first", len(first))
	}
}

// The zone is shared by all who answer.
func TestAnsweringLeavesTheZoneAsItIs(t *testing.T) {
	o := shuffledOptions()
	o.ResolvSubnetFirst = true
	r := newResponder(o)
	z := testZone(t)
	before := contents(z)
	for _, q := range []string{
		"web.marathon.mesos. A +from=10.2.0.2", "web.marathon.mesos. ANY +tcp", "_web._tcp.marathon.mesos. SRV", "mesos. NS", "mesos. SOA",
		"none.mesos. A",
	} {
		ask(t, r, z, q)
		if contents(z) != before {
			t.Fatalf("%s changed the zone", q)
		}
	}
}

func contents(z *zone.Zone) string {
	var lines []string
	for n := range z.All() {
		lines = append(lines, fmt.Sprint(n.Name, n.A, n.AAAA, n.SRV, n.PTR, n.Apex))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestARotationGivesEachPlaceOnce(t *testing.T) {
	var o ordering
	for n := 1; n < 600; n++ {
		var p rotation
		o.rotate(&p, n)
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

func TestEachPlaceIsFirstEquallyOften(t *testing.T) {
	var o ordering
	for _, n := range []int{2, 3, 7, 32, 33, 100} {
		const each = 2000
		count := make([]int, n)
		for range n * each {
			var p rotation
			o.rotate(&p, n)
			count[p.at(0)]++
		}
		for i, c := range count {
			if c < each*8/10 || c > each*12/10 {
				t.Errorf("of %d: %d is first %d times, want about %d", n, i, c, each)
			}
		}
	}
}
