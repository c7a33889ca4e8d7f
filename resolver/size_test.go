package resolver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/zone"
)

// sized is a query that says how large a response may be.
func sized(name, qtype string, size int, more string) string {
	return fmt.Sprintf("%s %s +edns=%d %s", name, qtype, size, more)
}

func TestRepliesOverUDPKeepTheirLimit(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 400, base: 3})
	for _, x := range []struct {
		title      string
		maxUDPSize uint16
		ask        string
		limit      int
	}{
		{"without EDNS", 0, "big.marathon.mesos. A", 512},
		{"what the client can take", 0, "big.marathon.mesos. A +edns=1000", 1000},
		{"what we can take", 0, "big.marathon.mesos. A +edns=4096", 1232},
		{"a client that says less than the least", 0, "big.marathon.mesos. A +edns=0", 512},
		{"a larger setting", 4096, "big.marathon.mesos. A +edns=4096", 4096},
		{"a larger setting, a smaller client", 4096, "big.marathon.mesos. A +edns=1400", 1400},
		{"a setting below the least", 100, "big.marathon.mesos. A +edns=4096", 512},
		{"loopback", 0, "big.marathon.mesos. A +edns=5000 +from=127.3.2.1", 5000},
		{"loopback over IPv6", 0, "big.marathon.mesos. A +edns=5000 +from=::1", 5000},
		{"loopback without EDNS", 0, "big.marathon.mesos. A +from=127.0.0.1", 512},
	} {
		t.Run(x.title, func(t *testing.T) {
			o := shuffledOptions()
			if x.maxUDPSize > 0 {
				o.MaxUDPSize = x.maxUDPSize
			}
			r := New(zone.NewStore(z), o).responder
			m, size := askMsg(t, r, z, x.ask)
			// An address takes 16 bytes, so a response that is as full as
			// can be lacks less than that.
			if size > x.limit || size <= x.limit-16 {
				t.Errorf("the response has %d bytes, the limit is %d", size, x.limit)
			}
			if !m.Truncated {
				t.Error("TC is not set")
			}
		})
	}
}

func TestAReplyThatFillsItsLimitIsWhole(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 100, base: 3})
	r := newResponder(testOptions())
	_, full := askMsg(t, r, z, sized("big.marathon.mesos.", "A", 65535, "+from=127.0.0.1"))
	for _, x := range []struct {
		size, answers int
		tc            bool
	}{
		{full + 1, 100, false},
		{full, 100, false},
		{full - 1, 99, true},
		{full - 16, 99, true},
		{full - 17, 98, true},
	} {
		m, size := askMsg(t, r, z, sized("big.marathon.mesos.", "A", x.size, "+from=127.0.0.1"))
		if len(m.Answer) != x.answers || m.Truncated != x.tc || size > x.size {
			t.Errorf("in %d bytes: %d answers, TC %v, %d bytes; want %d, %v", x.size, len(m.Answer), m.Truncated, size, x.answers, x.tc)
		}
	}
}

// RFC 6891, section 7; RFC 8906, section 8.2.7.
func TestCutRepliesKeepTheOPTRecord(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 100, base: 3})
	r := newResponder(testOptions())
	m, size := askMsg(t, r, z, "_big._tcp.marathon.mesos. SRV +edns=512 +do +opt=10:0123456789abcdef")
	opt := m.IsEdns0()
	if opt == nil || !opt.Do() || opt.UDPSize() != 1232 || len(opt.Option) != 1 {
		t.Errorf("the OPT record is %v", opt)
	}
	if !m.Truncated || size > 512 || len(m.Answer) == 0 || len(m.Extra) != 1 {
		t.Errorf("TC %v, %d bytes, %d answers, %d additional", m.Truncated, size, len(m.Answer), len(m.Extra))
	}
}

// RFC 2181, section 9.
func TestAdditionalRRsetsAreLeftOutFirstWholeAndSilently(t *testing.T) {
	// Seven targets with two addresses each make a response that can be cut and
	// is still larger than the least that a client can take.
	z := testZone(t, instances{name: "seven", count: 7, base: 3})
	r := newResponder(testOptions())
	all, full := askMsg(t, r, z, sized("_seven._tcp.marathon.mesos.", "SRV", 65535, "+from=127.0.0.1"))
	const a, aaaa = 16, 28 // bytes of an address record
	for _, x := range []struct{ less, additional int }{
		{0, 14},
		{1, 13}, // the last AAAA
		{aaaa, 13},
		{aaaa + 1, 12}, // and the A before it
		{aaaa + a, 12},
		{aaaa + a + 1, 12}, // the last A has room where the AAAA before it has not
		{aaaa + a + aaaa, 11},
	} {
		m, size := askMsg(t, r, z, sized("_seven._tcp.marathon.mesos.", "SRV", full-x.less, "+from=127.0.0.1"))
		if m.Truncated || len(m.Answer) != len(all.Answer) || len(m.Extra)-1 != x.additional || size > full-x.less {
			t.Errorf("%d bytes less than %d: TC %v, %d answers, %d additional, %d bytes; want %d additional",
				x.less, full, m.Truncated, len(m.Answer), len(m.Extra)-1, size, x.additional)
		}
	}
}

