package zone

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const externalZone = `
$ORIGIN example.internal.
$TTL 300
@   IN SOA ns.example.internal. ops.example.internal. ( 1 ; serials are ours
        3600 600 86400 20 )
    IN NS ns
    IN MX 10 mail
ns  IN A 10.9.0.53
mail 60 IN A 10.9.0.25
    30 IN AAAA fd00:9::25
db  IN A 10.9.0.2
    IN A 10.9.0.1
    IN A 10.9.0.1
    IN TXT "two" "texts; and ( more"
www IN CNAME db
out IN CNAME www.example.org.
_pg._tcp 30 IN SRV 1 2 5432 DB.Example.Internal.
@   IN CAA 0 issue "ca.example.org"
a.b.c IN A 10.9.0.3
`

const ownNames = `
$TTL 60
db.mesos.            IN A 10.8.0.1
web.marathon.mesos.  5 IN A 192.168.0.9
web.marathon.mesos.  IN TXT "of a file"
web.marathon.slave.mesos. IN CNAME db.mesos.
mesos.               IN TXT "at the top"
mesos.               5 IN NS ns2.example.internal.
1.0.8.10.in-addr.arpa. IN PTR db.mesos.
`

func static(t testing.TB, o Options, texts ...string) Options {
	t.Helper()
	var files []ZoneFile
	for i, text := range texts {
		files = append(files, ZoneFile{Name: fmt.Sprint(i), Text: []byte(text)})
	}
	s, err := ReadZoneFiles(files, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Static = s
	return o
}

// Records of zone files are answered as they stand there, merged with those of
// the cluster.
func TestRecordsOfZoneFilesAreAnswered(t *testing.T) {
	z := Compile(testSet(), static(t, testOptions(), externalZone, ownNames), SameSerial(7))
	for _, tc := range []struct {
		name  string
		qtype uint16
		want  Result
		rrs   []string
	}{
		{"example.internal", dns.TypeSOA, Success, []string{"X. 300 IN SOA ns.example.internal. ops.example.internal. 7 3600 600 86400 20"}},
		{"example.internal", dns.TypeNS, Success, []string{"X. 300 IN NS ns.example.internal."}},
		{"example.internal", dns.TypeMX, Success, []string{"X. 300 IN MX 10 mail.example.internal."}},
		{"example.internal", dns.TypeCAA, Success, []string{`X. 300 IN CAA 0 issue "ca.example.org"`}},
		{"example.internal", dns.TypeA, NoData, nil},
		{"mail.example.internal", dns.TypeA, Success, []string{"X. 60 IN A 10.9.0.25"}},
		{"mail.example.internal", dns.TypeAAAA, Success, []string{"X. 30 IN AAAA fd00:9::25"}},
		{"db.example.internal", dns.TypeA, Success, []string{"X. 300 IN A 10.9.0.1", "X. 300 IN A 10.9.0.2"}},
		{"db.example.internal", dns.TypeTXT, Success, []string{`X. 300 IN TXT "two" "texts; and ( more"`}},
		{"www.example.internal", dns.TypeCNAME, Success, []string{"X. 300 IN CNAME db.example.internal."}},
		{"www.example.internal", dns.TypeA, Success, nil},
		{"_pg._tcp.example.internal", dns.TypeSRV, Success, []string{"X. 30 IN SRV 1 2 5432 db.example.internal."}},
		{"_tcp.example.internal", dns.TypeA, NoData, nil},
		{"b.c.example.internal", dns.TypeA, NoData, nil},
		{"x.example.internal", dns.TypeA, NXDomain, nil},
		{"db.mesos", dns.TypeA, Success, []string{"X. 60 IN A 10.8.0.1"}},
		// Records of both the cluster and the file have the lower TTL.
		{"web.marathon.mesos", dns.TypeA, Success, []string{"X. 5 IN A 192.168.0.7", "X. 5 IN A 192.168.0.9"}},
		{"web.marathon.mesos", dns.TypeAAAA, Success, []string{"X. 60 IN AAAA fd00::7"}},
		{"web.marathon.mesos", dns.TypeTXT, Success, []string{`X. 60 IN TXT "of a file"`}},
		{"web.marathon.mesos", dns.TypeMX, NoData, nil},
		// A CNAME record is left out beside records of the cluster.
		{"web.marathon.slave.mesos", dns.TypeA, Success, []string{"X. 60 IN A 10.0.0.2"}},
		{"web.marathon.slave.mesos", dns.TypeCNAME, NoData, nil},
		{"mesos", dns.TypeTXT, Success, []string{`X. 60 IN TXT "at the top"`}},
		{"mesos", dns.TypeNS, Success, []string{"X. 5 IN NS ns1.mesos.", "X. 5 IN NS ns2.example.internal."}},
		{"1.0.8.10.in-addr.arpa", dns.TypePTR, Success, []string{"X. 60 IN PTR db.mesos."}},
	} {
		t.Run(tc.name+"/"+dns.Type(tc.qtype).String(), func(t *testing.T) {
			a, got := z.Lookup([]byte(name(tc.name)), tc.qtype)
			if got != tc.want {
				t.Fatalf("got %v, want %v", got, tc.want)
			}
			if got != Success {
				return
			}
			var rrs []string
			for _, rr := range z.RRs(a.Node, "X.", tc.qtype) {
				rrs = append(rrs, strings.ReplaceAll(rr.String(), "\t", " "))
			}
			if !slices.Equal(rrs, tc.rrs) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(rrs, "\n"), strings.Join(tc.rrs, "\n"))
			}
		})
	}
	if a, _ := z.Lookup([]byte(name("x.example.internal")), dns.TypeA); z.SOA(a).Hdr.Ttl != 20 || z.Origin(a) != name("example.internal") {
		t.Errorf("a negative answer has %v, want a TTL of 20 and the origin example.internal", z.SOA(a))
	}
}

