package zone

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
)

func name(s string) records.Name { return records.MustParseName(s) }

// origins are names with one TTL.
func origins(ttl uint32, names ...records.Name) []Origin {
	var list []Origin
	for _, n := range names {
		list = append(list, Origin{Name: n, TTL: ttl})
	}
	return list
}

func testOptions() Options {
	return Options{
		Origins: origins(60, name("mesos"), records.ReverseIPv4, records.ReverseIPv6),
		MName:   name("ns1.mesos"), RName: name("root.ns1.mesos"),
		Refresh: 60, Retry: 600, Expire: 86400, Minimum: 30,
	}
}

// testSet is the records of one task with a service, with PTR records.
func testSet() *records.Set {
	addr := netip.MustParseAddr
	c := state.NewCluster()
	leader := state.Master{Host: "10.0.0.1", Port: 5050, Addrs: []netip.Addr{addr("10.0.0.1")}}
	c.Reconcile(&state.FullState{
		Leader:     leader,
		Masters:    []state.Master{leader},
		Agents:     []*state.Agent{{ID: "x-S0", PID: state.UPID{ID: "slave(1)", Host: "10.0.0.2", Port: 5051}, Addrs: []netip.Addr{addr("10.0.0.2")}}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Tasks: []*state.Task{{
			Key: state.TaskKey{Framework: "f", ID: "web.1"}, Name: "web", AgentID: "x-S0", State: state.Running,
			Addresses: state.Addresses{NetInfo: []netip.Addr{addr("192.168.0.7"), addr("fd00::7")}},
			Discovery: &state.Discovery{Name: "web", Ports: []state.DiscoveryPort{{Number: 80, Name: "http", Protocol: "tcp"}}},
		}},
	}, nil)
	set, _ := records.Build(c, records.Options{
		Domain: name("mesos"), MName: name("ns1.mesos"), Listeners: []netip.Addr{addr("10.0.0.53")},
		IPSources: []records.IPSource{records.SourceNetInfo}, Rule: records.RFC1123, SRVWeight: 1, Reverse: true,
	})
	return set
}

// Names, empty non-terminals, types and origins lead to the results of RFC 2308
// and RFC 8020.
func TestLookupResults(t *testing.T) {
	z := Compile(testSet(), testOptions(), SameSerial(7))
	for _, tc := range []struct {
		name   string
		qtype  uint16
		want   Result
		origin string
	}{
		{"web.marathon.mesos", dns.TypeA, Success, "mesos"},
		{"web.marathon.mesos", dns.TypeAAAA, Success, "mesos"},
		{"web.marathon.mesos", dns.TypeANY, Success, "mesos"},
		{"web.marathon.mesos", dns.TypeSRV, NoData, "mesos"},
		{"web.marathon.mesos", dns.TypeTXT, NoData, "mesos"},
		{"web.marathon.mesos", 65280, NoData, "mesos"},
		{"web.marathon.mesos", dns.TypeSOA, NoData, "mesos"},
		{"_web._tcp.marathon.mesos", dns.TypeSRV, Success, "mesos"},
		{"_http._tcp.web.marathon.mesos", dns.TypeSRV, Success, "mesos"},
		{"_tcp.web.marathon.mesos", dns.TypeSRV, NoData, "mesos"}, // empty non-terminals exist
		{"_tcp.web.marathon.mesos", dns.TypeANY, NoData, "mesos"},
		{"_tcp.marathon.mesos", dns.TypeA, NoData, "mesos"},
		{"marathon.mesos", dns.TypeA, NoData, "mesos"},
		{"_udp.marathon.mesos", dns.TypeA, NXDomain, "mesos"},
		{"x.web.marathon.mesos", dns.TypeA, NXDomain, "mesos"},
		{"nope.mesos", dns.TypeSRV, NXDomain, "mesos"},
		{"mesos", dns.TypeSOA, Success, "mesos"},
		{"mesos", dns.TypeNS, Success, "mesos"},
		{"mesos", dns.TypeANY, Success, "mesos"},
		{"mesos", dns.TypeA, NoData, "mesos"},
		{"7.0.168.192.in-addr.arpa", dns.TypePTR, Success, "in-addr.arpa"},
		{"168.192.in-addr.arpa", dns.TypePTR, NoData, "in-addr.arpa"},
		{"8.0.168.192.in-addr.arpa", dns.TypePTR, NXDomain, "in-addr.arpa"},
		{"ip6.arpa", dns.TypeSOA, Success, "ip6.arpa"},
		{"example.com", dns.TypeA, OutOfZone, ""},
		{"amesos", dns.TypeA, OutOfZone, ""},
		{".", dns.TypeNS, OutOfZone, ""},
	} {
		t.Run(tc.name+"/"+dns.Type(tc.qtype).String(), func(t *testing.T) {
			a, got := z.Lookup([]byte(name(tc.name)), tc.qtype)
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if tc.origin != "" && z.Origin(a) != name(tc.origin) {
				t.Errorf("got the origin %v, want %v", z.Origin(a), tc.origin)
			}
			if exists := got == Success || got == NoData; exists != (a.Node != nil) {
				t.Errorf("got the node %v with the result %v", a.Node, got)
			}
		})
	}
}

// A name is below an origin only where that begins at a label, not where the
// bytes are the same by chance.
func TestOriginsBeginAtLabels(t *testing.T) {
	o := testOptions()
	o.Origins = origins(60, name("mesos"), name("b.mesos"))
	z := NewEmpty(o, SameSerial(1))
	for in, want := range map[string]string{"a.b.mesos": "b.mesos", "ab.mesos": "mesos", "b.mesos": "b.mesos"} {
		if a, _ := z.Lookup([]byte(name(in)), dns.TypeA); z.Origin(a) != name(want) {
			t.Errorf("%s: got the origin %v, want %s", in, z.Origin(a), want)
		}
	}
	// A label may hold bytes that look like the lengths of an origin's labels.
	tricky := []byte("\x07a\x05mesos\x00")
	if _, r := z.Lookup(tricky, dns.TypeA); r != OutOfZone {
		t.Errorf("got %v, want %v", r, OutOfZone)
	}
}

// Before the first state names in the zone must not be denied.
func TestNamesAreNotReadyBeforeTheFirstState(t *testing.T) {
	z := NewEmpty(testOptions(), SameSerial(1))
	if _, r := z.Lookup([]byte(name("web.marathon.mesos")), dns.TypeA); r != NotReady {
		t.Errorf("got %v, want %v", r, NotReady)
	}
	if _, r := z.Lookup([]byte(name("example.com")), dns.TypeA); r != OutOfZone {
		t.Errorf("got %v, want %v", r, OutOfZone)
	}
	if z.Ready() || z.DomainSerial() != 0 {
		t.Errorf("got ready %v and serial %d, want false and 0", z.Ready(), z.DomainSerial())
	}
}

func TestRRsHaveTheOwnerOfTheClient(t *testing.T) {
	z := Compile(testSet(), testOptions(), SameSerial(7))
	for _, tc := range []struct {
		name  string
		qtype uint16
		want  []string
	}{
		{"web.marathon.mesos", dns.TypeA, []string{"WEB.\t60\tIN\tA\t192.168.0.7"}},
		{"web.marathon.mesos", dns.TypeANY, []string{"WEB.\t60\tIN\tA\t192.168.0.7", "WEB.\t60\tIN\tAAAA\tfd00::7"}},
		{"_web._tcp.marathon.mesos", dns.TypeSRV, []string{"WEB.\t60\tIN\tSRV\t0 1 80 web-e844k-s0.marathon.mesos."}},
		{"7.0.168.192.in-addr.arpa", dns.TypePTR, []string{"WEB.\t60\tIN\tPTR\tweb.marathon.mesos."}},
		{"mesos", dns.TypeNS, []string{"WEB.\t60\tIN\tNS\tns1.mesos."}},
		{"mesos", dns.TypeSOA, []string{"WEB.\t60\tIN\tSOA\tns1.mesos. root.ns1.mesos. 7 60 600 86400 30"}},
		{"web.marathon.mesos", dns.TypeSOA, nil},
	} {
		var got []string
		for _, rr := range z.RRs(z.Node(name(tc.name)), "WEB.", tc.qtype) {
			got = append(got, rr.String())
		}
		if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
			t.Errorf("%s %s:\ngot  %q\nwant %q", tc.name, dns.Type(tc.qtype), got, tc.want)
		}
	}
}

