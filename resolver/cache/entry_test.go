package cache

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

func key(name string, qtype uint16) Key {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(dns.CanonicalName(name), b, 0, nil, false)
	if err != nil {
		panic(err)
	}
	return AppendKey(b[:n], qtype, dns.ClassINET, false, false)
}

// message makes a reply: records of the answer, then "authority" or "additional"
// before records of those sections, each in presentation form.
func message(t testing.TB, name string, qtype uint16, rcode int, lines ...string) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	m.Response, m.Rcode, m.Compress = true, rcode, true
	section := &m.Answer
	for _, l := range lines {
		switch l {
		case "authority":
			section = &m.Ns
			continue
		case "additional":
			section = &m.Extra
			continue
		case "opt":
			m.Extra = append(m.Extra, &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 1232}})
			continue
		}
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		*section = append(*section, rr)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var reader = Reader{MaxTTL: 24 * time.Hour}

// text writes an entry behind a question, and gives the message as text.
func text(t testing.TB, e *Entry, name string, qtype uint16, size int, age Age) string {
	t.Helper()
	q, err := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype).Pack()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	w := e.Write(buf, copy(buf, q), size, age)
	if w.End > size {
		t.Errorf("%d octets, the limit is %d", w.End, size)
	}
	for i, n := range w.Counts {
		binary.BigEndian.PutUint16(buf[6+2*i:], n)
	}
	var m dns.Msg
	if err := m.Unpack(buf[:w.End]); err != nil {
		t.Fatalf("the message cannot be read: %v", err)
	}
	s := dns.RcodeToString[int(e.Rcode)]
	if w.Truncated {
		s += " cut"
	}
	for _, x := range []struct {
		name string
		rrs  []dns.RR
	}{{"", m.Answer}, {"authority ", m.Ns}, {"additional ", m.Extra}} {
		for _, rr := range x.rrs {
			s += "\n" + x.name + strings.Join(strings.Fields(strings.Replace(rr.String(), "\tIN\t", " ", 1)), " ")
		}
	}
	return s
}

