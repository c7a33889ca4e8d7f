package zone

import (
	"net"

	"github.com/miekg/dns"
)

// RRs are the node's records of a type as messages have them, owned by owner:
// the name as the client wrote it. Type ANY gives all.
func (z *Zone) RRs(n *Node, owner string, qtype uint16) []dns.RR {
	var rrs []dns.RR
	header := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: z.o.TTL}
	}
	want := func(t uint16) bool { return (qtype == t || qtype == dns.TypeANY) && n.Has(t) }

	if want(dns.TypeSOA) {
		soa := z.SOA(n.Name)
		soa.Hdr.Name = owner
		rrs = append(rrs, soa)
	}
	if want(dns.TypeNS) {
		rrs = append(rrs, &dns.NS{Hdr: header(dns.TypeNS), Ns: z.o.MName.String()})
	}
	if want(dns.TypeA) {
		for _, a := range n.A {
			rrs = append(rrs, &dns.A{Hdr: header(dns.TypeA), A: net.IP(a[:])})
		}
	}
	if want(dns.TypeAAAA) {
		for _, a := range n.AAAA {
			rrs = append(rrs, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: net.IP(a[:])})
		}
	}
	if want(dns.TypeSRV) {
		for _, s := range n.SRV {
			rrs = append(rrs, &dns.SRV{Hdr: header(dns.TypeSRV), Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: s.Target.String()})
		}
	}
	if want(dns.TypePTR) {
		for _, p := range n.PTR {
			rrs = append(rrs, &dns.PTR{Hdr: header(dns.TypePTR), Ptr: p.String()})
		}
	}
	return rrs
}
