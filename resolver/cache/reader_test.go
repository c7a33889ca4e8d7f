package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

func TestResponsesBecomeEntries(t *testing.T) {
	const soa = "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60"
	for _, x := range []struct {
		title  string
		qtype  uint16
		rcode  int
		reader Reader
		lines  []string
		age    Age
		ttl    time.Duration
		want   string
	}{
		{"an address", dns.TypeA, 0, reader, []string{"a.test. 60 IN A 192.0.2.1"}, Age{}, time.Minute,
			"NOERROR\na.test. 60 A 192.0.2.1"},
		{"counted down", dns.TypeA, 0, reader, []string{"a.test. 60 IN A 192.0.2.1", "a.test. 90 IN A 192.0.2.2"}, Age{Elapsed: 59900 * time.Millisecond}, time.Minute,
			"NOERROR\na.test. 1 A 192.0.2.1\na.test. 31 A 192.0.2.2"},
		{"an alias", dns.TypeA, 0, reader, []string{"a.test. 60 IN CNAME b.test.", "b.test. 20 IN A 192.0.2.1"}, Age{}, 20 * time.Second,
			"NOERROR\na.test. 60 CNAME b.test.\nb.test. 20 A 192.0.2.1"},
		{"stale", dns.TypeA, 0, reader, []string{"a.test. 60 IN A 192.0.2.1", "a.test. 5 IN A 192.0.2.2"}, Age{Elapsed: time.Hour, Stale: true}, 5 * time.Second,
			"NOERROR\na.test. 30 A 192.0.2.1\na.test. 30 A 192.0.2.2"},
		{"capped", dns.TypeA, 0, Reader{MinTTL: 10 * time.Second, MaxTTL: time.Minute}, []string{"a.test. 3600 IN A 192.0.2.1"}, Age{}, time.Minute,
			"NOERROR\na.test. 60 A 192.0.2.1"},
		{"lifted", dns.TypeA, 0, Reader{MinTTL: 10 * time.Second, MaxTTL: time.Minute}, []string{"a.test. 0 IN A 192.0.2.1"}, Age{}, 10 * time.Second,
			"NOERROR\na.test. 10 A 192.0.2.1"},
		{"not to be kept", dns.TypeA, 0, reader, []string{"a.test. 0 IN A 192.0.2.1"}, Age{}, 0,
			"NOERROR\na.test. 0 A 192.0.2.1"},
		{"no such name", dns.TypeA, dns.RcodeNameError, reader, []string{"authority", soa}, Age{Elapsed: 10 * time.Second}, time.Minute,
			"NXDOMAIN\nauthority test. 50 SOA ns.test. root.test. 1 2 3 4 60"},
		{"no such type", dns.TypeMX, 0, reader, []string{"authority", soa}, Age{}, time.Minute,
			"NOERROR\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
		{"an alias of nothing", dns.TypeMX, 0, reader, []string{"a.test. 50 IN CNAME b.test.", "authority", soa}, Age{}, 50 * time.Second,
			"NOERROR\na.test. 50 CNAME b.test.\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
		{"an alias alone", dns.TypeA, 0, reader, []string{"a.test. 50 IN CNAME b.example."}, Age{}, 50 * time.Second,
			"NOERROR\na.test. 50 CNAME b.example."},
		{"nothing without a time", dns.TypeA, dns.RcodeNameError, reader, nil, Age{}, 0, "NXDOMAIN"},
		{"a failure", dns.TypeA, dns.RcodeServerFailure, reader, nil, Age{}, FailureTTL, "SERVFAIL"},
		{"negative for three hours at most", dns.TypeA, dns.RcodeNameError, reader, []string{"authority", "test. 86400 IN SOA ns.test. root.test. 1 2 3 4 86400"}, Age{}, 3 * time.Hour,
			"NXDOMAIN\nauthority test. 10800 SOA ns.test. root.test. 1 2 3 4 86400"},
		{"OPT is not kept", dns.TypeSRV, 0, reader, []string{"a.test. 60 IN SRV 1 2 3 b.test.", "additional", "b.test. 70 IN A 192.0.2.2", "opt"}, Age{}, time.Minute,
			"NOERROR\na.test. 60 SRV 1 2 3 b.test.\nadditional b.test. 70 A 192.0.2.2"},
		{"OPT in the middle", dns.TypeSRV, 0, reader, []string{"a.test. 60 IN SRV 1 2 3 b.test.", "additional", "opt", "b.test. 70 IN A 192.0.2.2", "b.test. 70 IN AAAA 2001:db8::2"}, Age{}, time.Minute,
			"NOERROR\na.test. 60 SRV 1 2 3 b.test.\nadditional b.test. 70 A 192.0.2.2\nadditional b.test. 70 AAAA 2001:db8::2"},
	} {
		t.Run(x.title, func(t *testing.T) {
			e, err := x.reader.Read(message(t, "a.test", x.qtype, x.rcode, x.lines...), key("a.test", x.qtype))
			if err != nil {
				t.Fatal(err)
			}
			if e.TTL != x.ttl {
				t.Errorf("its TTL is %v, want %v", e.TTL, x.ttl)
			}
			if got := text(t, e, "A.tesT", x.qtype, 1<<16-1, x.age); !strings.EqualFold(got, x.want) {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
		})
	}
}

func notOf(zone string) func([]byte) bool {
	return func(name []byte) bool { return !bytes.HasSuffix(name, []byte(zone)) }
}

// A server that sends more than was asked, or something else, must not get it to
// clients: their libraries use addresses whatever name they belong to.
func TestOnlyWhatWasAskedIsKept(t *testing.T) {
	const (
		soa   = "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60"
		sig   = " 60 IN RRSIG %s 13 2 60 20300101000000 20200101000000 1 test. AAAA"
		none  = "no answer"
		a     = "a.test. 60 IN A 192.0.2.1"
		wantA = "NOERROR\na.test. 60 A 192.0.2.1"
	)
	signed := func(owner, covered string) string { return owner + fmt.Sprintf(sig, covered) }
	shown := func(section, owner, covered string) string {
		return "\n" + section + owner + " 60 RRSIG" + strings.TrimPrefix(fmt.Sprintf(sig, covered), " 60 IN RRSIG")
	}
	withoutMesos := Reader{MaxTTL: time.Hour, InBailiwick: notOf("\x05mesos\x00")}
	for _, x := range []struct {
		title string
		qtype uint16
		rcode int
		do    bool
		lines []string
		want  string
	}{
		{"another name beside", dns.TypeA, 0, false, []string{a, "bank.test. 60 IN A 192.0.2.66"}, wantA},
		{"another name before", dns.TypeA, 0, false, []string{"bank.test. 60 IN A 192.0.2.66", a}, wantA},
		{"another name between", dns.TypeA, 0, false, []string{a, "bank.test. 60 IN A 192.0.2.66", "a.test. 60 IN A 192.0.2.2"},
			wantA + "\na.test. 60 A 192.0.2.2"},
		{"another name alone", dns.TypeA, 0, false, []string{"bank.test. 60 IN A 192.0.2.66"}, none},
		{"a name below alone", dns.TypeA, 0, false, []string{"b.a.test. 60 IN A 192.0.2.66"}, none},
		{"another type beside", dns.TypeA, 0, false, []string{a, "a.test. 60 IN AAAA 2001:db8::66", "a.test. 60 IN TXT x"}, wantA},
		{"another type alone", dns.TypeA, 0, false, []string{"a.test. 60 IN AAAA 2001:db8::66"}, none},
		{"an unsolicited alias beside", dns.TypeA, 0, false, []string{a, "a.test. 60 IN CNAME bank.test.", "bank.test. 60 IN A 192.0.2.66"}, wantA},
		{"additional records", dns.TypeA, 0, false, []string{a, "authority", "test. 60 IN NS ns.test.", "additional", "ns.test. 60 IN A 192.0.2.66", "bank.test. 60 IN A 192.0.2.66"}, wantA},

		{"a chain", dns.TypeA, 0, false, []string{"a.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME c.test.", "c.test. 60 IN A 192.0.2.1"},
			"NOERROR\na.test. 60 CNAME b.test.\nb.test. 60 CNAME c.test.\nc.test. 60 A 192.0.2.1"},
		{"a chain in another order", dns.TypeA, 0, false, []string{"c.test. 60 IN A 192.0.2.1", "B.test. 60 IN CNAME C.test.", "a.test. 60 IN CNAME b.test."},
			"NOERROR\nc.test. 60 A 192.0.2.1\nB.test. 60 CNAME C.test.\na.test. 60 CNAME b.test."},
		{"a chain with another name", dns.TypeA, 0, false, []string{"a.test. 60 IN CNAME b.test.", "x.test. 60 IN CNAME bank.test.", "bank.test. 60 IN A 192.0.2.66", "b.test. 60 IN A 192.0.2.1"},
			"NOERROR\na.test. 60 CNAME b.test.\nb.test. 60 A 192.0.2.1"},
		{"a chain with a fork", dns.TypeA, 0, false, []string{"a.test. 60 IN CNAME b.test.", "a.test. 60 IN CNAME bank.test.", "b.test. 60 IN A 192.0.2.1", "bank.test. 60 IN A 192.0.2.66"},
			"NOERROR\na.test. 60 CNAME b.test.\nb.test. 60 A 192.0.2.1"},
		{"a chain in a circle", dns.TypeA, 0, false, []string{"a.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME a.test."},
			"NOERROR\na.test. 60 CNAME b.test.\nb.test. 60 CNAME a.test."},
		{"a chain that does not begin with the name", dns.TypeA, 0, false, []string{"b.test. 60 IN CNAME c.test.", "c.test. 60 IN A 192.0.2.66"}, none},
		{"a DNAME record", dns.TypeA, 0, false, []string{"test. 60 IN DNAME example.", "a.test. 60 IN CNAME a.example.", "a.example. 60 IN A 192.0.2.1"},
			"NOERROR\ntest. 60 DNAME example.\na.test. 60 CNAME a.example.\na.example. 60 A 192.0.2.1"},
		{"a DNAME record of another name", dns.TypeA, 0, false, []string{a, "bank. 60 IN DNAME example."}, wantA},
		{"a chain into our zone", dns.TypeA, dns.RcodeNameError, false, []string{"a.test. 60 IN CNAME web.mesos.", "WEB.mesos. 60 IN A 192.0.2.66", "authority", "mesos. 60 IN SOA a. b. 1 2 3 4 5", "additional", "web.mesos. 60 IN A 192.0.2.67"},
			"NOERROR\na.test. 60 CNAME web.mesos."},
		{"the alias that was asked for", dns.TypeCNAME, 0, false, []string{"a.test. 60 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.1"},
			"NOERROR\na.test. 60 CNAME b.test."},

		{"an address of a name that does not exist", dns.TypeA, dns.RcodeNameError, false, []string{a, "authority", soa},
			"NXDOMAIN\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
		{"the SOA record of another zone", dns.TypeA, dns.RcodeNameError, false, []string{"authority", "example. 300 IN SOA ns.test. root.test. 1 2 3 4 60"}, "NXDOMAIN"},
		{"two SOA records", dns.TypeMX, 0, false, []string{"authority", soa, ". 300 IN SOA ns.test. root.test. 1 2 3 4 60"},
			"NOERROR\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
		{"name servers beside the SOA record", dns.TypeMX, 0, false, []string{"authority", "test. 60 IN NS ns.test.", soa},
			"NOERROR\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
		{"a referral", dns.TypeA, 0, false, []string{"authority", "test. 60 IN NS ns.test.", "additional", "ns.test. 60 IN A 192.0.2.66"}, none},

		{"signatures that were not asked for", dns.TypeA, 0, false, []string{a, signed("a.test.", "A"), "authority", signed("test.", "NSEC")}, wantA},
		{"signatures", dns.TypeA, 0, true, []string{"a.test. 60 IN CNAME b.test.", signed("a.test.", "CNAME"), signed("a.test.", "TXT"), "b.test. 60 IN A 192.0.2.1", signed("b.test.", "A"), signed("x.test.", "A")},
			"NOERROR\na.test. 60 CNAME b.test." + shown("", "a.test.", "CNAME") + "\nb.test. 60 A 192.0.2.1" + shown("", "b.test.", "A")},
		{"a signature alone", dns.TypeA, 0, true, []string{signed("a.test.", "A")}, none},
		{"proofs", dns.TypeA, dns.RcodeNameError, true, []string{"authority", soa, signed("test.", "SOA"), "0.test. 60 IN NSEC b.test. A RRSIG", signed("0.test.", "NSEC"), "x.test. 60 IN A 192.0.2.66", signed("x.test.", "A")},
			"NXDOMAIN\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60" + shown("authority ", "test.", "SOA") + "\nauthority 0.test. 60 NSEC b.test. A RRSIG" + shown("authority ", "0.test.", "NSEC")},
		{"everything about a name", dns.TypeANY, 0, false, []string{a, "a.test. 60 IN TXT \"x\"", "b.test. 60 IN A 192.0.2.66"}, wantA + "\na.test. 60 TXT \"x\""},
		{"targets of a service", dns.TypeSRV, 0, false, []string{"a.test. 60 IN SRV 1 2 3 b.test.", "a.test. 60 IN SRV 1 2 3 web.mesos.", "authority", "test. 60 IN NS ns.test.", "additional", "ns.test. 60 IN A 192.0.2.66", "b.test. 60 IN A 192.0.2.1", "web.mesos. 60 IN A 192.0.2.66"},
			"NOERROR\na.test. 60 SRV 1 2 3 b.test.\na.test. 60 SRV 1 2 3 web.mesos.\nadditional b.test. 60 A 192.0.2.1"},
	} {
		t.Run(x.title, func(t *testing.T) {
			k := key("a.test", x.qtype)
			if x.do {
				k[len(k)-1] |= keyDO
			}
			got := none
			e, err := withoutMesos.Read(message(t, "a.test", x.qtype, x.rcode, x.lines...), k)
			if err == nil {
				got = text(t, e, "a.test", x.qtype, 1<<16-1, Age{})
			} else if !errors.Is(err, ErrNoAnswer) {
				t.Fatal(err)
			}
			if got != x.want {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
		})
	}
}

func TestEntriesSayWhereTheirAnswerGoesOn(t *testing.T) {
	const soa = "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60"
	withoutMesos := Reader{MaxTTL: time.Hour, InBailiwick: notOf("\x05mesos\x00")}
	for _, x := range []struct {
		title string
		rcode int
		lines []string
		want  string
	}{
		{"an address", 0, []string{"a.test. 60 IN A 192.0.2.1"}, ""},
		{"a whole chain", 0, []string{"a.test. 60 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.1"}, ""},
		{"a chain into our zone", dns.RcodeNameError, []string{"a.test. 60 IN CNAME B.mesos.", "authority", soa}, "\x01b\x05mesos\x00"},
		{"a chain that ends early", 0, []string{"a.test. 60 IN CNAME b.test."}, "\x01b\x04test\x00"},
		{"a chain to no such type", 0, []string{"a.test. 60 IN CNAME b.test.", "authority", soa}, ""},
		{"a chain to no such name", dns.RcodeNameError, []string{"a.test. 60 IN CNAME b.test.", "authority", soa}, ""},
		{"no such name", dns.RcodeNameError, []string{"authority", soa}, ""},
	} {
		e, err := withoutMesos.Read(message(t, "a.test", dns.TypeA, x.rcode, x.lines...), key("a.test", dns.TypeA))
		if err != nil {
			t.Fatalf("%s: %v", x.title, err)
		}
		if string(e.Next()) != x.want {
			t.Errorf("%s: got %q, want %q", x.title, e.Next(), x.want)
		}
	}
}

func TestCodesWithoutAMeaningAreFailures(t *testing.T) {
	for rcode := range 16 {
		e, err := reader.Read(message(t, "a.test", dns.TypeA, rcode, "a.test. 60 IN A 192.0.2.1"), key("a.test", dns.TypeA))
		if err != nil {
			t.Fatal(err)
		}
		want := uint8(rcode)
		if rcode > dns.RcodeRefused {
			want = dns.RcodeServerFailure
		}
		if e.Rcode != want {
			t.Errorf("code %d became %d, want %d", rcode, e.Rcode, want)
		}
		if wantFailed := rcode != dns.RcodeSuccess && rcode != dns.RcodeNameError; e.Failed() != wantFailed {
			t.Errorf("code %d: failed is %v, want %v", rcode, e.Failed(), wantFailed)
		}
	}
	m := new(dns.Msg).SetQuestion("a.test.", dns.TypeA)
	m.Response = true
	m.SetEdns0(1232, false)
	m.IsEdns0().SetExtendedRcode(dns.RcodeBadVers)
	m.Rcode = dns.RcodeBadVers
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Read(b, key("a.test", dns.TypeA)); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("BADVERS: got %v, want %v", err, ErrNoAnswer)
	}
}

func TestLongChainsEnd(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("n%d.test. 60 IN CNAME n%d.test.", i, i+1))
	}
	e, err := reader.Read(message(t, "n0.test", dns.TypeA, 0, lines...), key("n0.test", dns.TypeA))
	if err != nil {
		t.Fatal(err)
	}
	if got := e.counts[dnswire.Answer]; got != maxChain {
		t.Errorf("%d records, want %d", got, maxChain)
	}
}

func TestMalformedResponsesMakeNoEntry(t *testing.T) {
	good := message(t, "a.test", dns.TypeMX, 0, "a.test. 60 IN MX 5 mail.a.test.", "additional", "opt")
	k := key("a.test", dns.TypeMX)
	if _, err := reader.Read(good, k); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := reader.Read(good[:n], k); err == nil {
			t.Errorf("the first %d of %d bytes make an entry", n, len(good))
		}
	}
	data := bytes.Index(good, []byte("\x04mail"))
	for title, change := range map[string]func([]byte){
		"pointer to itself":      func(b []byte) { binary.BigEndian.PutUint16(b[data+5:], 0xC000|uint16(data+5)) },
		"pointer in a circle":    func(b []byte) { binary.BigEndian.PutUint16(b[data+5:], 0xC000|uint16(data)) },
		"pointer forward":        func(b []byte) { binary.BigEndian.PutUint16(b[data+5:], 0xC000|uint16(data+7)) },
		"pointer to the header":  func(b []byte) { binary.BigEndian.PutUint16(b[data+5:], 0xC000|4) },
		"label of 64":            func(b []byte) { b[data] = 64 },
		"data too short":         func(b []byte) { b[data-3]-- },
		"another class":          func(b []byte) { b[data-9] = 3 },
		"another question":       func(b []byte) { b[13] = 'b' },
		"a query":                func(b []byte) { b[2] &^= 0x80 },
		"more records than said": func(b []byte) { b[7] = 9 },
	} {
		b := bytes.Clone(good)
		change(b)
		if _, err := reader.Read(b, k); err == nil {
			t.Errorf("%s: no error", title)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	k := key("a.test", dns.TypeA)
	msg := message(b, "a.test", dns.TypeA, 0, "a.test. 60 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.1", "b.test. 60 IN A 192.0.2.2", "additional", "opt")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reader.Read(msg, k); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadLarge reads what a malicious server may send: time should grow with the
// size.
func BenchmarkReadLarge(b *testing.B) {
	for _, n := range []int{500, 1000, 2000} {
		services, chain := []string{}, []string{}
		for i := range n / 2 {
			services = append(services, fmt.Sprintf("a.test. 60 IN SRV 1 2 3 n%d.test.", i))
			chain = append(chain, fmt.Sprintf("n%d.test. 60 IN CNAME n%d.test.", i, i+1))
		}
		services = append(services, "additional")
		for i := range n / 2 {
			services = append(services, fmt.Sprintf("n%d.test. 60 IN A 192.0.2.1", i))
			chain = append(chain, fmt.Sprintf("m%d.test. 60 IN CNAME m%d.test.", i, i+1))
		}
		chain[0] = "a.test. 60 IN CNAME n1.test."
		for _, x := range []struct {
			name  string
			qtype uint16
			lines []string
		}{{"SRV", dns.TypeSRV, services}, {"chain", dns.TypeA, chain}} {
			b.Run(fmt.Sprintf("%s-%d", x.name, n), func(b *testing.B) {
				k, msg := key("a.test", x.qtype), message(b, "a.test", x.qtype, 0, x.lines...)
				for b.Loop() {
					if _, err := reader.Read(msg, k); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// FuzzRead reads messages that a network may bring, and writes them in all sizes.
func FuzzRead(f *testing.F) {
	f.Add(message(f, "a.test", dns.TypeA, 0, "a.test. 60 IN CNAME b.a.test.", "b.a.test. 60 IN A 192.0.2.1", "authority", "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60", "additional", "opt"), uint16(100))
	f.Add(message(f, "a.test", dns.TypeSRV, 0, "a.test. 60 IN SRV 1 2 3 b.test.", "x.test. 60 IN SRV 1 2 3 web.mesos.", "additional", "opt", "b.test. 60 IN A 192.0.2.1", "web.mesos. 60 IN A 192.0.2.1"), uint16(60))
	f.Add(message(f, "a.test", dns.TypeA, 3, "authority", "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60", "0.test. 60 IN NSEC b.test. A"), uint16(513))
	f.Add(message(f, "a.test", dns.TypeA, 0, "test. 60 IN DNAME example.", "a.test. 60 IN CNAME a.example.", "a.example. 60 IN A 192.0.2.1", "a.example. 60 IN RRSIG A 13 2 60 20300101000000 20200101000000 1 test. AAAA"), uint16(513))
	r := Reader{MaxTTL: time.Hour, MinTTL: time.Second, InBailiwick: notOf("\x05mesos\x00")}
	f.Fuzz(func(t *testing.T, msg []byte, size uint16) {
		const question = 12 + 8 + 4
		k := key("a.test", dns.TypeA)
		if len(msg) >= question {
			k = AppendKey(k.Name(), binary.BigEndian.Uint16(msg[question-4:]), dns.ClassINET, size&1 != 0, false)
		}
		sent := bytes.Clone(msg)
		e, err := r.Read(msg, k)
		if !bytes.Equal(sent, msg) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			return
		}
		buf := make([]byte, 1<<17)
		copy(buf, message(t, "A.Test", k.Type(), 0)[:question])
		for _, size := range []int{question, max(int(size), question), 65535} {
			for _, age := range []Age{{}, {Elapsed: time.Minute}, {Elapsed: time.Hour * 999, Stale: true}} {
				w := e.Write(buf, question, size, age)
				if w.End > size || w.End < question {
					t.Fatalf("the records end at %d, want at most %d", w.End, size)
				}
				checkWritten(t, buf[:w.End], k, w)
			}
		}
	})
}

// checkWritten checks that a message has the records that were counted, and that they
// answer the question.
func checkWritten(t *testing.T, msg []byte, k Key, w Written) {
	t.Helper()
	chain := map[string]bool{string(k.Name()): true}
	off := dnswire.HeaderSize + len(k.Name()) + 4
	var answers []dnswire.Record
	for section, n := range w.Counts {
		for range n {
			r, ok := dnswire.ReadRecord(msg, off)
			if !ok {
				t.Fatalf("section %d: the record at %d cannot be read", section, off)
			}
			if r.TTL > 3600 {
				t.Fatalf("a TTL is %d, want at most 3600", r.TTL)
			}
			if bytes.HasSuffix(dnswire.AppendName(nil, msg, off), []byte("\x05mesos\x00")) {
				t.Fatal("there is a record of a name that is not in bailiwick")
			}
			if section == int(dnswire.Answer) {
				answers = append(answers, r)
				if r.Type == dns.TypeCNAME {
					chain[string(dnswire.AppendName(nil, msg, r.DataOff))] = true
				}
			}
			off = r.End
		}
	}
	if off != len(msg) {
		t.Fatalf("the records end at %d, want %d", off, len(msg))
	}
	for _, r := range answers {
		switch {
		case r.Type == dns.TypeDNAME, r.Type == dns.TypeRRSIG && k.DO():
		case r.Type != k.Type() && r.Type != dns.TypeCNAME && k.Type() != dns.TypeANY:
			t.Fatalf("there is a record of type %d, want %d", r.Type, k.Type())
		case !chain[string(dnswire.AppendName(nil, msg, r.NameOff))] && !w.Truncated:
			t.Fatal("there is a record of a name that is not in the chain")
		}
	}
}
