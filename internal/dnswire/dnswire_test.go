package dnswire

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func wire(t testing.TB, name string) []byte {
	t.Helper()
	b := make([]byte, MaxName+1)
	n, err := dns.PackDomainName(name, b, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func TestToLowerChangesASCIILettersOnly(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for start := range 20 {
		for _, size := range []int{0, 1, 7, 8, 9, 15, 16, 17, 230} {
			got := bytes.Clone(all[start : start+size])
			ToLower(got)
			for i, c := range got {
				want := all[start+i]
				if 'A' <= want && want <= 'Z' {
					want += 32
				}
				if c != want {
					t.Fatalf("%d bytes from %d: byte %#x became %#x, want %#x", size, start, all[start+i], c, want)
				}
			}
		}
	}
}

func TestEqualLowerIgnoresTheCaseOfTheFirstName(t *testing.T) {
	lower := wire(t, "www.example.test.")
	for name, want := range map[string]bool{
		"www.example.test.": true, "WWW.eXample.TEST.": true, "www.example.tesT.": true,
		"www.example.tes.": false, "vww.example.test.": false, "www.example.testt.": false, ".": false,
	} {
		if got := EqualLower(wire(t, name), lower); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	header := make([]byte, HeaderSize)
	longest := bytes.Repeat(append([]byte{63}, bytes.Repeat([]byte{'a'}, 63)...), 3)
	longest = append(longest, 61)
	longest = append(longest, bytes.Repeat([]byte{'a'}, 61)...)
	longest = append(longest, 0)
	if len(longest) != MaxName {
		t.Fatalf("the longest name has %d bytes, want %d", len(longest), MaxName)
	}
	tooLong := append([]byte{1, 'b'}, longest...)
	for title, x := range map[string]struct {
		name           []byte
		record, asking bool // whether a record and a question may have it
	}{
		"the root":               {[]byte{0}, true, true},
		"two labels":             {[]byte{1, 'a', 1, 'b', 0}, true, true},
		"255 bytes":              {longest, true, true},
		"257 bytes":              {tooLong, false, false},
		"no end":                 {[]byte{1, 'a'}, false, false},
		"a label without an end": {[]byte{9, 'a', 0}, false, false},
		"nothing":                {nil, false, false},
		"a label of 64":          {append([]byte{64}, longest...), false, false},
		"an extended label type": {append([]byte{0x81}, longest...), false, false},
		"a pointer to itself":    {[]byte{0xC0, HeaderSize}, false, false},
		"a pointer forward":      {[]byte{0xC0, HeaderSize + 2, 0}, false, false},
		"a pointer to the header": {
			[]byte{0xC0, 4}, false, false},
		"half a pointer":        {[]byte{1, 'a', 0xC0}, false, false},
		"a pointer in a circle": {[]byte{1, 'a', 0xC0, HeaderSize}, false, false},
	} {
		msg := append(bytes.Clone(header), x.name...)
		if got := SkipName(msg, HeaderSize) == len(msg); got != x.record {
			t.Errorf("SkipName of %s: accepted is %v, want %v", title, got, x.record)
		}
		if got := SkipQuestionName(msg, HeaderSize) == len(msg); got != x.asking {
			t.Errorf("SkipQuestionName of %s: accepted is %v, want %v", title, got, x.asking)
		}
	}
}

func TestCompressedNamesAreFollowed(t *testing.T) {
	msg := make([]byte, HeaderSize)
	msg = append(msg, wire(t, "Example.TEST.")...)
	www := len(msg)
	msg = append(msg, 3, 'W', 'w', 'w', 0xC0, HeaderSize)
	if end := SkipName(msg, www); end != len(msg) {
		t.Errorf("the name ends at %d, want %d", end, len(msg))
	}
	if got, want := AppendName(nil, msg, www), wire(t, "www.example.test."); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHasQuestion(t *testing.T) {
	name := wire(t, "www.example.test.")
	good, err := new(dns.Msg).SetQuestion("WWW.example.test.", dns.TypeSRV).Pack()
	if err != nil {
		t.Fatal(err)
	}
	if !HasQuestion(good, name, dns.TypeSRV, dns.ClassINET) {
		t.Error("the question is not recognized")
	}
	for n := range good {
		if HasQuestion(good[:n], name, dns.TypeSRV, dns.ClassINET) {
			t.Errorf("the first %d of %d bytes have the question", n, len(good))
		}
	}
	for title, change := range map[string]func([]byte){
		"two questions": func(b []byte) { b[5] = 2 },
		"another name":  func(b []byte) { b[HeaderSize+1] = 'v' },
		"another type":  func(b []byte) { b[len(b)-3]++ },
		"another class": func(b []byte) { b[len(b)-1]++ },
	} {
		b := bytes.Clone(good)
		change(b)
		if HasQuestion(b, name, dns.TypeSRV, dns.ClassINET) {
			t.Errorf("%s: got true, want false", title)
		}
	}
}

func TestReadRecord(t *testing.T) {
	m := new(dns.Msg).SetQuestion("example.test.", dns.TypeA)
	m.Compress = true
	for _, s := range []string{"example.test. 300 IN A 192.0.2.1", "www.example.test. 60 CH TXT x"} {
		rr, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	msg, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if got := Records(msg, Answer); got != 2 {
		t.Errorf("%d records in the answer section, want 2", got)
	}
	off := SkipQuestionName(msg, HeaderSize) + 4
	first, ok := ReadRecord(msg, off)
	if !ok || first.Type != dns.TypeA || first.Class != dns.ClassINET || first.TTL != 300 || first.End-first.DataOff != 4 {
		t.Errorf("got %+v, %v", first, ok)
	}
	second, ok := ReadRecord(msg, first.End)
	if !ok || second.Type != dns.TypeTXT || second.Class != dns.ClassCHAOS || second.TTL != 60 || second.End != len(msg) {
		t.Errorf("got %+v, %v", second, ok)
	}
	if got := binary.BigEndian.Uint32(msg[second.TTLOff:]); got != 60 {
		t.Errorf("TTLOff leads to %d, want 60", got)
	}
	for n := first.End; n < len(msg); n++ {
		if _, ok := ReadRecord(msg[:n], first.End); ok {
			t.Errorf("the first %d of %d bytes hold the whole record", n, len(msg))
		}
	}
	if got := (Record{TTL: 1 << 31}).EffectiveTTL(); got != 0 {
		t.Errorf("a TTL of 2^31 means %d, want 0", got)
	}
}

// FuzzNames compares what is read with what a library reads.
func FuzzNames(f *testing.F) {
	f.Add([]byte("\x03www\x07example\x04test\x00\x01A\xc0\x10"), uint8(12))
	f.Add([]byte("\x00\xc0\x0c\xc0\x0d"), uint8(3))
	f.Add([]byte(strings.Repeat("\x01a", 130)+"\x00"), uint8(0))
	f.Fuzz(func(t *testing.T, names []byte, at uint8) {
		msg := append(make([]byte, HeaderSize), names...)
		off := HeaderSize + int(at)
		end := SkipName(msg, off)
		s, libEnd, err := dns.UnpackDomainName(msg, min(off, len(msg)))
		if end < 0 {
			return // the library takes pointers that lead forward, too
		}
		if err != nil || libEnd != end {
			t.Fatalf("the name ends at %d, the library says %d, %v", end, libEnd, err)
		}
		name := AppendName(nil, msg, off)
		want := make([]byte, MaxName+1)
		n, err := dns.PackDomainName(dns.CanonicalName(s), want, 0, nil, false)
		if err != nil || !bytes.Equal(name, want[:n]) {
			t.Fatalf("the name is %q, the library says %q, %v", name, want[:n], err)
		}
		if plain := SkipQuestionName(msg, off); plain >= 0 && plain != end {
			t.Fatalf("as a name of a question it ends at %d, want %d", plain, end)
		}
		if SkipQuestionName(name, 0) != len(name) || !EqualLower(name, name) {
			t.Fatalf("%q is no name", name)
		}
		if r, ok := ReadRecord(msg, off); ok && (r.NameOff != off || r.End > len(msg) || r.DataOff > r.End) {
			t.Fatalf("%+v", r)
		}
	})
}

func BenchmarkToLower(b *testing.B) {
	name := wire(b, "Web-1.Marathon.Mesos.Example.Test.")
	for b.Loop() {
		ToLower(name)
	}
}
