package cache

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
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
		t.Errorf("got %d bytes, want at most %d", w.End, size)
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
		s += " truncated"
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

// Records that do not fit are left out, from the end.
func TestWhatDoesNotFitIsLeftOut(t *testing.T) {
	lines := []string{}
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("a.test. 60 IN A 192.0.2.%d", i))
	}
	lines = append(lines, "authority", "0.test. 60 IN NSEC b.test. A", "additional", "opt")
	k := key("a.test", dns.TypeA)
	k[len(k)-1] |= keyDO
	e, err := reader.Read(message(t, "a.test", dns.TypeA, 0, lines...), k)
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Count(text(t, e, "a.test", dns.TypeA, 65535, Age{}), "\n")
	if whole != 41 {
		t.Errorf("%d records, want 41", whole)
	}
	question := 12 + len("\x01a\x04test\x00") + 4
	for size := question; size < 800; size++ {
		got := text(t, e, "a.test", dns.TypeA, size, Age{Elapsed: time.Second})
		answers := min((size-question)/16, 40)
		if n := strings.Count(got, " A 192.0.2.") - strings.Count(got, "additional"); n != answers {
			t.Fatalf("in %d bytes: got %d answers, want %d", size, n, answers)
		}
		if cut := strings.HasPrefix(got, "NOERROR truncated"); cut != (answers < 40) {
			t.Fatalf("in %d bytes: truncated is %v, want %v", size, cut, !cut)
		}
	}
}
