package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/zone"
)

// backwards is a shuffle whose result is known.
func backwards(n int, swap func(i, j int)) {
	for i := range n / 2 {
		swap(i, n-1-i)
	}
}

func TestEachReplyIsShuffled(t *testing.T) {
	o := testOptions()
	o.Shuffle = backwards
	o.ResolvSubnetFirst = true
	z := testZone(t, instances{name: "net", count: 252, base: 3})
	r := newResponder(o.withDefaults())
	runExchanges(t, r, z, []exchange{
		{"addresses", "web.marathon.mesos. A", `
			NOERROR qr aa
			answer web.marathon.mesos. 60 A 10.2.0.3
			answer web.marathon.mesos. 60 A 10.2.0.2
			answer web.marathon.mesos. 60 A 10.2.0.1`},
		{"services, and their addresses with them", "_web._tcp.marathon.mesos. SRV", `
			NOERROR qr aa
			answer _web._tcp.marathon.mesos. 60 SRV 0 1 1003 web-sft9q-s0.marathon.slave.mesos.
			answer _web._tcp.marathon.mesos. 60 SRV 0 1 1002 web-izm16-s0.marathon.slave.mesos.
			answer _web._tcp.marathon.mesos. 60 SRV 0 1 1001 web-e844k-s0.marathon.slave.mesos.
			additional web-sft9q-s0.marathon.slave.mesos. 60 A 192.0.2.1
			additional web-sft9q-s0.marathon.slave.mesos. 60 AAAA fd00:a::1
			additional web-izm16-s0.marathon.slave.mesos. 60 A 192.0.2.1
			additional web-izm16-s0.marathon.slave.mesos. 60 AAAA fd00:a::1
			additional web-e844k-s0.marathon.slave.mesos. 60 A 192.0.2.1
			additional web-e844k-s0.marathon.slave.mesos. 60 AAAA fd00:a::1`},
	})
	t.Run("near addresses first, and shuffled within both groups", func(t *testing.T) {
		m, _ := askMsg(t, r, z, "net.marathon.mesos. A +tcp +from=10.3.1.9")
		var got []string
		for _, rr := range m.Answer {
			got = append(got, rr.(*dns.A).A.String())
		}
		want := []string{"10.3.1.2", "10.3.1.1", "10.3.1.0", "10.3.0.249", "10.3.0.248"}
		if len(got) != 252 || !slices.Equal(got[:5], want) || got[251] != "10.3.0.1" {
			t.Errorf("%d addresses, %v first, %v last", len(got), got[:5], got[251])
		}
	})
	t.Run("the client's network does not matter without the setting", func(t *testing.T) {
		r := newResponder(testOptions().withDefaults())
		m, _ := askMsg(t, r, z, "net.marathon.mesos. A +tcp +from=10.3.1.9 +opt=8:000118000a0301")
		if got := m.Answer[0].(*dns.A).A.String(); got != "10.3.0.1" {
			t.Errorf("%s comes first", got)
		}
	})
}

// Every record comes first at some time.
func TestTheDefaultShuffleSpreads(t *testing.T) {
	r := newResponder(Options{}.withDefaults())
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
	o := testOptions()
	o.Shuffle = backwards
	o.ResolvSubnetFirst = true
	r := newResponder(o.withDefaults())
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
