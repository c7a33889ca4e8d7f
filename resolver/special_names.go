package resolver

import (
	"net"
	"strconv"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// specialNames are the zones of special-use names (IANA: Special-Use Domain Names,
// Locally-Served DNS Zones). A server that forwards answers them itself: servers
// on the Internet know nothing of these names, and should not learn which clients
// ask for them. Servers that [ForwardOptions.ZoneUpstreams] has for such a
// domain are asked instead.
//
// ipv4only.arpa is not among them, although RFC 8880 lets servers answer it
// themselves: with this name clients find out whether the upstream servers do DNS64
// (RFC 7050).
var specialNames = newSpecialZones()

// specialZone is a zone of special-use names.
type specialZone struct {
	apex    string // in wire form
	records map[string][]dns.RR
	// everyName is set for zones in which each name exists, with these records.
	everyName *[]dns.RR
}

// specialZones are zones by name in wire form.
type specialZones map[string]*specialZone

// specialTTL is the TTL of all records of special names, in seconds (RFC 6303,
// section 3).
const specialTTL = 10800

func newSpecialZones() specialZones {
	zones := specialZones{}
	add := func(apex string) *specialZone {
		z := &specialZone{apex: wireName(apex), records: map[string][]dns.RR{}}
		zones[z.apex] = z
		return z
	}
	rr := func(owner string, data dns.RR, rtype uint16) dns.RR {
		*data.Header() = dns.RR_Header{Name: owner, Rrtype: rtype, Class: dns.ClassINET, Ttl: specialTTL}
		return data
	}
	add("localhost.").everyName = &[]dns.RR{ // RFC 6761, section 6.3
		rr("localhost.", &dns.A{A: net.IPv4(127, 0, 0, 1)}, dns.TypeA),
		rr("localhost.", &dns.AAAA{AAAA: net.IPv6loopback}, dns.TypeAAAA),
	}
	// Below resolver.arpa clients look for encrypted servers to use instead of this
	// one. The upstream servers' answer would lead them past it (RFC 9462,
	// sections 6.1 and 6.4).
	add("resolver.arpa.").everyName = &[]dns.RR{}
	for _, name := range []string{
		"alt.",          // RFC 9476
		"home.arpa.",    // RFC 8375
		"invalid.",      // RFC 6761, section 6.4
		"local.",        // RFC 6762, section 22.1
		"onion.",        // RFC 7686
		"service.arpa.", // RFC 9665
		"test.",         // RFC 6761, section 6.2
	} {
		add(name)
	}
	// The rest is RFC 6303, with RFC 7793: addresses that are only meaningful within
	// one network.
	loopback := func(zone, owner string) {
		add(zone).records[wireName(owner)] = []dns.RR{rr(owner, &dns.PTR{Ptr: "localhost."}, dns.TypePTR)}
	}
	loopback("127.in-addr.arpa.", "1.0.0.127.in-addr.arpa.")
	const loopback6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa."
	loopback(loopback6, loopback6)
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

// find returns the zone of a name in lower-case wire form, or nil.
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

// maybeSpecial reports, quickly, whether a name can be in one of the zones.
func maybeSpecial(name []byte) bool {
	last := 0
	for i := 0; name[i] != 0; i += 1 + int(name[i]) {
		last = i
	}
	switch string(name[last:]) {
	case "\x03alt\x00", "\x04arpa\x00", "\x07invalid\x00", "\x05local\x00", "\x09localhost\x00", "\x05onion\x00", "\x04test\x00":
		return true
	}
	return false
}

// specialZone returns the zone that answers a client's question for a name outside our
// zones, or nil.
func (r *responder) specialZone(name []byte, c client) *specialZone {
	if r.forward == nil || !c.policy.allowed.contains(c.addr) || r.forward.zoneGroup(name) != nil {
		return nil
	}
	return specialNames.find(name)
}

// write writes the answer to a question for a name in the zone, which is given in
// lower-case wire form too.
func (z *specialZone) write(w *writer, q *query, name []byte) (rcode uint16) {
	records, exists := z.records[string(name)]
	isApex := string(name) == z.apex
	switch {
	case z.everyName != nil:
		records = *z.everyName
	case !exists && !isApex && !z.hasDescendant(name):
		rcode = dns.RcodeNameError
	}
	wants := func(t uint16) bool { return q.qtype == t || q.qtype == dns.TypeANY }
	owner := q.suffix(len(q.name))
	var answer []dns.RR
	for _, rr := range records {
		if wants(rr.Header().Rrtype) {
			rr = dns.Copy(rr)
			rr.Header().Name = owner
			answer = append(answer, rr)
		}
	}
	header := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: q.suffix(len(z.apex)), Rrtype: t, Class: dns.ClassINET, Ttl: specialTTL}
	}
	soa := &dns.SOA{
		Hdr: header(dns.TypeSOA),
		Ns:  "localhost.", Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: specialTTL,
	}
	if isApex && wants(dns.TypeSOA) {
		answer = append(answer, soa)
	}
	if isApex && wants(dns.TypeNS) {
		answer = append(answer, &dns.NS{Hdr: header(dns.TypeNS), Ns: "localhost."})
	}
	if len(answer) == 0 {
		w.authorityRR(soa)
		return rcode
	}
	w.answerRRs(answer)
	return rcode
}

// hasDescendant reports whether the zone has a name below another one, which
// therefore exists (RFC 8020).
func (z *specialZone) hasDescendant(name []byte) bool {
	for descendant := range z.records {
		if dnswire.IsBelow([]byte(descendant), string(name)) {
			return true
		}
	}
	return false
}