// Zones that are complete in a file are answered before the first state.
func TestZonesOfFilesAreAnsweredBeforeTheFirstState(t *testing.T) {
	o := testOptions()
	o.Aliases = []Alias{{name("mirror.example"), name("example.internal")}, {name("mirror.mesos"), name("mesos")}}
	z := NewEmpty(static(t, o, externalZone, ownNames), SameSerial(1))
	for _, tc := range []struct {
		name string
		want Result
	}{
		{"db.example.internal", Success}, {"x.example.internal", NXDomain}, {"_tcp.example.internal", NoData},
		{"db.mirror.example", Success}, {"x.mirror.example", NXDomain}, {"mirror.example", NoData}, {"db.mirror.mesos", NotReady},
		{"db.mesos", NotReady}, {"mesos", NotReady}, {"x.mesos", NotReady},
	} {
		a, r := z.Lookup([]byte(name(tc.name)), dns.TypeA)
		if r != tc.want || r == NotReady && a.Node != nil {
			t.Errorf("%s: got %v with the node %v, want %v", tc.name, r, a.Node, tc.want)
		}
	}
	if z.Ready() {
		t.Error("got a zone that is ready, want one that is not")
	}
}

// Types and AdditionalNames include what zone files have.
func TestTypesAndAdditionalNamesOfZoneFiles(t *testing.T) {
	z := Compile(testSet(), static(t, testOptions(), externalZone, ownNames), SameSerial(7))
	for n, want := range map[string][]uint16{
		"example.internal":     {dns.TypeSOA, dns.TypeNS, dns.TypeMX, dns.TypeCAA},
		"db.example.internal":  {dns.TypeA, dns.TypeTXT},
		"www.example.internal": {dns.TypeCNAME},
		"web.marathon.mesos":   {dns.TypeA, dns.TypeAAAA, dns.TypeTXT},
	} {
		if got := z.Node(name(n)).Types(); !slices.Equal(got, want) {
			t.Errorf("%s: got types %v, want %v", n, got, want)
		}
	}
	for n, want := range map[string][]string{
		"example.internal": {"mail.example.internal.", "ns.example.internal."},
		"mesos":            {"ns1.mesos.", "ns2.example.internal."},
	} {
		var got []string
		for _, additional := range z.AdditionalNames(z.Node(name(n)), dns.TypeANY) {
			got = append(got, additional.String())
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got the additional names %v, want %v", n, got, want)
		}
	}
}

// The order of records and comments make no difference; content does.
func TestEqualZoneFiles(t *testing.T) {
	o := testOptions()
	a := static(t, o, externalZone, ownNames).Static
	b := static(t, o, ownNames, "; a comment\n"+strings.Replace(externalZone, "db  IN A 10.9.0.2\n    IN A 10.9.0.1", "db  IN A 10.9.0.1\n    IN A 10.9.0.2", 1)).Static
	if !a.Equal(b) {
		t.Error("records in another order: got a difference, want none")
	}
	if c := static(t, o, strings.Replace(externalZone, "two", "three", 1), ownNames).Static; a.Equal(c) {
		t.Error("another text: got no difference")
	}
	if a.Equal(nil) || !(*StaticRecords)(nil).Equal(nil) {
		t.Error("nil must equal nil and nothing else")
	}
}

// staticPatchText has names that the cluster of randomCluster has as well.
func staticPatchText() string {
	var b strings.Builder
	for _, n := range []string{"db.marathon", "a", "b", "x.db.marathon", "_web._tcp.marathon", "web.a.b", "web.b"} {
		fmt.Fprintf(&b, "%s.mesos. A 10.7.0.1\n%[1]s.mesos. TXT x\n%[1]s.mesos. SRV 0 0 1 db.marathon.mesos.\n", n)
	}
	b.WriteString("db.a.b.mesos. CNAME web.marathon.mesos.\nmarathon.mesos. 7 A 10.7.0.2\n")
	return b.String()
}

// A zone of a file may lie inside the domain. Names that the cluster has there
// belong to it.
func TestZoneOfAFileInsideTheDomain(t *testing.T) {
	o := static(t, testOptions(), "marathon.mesos. 9 SOA a. b. 1 2 3 4 8\nmarathon.mesos. NS a.\nweb.marathon.mesos. MX 1 a.\n")
	z := Compile(testSet(), o, SameSerial(7))
	for _, tc := range []struct {
		name   string
		want   Result
		origin string
		ttl    uint32
	}{
		{"web.marathon.mesos", Success, "marathon.mesos", 8},
		{"nope.marathon.mesos", NXDomain, "marathon.mesos", 8},
		{"nope.mesos", NXDomain, "mesos", 30},
	} {
		a, r := z.Lookup([]byte(name(tc.name)), dns.TypeA)
		if r != tc.want || z.Origin(a) != name(tc.origin) || z.SOA(a).Hdr.Ttl != tc.ttl {
			t.Errorf("%s: got %v in %v with %v, want %v in %s with a TTL of %d", tc.name, r, z.Origin(a), z.SOA(a), tc.want, tc.origin, tc.ttl)
		}
	}
}