func TestEntries(t *testing.T) {
	const soa = "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60"
	for _, x := range []struct {
		title  string
		qtype  uint16
		rcode  int
		reader Reader
		lines  []string
		age    Age
		life   time.Duration
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
		{"a referral", dns.TypeA, 0, reader, []string{"authority", "test. 60 IN NS ns.test."}, Age{}, 0,
			"NOERROR\nauthority test. 60 NS ns.test."},
		{"a failure", dns.TypeA, dns.RcodeServerFailure, reader, nil, Age{}, FailureTTL, "SERVFAIL"},
		{"negative for three hours at most", dns.TypeA, dns.RcodeNameError, reader, []string{"authority", "test. 86400 IN SOA ns.test. root.test. 1 2 3 4 86400"}, Age{}, 3 * time.Hour,
			"NXDOMAIN\nauthority test. 10800 SOA ns.test. root.test. 1 2 3 4 86400"},
		{"OPT goes", dns.TypeA, 0, reader, []string{"a.test. 60 IN A 192.0.2.1", "additional", "b.test. 70 IN A 192.0.2.2", "opt"}, Age{}, time.Minute,
			"NOERROR\na.test. 60 A 192.0.2.1\nadditional b.test. 70 A 192.0.2.2"},
		{"OPT in the middle", dns.TypeA, 0, reader, []string{"a.test. 60 IN A 192.0.2.1", "additional", "opt", "b.test. 70 IN A 192.0.2.2", "c.b.test. 70 IN MX 1 b.test."}, Age{}, time.Minute,
			"NOERROR\na.test. 60 A 192.0.2.1\nadditional b.test. 70 A 192.0.2.2\nadditional c.b.test. 70 MX 1 b.test."},
		{"what is not theirs", dns.TypeA, 0, Reader{MaxTTL: time.Hour, InBailiwick: notOf("\x05mesos\x00")},
			[]string{"a.test. 60 IN CNAME web.mesos.", "WEB.mesos. 60 IN A 192.0.2.66", "authority", "mesos. 60 IN NS evil.test.", "additional", "evil.test. 60 IN A 192.0.2.67"}, Age{}, time.Minute,
			"NOERROR\na.test. 60 CNAME web.mesos.\nadditional evil.test. 60 A 192.0.2.67"},
	} {
		t.Run(x.title, func(t *testing.T) {
			e, err := x.reader.Read(message(t, "a.test", x.qtype, x.rcode, x.lines...), key("a.test", x.qtype))
			if err != nil {
				t.Fatal(err)
			}
			if e.TTL != x.life {
				t.Errorf("its life is %v, want %v", e.TTL, x.life)
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

// Of what does not fit the end is left out, record by record.
func TestWriteCuts(t *testing.T) {
	lines := []string{}
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("a.test. 60 IN A 192.0.2.%d", i))
	}
	lines = append(lines, "authority", "test. 60 IN NS ns.test.", "additional", "ns.test. 60 IN A 192.0.2.53", "opt")
	e, err := reader.Read(message(t, "a.test", dns.TypeA, 0, lines...), key("a.test", dns.TypeA))
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Count(text(t, e, "a.test", dns.TypeA, 65535, Age{}), "\n")
	if whole != 42 {
		t.Errorf("%d records", whole)
	}
	question := 12 + len("\x01a\x04test\x00") + 4
	for size := question; size < 800; size++ {
		got := text(t, e, "a.test", dns.TypeA, size, Age{Elapsed: time.Second})
		answers := min((size-question)/16, 40)
		if n := strings.Count(got, " A 192.0.2.") - strings.Count(got, "additional"); n != answers {
			t.Fatalf("%d octets: %d answers, want %d", size, n, answers)
		}
		if cut := strings.HasPrefix(got, "NOERROR cut"); cut != (answers < 40) {
			t.Fatalf("%d octets: cut is %v", size, cut)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	good := message(t, "a.test", dns.TypeMX, 0, "a.test. 60 IN MX 5 mail.a.test.", "additional", "opt")
	k := key("a.test", dns.TypeMX)
	if _, err := reader.Read(good, k); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := reader.Read(good[:n], k); err == nil {
			t.Errorf("the first %d octets are a reply", n)
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

// FuzzRead reads what may come from a network, and writes it out in all sizes.
func FuzzRead(f *testing.F) {
	k := key("a.test", dns.TypeA)
	f.Add(message(f, "a.test", dns.TypeA, 0, "a.test. 60 IN CNAME b.a.test.", "b.a.test. 60 IN A 192.0.2.1", "authority", "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60", "additional", "opt"), uint16(100))
	f.Add(message(f, "a.test", dns.TypeA, 0, "a.test. 60 IN A 192.0.2.1", "additional", "opt", "web.mesos. 60 IN A 192.0.2.1", "x.test. 60 IN SRV 1 2 3 web.mesos."), uint16(60))
	f.Add(message(f, "a.test", dns.TypeA, 3, "authority", "test. 300 IN SOA ns.test. root.test. 1 2 3 4 60"), uint16(512))
	r := Reader{MaxTTL: time.Hour, MinTTL: time.Second, InBailiwick: notOf("\x05mesos\x00")}
	f.Fuzz(func(t *testing.T, msg []byte, size uint16) {
		sent := bytes.Clone(msg)
		e, err := r.Read(msg, k)
		if !bytes.Equal(sent, msg) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			return
		}
		const question = 12 + 8 + 4
		buf := make([]byte, 1<<17)
		copy(buf, message(t, "A.Test", dns.TypeA, 0)[:question])
		for _, size := range []int{question, max(int(size), question), 65535} {
			for _, age := range []Age{{}, {Elapsed: time.Minute}, {Elapsed: time.Hour * 999, Stale: true}} {
				w := e.Write(buf, question, size, age)
				if w.End > size || w.End < question {
					t.Fatalf("the records end at %d of %d", w.End, size)
				}
				off := question
				for i, n := range w.Counts {
					for range n {
						at := dnswire.SkipName(buf[:w.End], off)
						if at < 0 {
							t.Fatalf("section %d: a name is broken", i)
						}
						if ttl := binary.BigEndian.Uint32(buf[at+4:]); ttl > 3600 {
							t.Fatalf("a TTL of %d", ttl)
						}
						if bytes.HasSuffix(dnswire.AppendName(nil, buf, off), []byte("\x05mesos\x00")) {
							t.Fatal("a record of a name that is ours")
						}
						off = at + 10 + int(binary.BigEndian.Uint16(buf[at+8:]))
					}
				}
				if off != w.End {
					t.Fatalf("the records end at %d, not %d", off, w.End)
				}
			}
		}
	})
}
