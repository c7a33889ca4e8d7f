package zone

import (
	"net"

	"github.com/miekg/dns"

	"toponym/records"
)

// RRs are the node's records of a type as messages have them, owned by owner:
// the name as the client wrote it. Type ANY gives all.
func (z *Zone) RRs(n *Node, owner string, qtype uint16) []dns.RR {
	var rrs []dns.RR
	header := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: n.TTLOf(t)}
	}
	want := func(t uint16) bool { return qtype == t || qtype == dns.TypeANY }

	if n.Apex && want(dns.TypeSOA) {
		soa := z.soa(n.origin)
		soa.Hdr.Name = owner
		rrs = append(rrs, soa)
	}
	if from := &z.origins[n.origin]; n.Apex && !from.ownNS && want(dns.TypeNS) {
		rrs = append(rrs, &dns.NS{Hdr: header(dns.TypeNS), Ns: from.soa.mname.String()})
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
	if want(dns.TypePTR) && len(n.PTR) == 1 {
		for _, p := range n.PTR {
			rrs = append(rrs, &dns.PTR{Hdr: header(dns.TypePTR), Ptr: p.String()})
		}
	}
	if n.extra != nil {
		for _, s := range n.extra.sets {
			if !want(s.rtype) {
				continue
			}
			for _, rr := range s.rrs {
				rr = dns.Copy(rr)
				*rr.Header() = header(s.rtype)
				rrs = append(rrs, rr)
			}
		}
	}
	return rrs
}

// Leads are the names, beside the targets of SRV records, that a node's records
// of a type lead to and that clients want the addresses of: those of name
// servers and of mail servers. Type ANY gives all.
func (z *Zone) AdditionalNames(n *Node, qtype uint16) []records.Name {
	var names []records.Name
	if from := &z.origins[n.origin]; n.Apex && !from.ownNS && (qtype == dns.TypeNS || qtype == dns.TypeANY) {
		names = append(names, from.soa.mname)
	}
	if n.extra != nil {
		for _, s := range n.extra.sets {
			if qtype == s.rtype || qtype == dns.TypeANY {
				names = append(names, s.leads...)
			}
		}
	}
	return names
}
