package resolver

import (
	"net"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Names with a meaning of their own are answered here: servers out on the
// Internet know nothing of them, and should not learn who asks.

// specialZone is a zone of special-use names.
type specialZone struct {
	apex    string // in presentation form
	wire    string // in wire form
	records map[string][]dns.RR
	// all has records for every name in the zone; without it names that are not
	// in have do not exist.
	everyName []dns.RR
}

// specialZones are the zones, by the length of their names in octets.
type specialZones map[string]*specialZone

// newSpecialZones makes the zones of RFC 6761 (localhost, invalid), RFC 7686
// (onion), and RFC 6303 with RFC 7793 (addresses that mean something in one
// network only).
func newSpecialZones() specialZones {
	zones := specialZones{}
	add := func(apex string) *specialZone {
		z := &specialZone{apex: apex, wire: wireName(apex), records: map[string][]dns.RR{}}
		zones[z.wire] = z
		return z
	}
	rr := func(owner string, data dns.RR, rtype uint16) dns.RR {
		*data.Header() = dns.RR_Header{Name: owner, Rrtype: rtype, Class: dns.ClassINET, Ttl: specialTTL}
		return data
	}
	localhost := add("localhost.")
	localhost.everyName = []dns.RR{
		rr("localhost.", &dns.A{A: net.IPv4(127, 0, 0, 1)}, dns.TypeA),
		rr("localhost.", &dns.AAAA{AAAA: net.IPv6loopback}, dns.TypeAAAA),
	}
	for _, name := range []string{"invalid.", "onion."} {
		add(name)
	}
	back := func(zone, owner string) {
		add(zone).records[wireName(owner)] = []dns.RR{rr(owner, &dns.PTR{Ptr: "localhost."}, dns.TypePTR)}
	}
	back("127.in-addr.arpa.", "1.0.0.127.in-addr.arpa.")
	const loopback6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa."
	back(loopback6, loopback6)
	add("0" + loopback6[1:])
	for _, net := range []string{"0", "10", "168.192", "254.169", "2.0.192", "100.51.198", "113.0.203", "255.255.255.255"} {
		add(net + ".in-addr.arpa.")
	}
	for i := 16; i < 32; i++ {
		add(strconv.Itoa(i) + ".172.in-addr.arpa.")
	}
	for i := 64; i < 128; i++ {
		add(strconv.Itoa(i) + ".100.in-addr.arpa.")
	}
	for _, net := range []string{"d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "8.b.d.0.1.0.0.2"} {
		add(net + ".ip6.arpa.")
	}
	return zones
}

// specialTTL is that of all records of special names, in seconds (RFC 6303,
// section 3).
const specialTTL = 10800

// find gives the zone that a name in lower-case wire form is in, or nil.
func (zones specialZones) find(name []byte) *specialZone {
	if !maybeSpecial(name) {
		return nil
	}
	for i := 0; name[i] != 0; i += 1 + int(name[i]) {
		if z := zones[string(name[i:])]; z != nil {
			return z
		}
	}
	return nil
}

// specialTLD reports whether a name can be in one of the zones, quickly.
func maybeSpecial(name []byte) bool {
	last := 0
	for i := 0; name[i] != 0; i += 1 + int(name[i]) {
		last = i
	}
	switch string(name[last:]) {
	case "\x04arpa\x00", "\x09localhost\x00", "\x07invalid\x00", "\x05onion\x00":
		return true
	}
	return false
}

// reply answers a question for a name in the zone.
func (z *specialZone) reply(q *query, key []byte) response {
	m := response{aa: true}
	have, ok := z.records[string(key)]
	if z.everyName != nil {
		have, ok = z.everyName, true
	}
	if !ok && string(key) != z.wire && !z.hasDescendant(key) {
		m.rcode = dns.RcodeNameError
	}
	owner := q.suffix(len(q.name))
	for _, rr := range have {
		if rr.Header().Rrtype == q.qtype || q.qtype == dns.TypeANY {
			rr = dns.Copy(rr)
			rr.Header().Name = owner
			m.answer = append(m.answer, rr)
		}
	}
	apex := q.suffix(len(z.wire))
	soa := &dns.SOA{
		Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: specialTTL},
		Ns:  "localhost.", Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: specialTTL,
	}
	ns := &dns.NS{Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: specialTTL}, Ns: "localhost."}
	if string(key) == z.wire && (q.qtype == dns.TypeSOA || q.qtype == dns.TypeANY) {
		m.answer = append(m.answer, soa)
	}
	if string(key) == z.wire && (q.qtype == dns.TypeNS || q.qtype == dns.TypeANY) {
		m.answer = append(m.answer, ns)
	}
	if len(m.answer) == 0 {
		m.authority = []dns.RR{soa}
	}
	return m
}

// within reports whether something in the zone is below a name, which exists
// then (RFC 8020).
func (z *specialZone) hasDescendant(key []byte) bool {
	for name := range z.records {
		if strings.HasSuffix(name, string(key)) {
			return true
		}
	}
	return false
}
