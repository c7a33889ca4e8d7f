package zone

import (
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Many may read the records of a zone at the same time, those of zone files too.
func TestRecordsAreReadConcurrently(t *testing.T) {
	z := Compile(testSet(), static(t, testOptions(), externalZone), SameSerial(1))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for _, o := range z.TransferZones() {
				for r := range z.RecordsOf(o) {
					r.AppendData(nil)
				}
			}
		})
	}
	all.Wait()
}

// Data of each type is shown as package dns shows it.
func TestPresentationOfData(t *testing.T) {
	for _, line := range []string{
		"a. 5 IN A 192.0.2.1", "a. 5 IN AAAA 2001:db8::1", "a. 5 IN SRV 1 2 65535 x.y.", "a. 5 IN PTR x.y.",
		"a. 5 IN NS ns.", "a. 5 IN CNAME b-c._d.", `a. 5 IN TXT "a \"b\" \\ \200" "c"`, "a. 5 IN MX 10 mail.", "a. 5 IN SOA a. b. 1 2 3 4 5",
		`a. 5 IN TYPE65280 \# 2 abcd`, `a. 5 IN CAA 0 issue "x"`, "a. 5 IN SRV 0 0 0 .",
	} {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		r, ok := newRecord(name("a"), rr)
		if !ok {
			t.Fatalf("%s: got no record", line)
		}
		_, want, _ := strings.Cut(line, dns.Type(r.Type).String()+" ")
		if got := string(r.AppendData([]byte("x"))); got != "x"+want {
			t.Errorf("got %q, want %q", got, "x"+want)
		}
	}
	if got := string(Record{Type: dns.TypeA, Data: "\x01"}.AppendData(nil)); got != `\# 1 01` {
		t.Errorf("got %q of broken data, want the form of RFC 3597", got)
	}
}