func TestCountsAreThoseOfTheNodes(t *testing.T) {
	z := Compile(testSet(), testOptions(), SameSerial(7))
	var want Counts
	for n := range z.All() {
		if !n.Empty() {
			want.Names++
		}
		want.A += len(n.A)
		want.AAAA += len(n.AAAA)
		want.SRV += len(n.SRV)
		if _, ok := n.Pointer(); ok {
			want.PTR++
		}
	}
	if got := z.Counts(); got != want || got.A == 0 || got.SRV == 0 || got.PTR == 0 {
		t.Errorf("got %+v, want %+v with records of each type", got, want)
	}
}

// All names between a node and its apex exist (RFC 8020).
func TestAncestorsExist(t *testing.T) {
	z := Compile(testSet(), testOptions(), SameSerial(7))
	for n := range z.All() {
		if n.Apex {
			continue
		}
		p, ok := n.Name.Parent()
		if !ok || z.Node(p) == nil {
			t.Errorf("%v has no parent", n.Name)
		}
	}
}

// Names of the set that are in no zone are left out, such as the name of the
// name server in another domain.
func TestNamesOutOfZoneAreLeftOut(t *testing.T) {
	o := testOptions()
	o.Origins = origins(60, name("marathon.mesos"))
	z := Compile(testSet(), o, SameSerial(1))
	if z.Node(name("leader.mesos")) != nil || z.Node(name("mesos")) != nil {
		t.Error("a name out of zone has a node")
	}
	if z.Node(name("web.marathon.mesos")) == nil {
		t.Error("web.marathon.mesos has no node")
	}
}