func TestSetTruncateBitFalseOnlyLeavesTheBitOff(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 100, base: 3})
	with, without := newResponder(testOptions()), newResponder(testOptions())
	o := testOptions()
	o.SetTruncateBit = false
	without.policies.Store(newPolicy(o, nil))
	a, _ := askMsg(t, with, z, "big.marathon.mesos. A")
	b, _ := askMsg(t, without, z, "big.marathon.mesos. A")
	if !a.Truncated || b.Truncated {
		t.Errorf("TC is %v with the bit and %v without", a.Truncated, b.Truncated)
	}
	a.Truncated = false
	if a.String() != b.String() {
		t.Errorf("the responses differ in more than TC:\n%s\n%s", a, b)
	}
}

func TestRepliesOverTCPHoldWhatFitsIn64KiB(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 5000, base: 3})
	r := newResponder(testOptions())
	m, size := askMsg(t, r, z, "big.marathon.mesos. A +tcp")
	if size > 65535 || size <= 65535-16 || !m.Truncated {
		t.Errorf("%d addresses, %d bytes, TC %v", len(m.Answer), size, m.Truncated)
	}
	m, size = askMsg(t, r, z, "_big._tcp.marathon.mesos. SRV +tcp +edns=512")
	if size > 65535 || size < 65000 || len(m.Answer) < 1000 || !m.Truncated {
		t.Errorf("%d services, %d bytes, TC %v", len(m.Answer), size, m.Truncated)
	}
	if m, _ := askMsg(t, r, z, "web.marathon.mesos. A +tcp"); m.Truncated {
		t.Error("TC is set although nothing was truncated")
	}
}

// Names beyond the first 16 KiB of a message cannot be pointed to (RFC 1035,
// section 4.1.4).
func TestAddressesOfTargetsFarBehindInTheMessage(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 500, base: 3})
	r := newResponder(testOptions())
	m, size := askMsg(t, r, z, "_big._tcp.marathon.mesos. SRV +tcp")
	if m.Truncated || len(m.Answer) != 500 || len(m.Extra) != 1000 {
		t.Fatalf("TC %v, %d answers, %d additional, %d bytes", m.Truncated, len(m.Answer), len(m.Extra), size)
	}
	targets := map[string]int{}
	for _, rr := range m.Answer {
		targets[rr.(*dns.SRV).Target] = 2
	}
	for _, rr := range m.Extra {
		targets[rr.Header().Name]--
	}
	for name, left := range targets {
		if left != 0 {
			t.Errorf("%s lacks %d addresses", name, left)
		}
	}
}

// A name of 255 bytes is the longest (RFC 1035, section 2.3.4).
func TestTheLongestQuestion(t *testing.T) {
	label := strings.Repeat("a", 63) + "."
	name := strings.Repeat(label, 3) + strings.Repeat("b", 255-3*64-1-len("\x05mesos\x00")) + ".mesos."
	packet, _ := packQuery(t, name+" A")
	if len(packet) != 12+255+4 {
		t.Fatalf("the packet has %d bytes", len(packet))
	}
	r := newResponder(testOptions())
	m, size := askMsg(t, r, testZone(t), name+" A")
	if m.Rcode != dns.RcodeNameError || len(m.Ns) != 1 || m.Truncated || size > 512 {
		t.Errorf("%d bytes: %v", size, m)
	}
}

func BenchmarkCutReply(b *testing.B) {
	for _, n := range []int{3, 200, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			z := testZone(b, instances{name: "big", count: n, base: 3})
			o := shuffledOptions()
			o.MaxUDPSize = 4096
			r := newResponder(o)
			packet, c := packQuery(b, "_big._tcp.marathon.mesos. SRV +edns=4096")
			c.addr = netip.MustParseAddr("10.0.0.1")
			buf := make([]byte, bufferSize)
			b.ReportAllocs()
			for b.Loop() {
				r.respond(buf, z, c, packet)
			}
		})
	}
}