// Negative answers are cached for the lower of the SOA's TTL and MINIMUM
// (RFC 2308, section 3).
func TestNegativeTTLIsTheLowerOne(t *testing.T) {
	for _, tc := range []struct{ ttl, minimum, want uint32 }{{60, 30, 30}, {5, 60, 5}, {0, 60, 0}} {
		o := testOptions()
		o.Origins, o.Minimum = origins(tc.ttl, name("mesos")), tc.minimum
		z := Compile(testSet(), o, SameSerial(7))
		a, r := z.Lookup([]byte(name("nope.mesos")), dns.TypeA)
		if soa := z.SOA(a); r != NXDomain || soa.Hdr.Ttl != tc.want || soa.Minttl != tc.minimum {
			t.Errorf("TTL %d, minimum %d: got %v with %v, want a TTL of %d", tc.ttl, tc.minimum, r, soa, tc.want)
		}
		if a, _ = z.Lookup([]byte(name("mesos")), dns.TypeSOA); z.RRs(a.Node, "mesos.", dns.TypeSOA)[0].Header().Ttl != tc.ttl {
			t.Errorf("the SOA record as an answer does not have the TTL %d", tc.ttl)
		}
	}
}

func TestSerialsGrowAlsoWhenTheClockIsSetBack(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, tc := range []struct{ previous, want uint32 }{
		{0, 1_700_000_000},
		{1_699_999_999, 1_700_000_000},
		{1_700_000_000, 1_700_000_001},
		{1_800_000_000, 1_800_000_001}, // the clock was set back
	} {
		if got := NextSerial(tc.previous, now); got != tc.want {
			t.Errorf("after %d: got %d, want %d", tc.previous, got, tc.want)
		}
	}
}

func TestStoreHasTheLastZone(t *testing.T) {
	first := NewEmpty(testOptions(), SameSerial(1))
	s := NewStore(first)
	if s.Current() != first {
		t.Error("got another zone than the first one")
	}
	second := Compile(testSet(), testOptions(), SameSerial(8))
	s.Swap(second)
	if s.Current() != second {
		t.Error("got another zone than the second one")
	}
}

// A TTL of labels wins over that of the origin; 0 is a TTL as well.
func TestTTLOfLabels(t *testing.T) {
	for _, tc := range []struct{ label, want uint32 }{{0, 60}, {5, 5}, {records.ZeroTTL, 0}} {
		z := Compile(testSet(), testOptions(), SameSerial(1))
		n := z.node(name("web.mesos"), &records.Data{A: [][4]byte{{10, 0, 0, 1}}, TTL: tc.label}, 0)
		if got := z.TTLOf(n, dns.TypeA); got != tc.want {
			t.Errorf("label %d: got the TTL %d, want %d", tc.label, got, tc.want)
		}
	}
}
