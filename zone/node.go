package zone

import (
	"net"

	"github.com/miekg/dns"

	"toponym/records"
)

// Node is a name of the zone with its records. A node without records is an
// empty non-terminal (RFC 9499): a name that exists because one below it does
// (RFC 8020).
type Node struct {
	Name records.Name
	*records.Data
	Apex    bool   // the name is an origin and owns SOA and NS records as well
	partial bool   // the origin is, see Origin.Partial
	origin  uint16 // index in Zone.origins

	static *staticSets // records of zone files; nil where there are none
}

// SRV is the data of an SRV record, for importers of zone that do not need
// package records. [Zone.Target] of the same version tells what it points to.
type SRV = records.SRV

// noData is the data of names without records.
var noData records.Data

// Query types with rules of their own.
const (
	typeSOA = dns.TypeSOA
	typeNS  = dns.TypeNS
	typeANY = dns.TypeANY
)

// node makes a node of an origin with data of the record set.
func (z *Zone) node(name records.Name, d *records.Data, origin uint16) *Node {
	return &Node{Name: name, Data: d, partial: z.origins[origin].partial, origin: origin}
}

// Empty reports whether the node owns no records, not counting the SOA and NS
// records of an apex.
func (n *Node) Empty() bool { return n.static == nil && n.Data.Empty() }

// Has reports whether the node owns records of a type, or a CNAME record, which
// answers for every type; for ANY, whether it owns any record.
func (n *Node) Has(qtype uint16) bool {
	var has bool
	switch qtype {
	case dns.TypeA:
		has = len(n.A) > 0
	case dns.TypeAAAA:
		has = len(n.AAAA) > 0
	case dns.TypeSRV:
		has = len(n.SRV) > 0
	case dns.TypePTR:
		_, has = n.Pointer()
	case typeSOA, typeNS:
		has = n.Apex
	case typeANY:
		has = n.Apex || !n.Empty()
	}
	return has || n.static != nil && n.static.has(qtype)
}

// result is the outcome of a look-up that found the node.
func (n *Node) result(qtype uint16) Result {
	if n.Has(qtype) {
		return Success
	}
	return NoData
}

// Types are the types of the node's records, those that clients ask for most
// first.
func (n *Node) Types() []uint16 {
	var types []uint16
	for _, t := range [...]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, typeSOA, typeNS} {
		if n.CNAME() == "" && n.Has(t) {
			types = append(types, t)
		}
	}
	if n.static != nil {
		types = n.static.types(types)
	}
	return types
}

// CNAME is the target of the node's CNAME record, "" where it has none.
func (n *Node) CNAME() records.Name {
	if n.static == nil {
		return ""
	}
	return n.static.cname
}

// TTLOf is the TTL of the node's records of a type, in seconds: that of the zone
// file, else the one that labels set, else that of the origin.
func (z *Zone) TTLOf(n *Node, rtype uint16) uint32 { return n.ttl(rtype, &z.origins[n.origin]) }

// ttl is TTLOf where the node takes its TTL from an origin.
func (n *Node) ttl(rtype uint16, from *origin) uint32 {
	if n.static != nil {
		if s := n.static.set(rtype); s != nil {
			return s.ttl
		}
	}
	return from.dataTTL(n.Data)
}

// dataTTL is the TTL of the cluster's records of a name in an origin.
func (o *origin) dataTTL(d *records.Data) uint32 {
	if d.TTL != 0 {
		return records.Seconds(d.TTL)
	}
	return o.soa.ttl
}

// RRs are the node's records of a type in the form of package dns; ANY returns
// all. The owner is the name as the client spelled it.
func (z *Zone) RRs(n *Node, owner string, qtype uint16) []dns.RR {
	var rrs []dns.RR
	header := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: z.TTLOf(n, t)}
	}
	want := func(t uint16) bool { return qtype == t || qtype == dns.TypeANY }

	if n.Apex && want(dns.TypeSOA) {
		soa := z.soa(n.origin)
		soa.Hdr.Name = owner
		rrs = append(rrs, soa)
	}
	if from := &z.origins[n.origin]; n.Apex && !from.static && want(dns.TypeNS) {
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
			rrs = append(rrs, &dns.SRV{Hdr: header(dns.TypeSRV), Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: z.targetName(s.Target).String()})
		}
	}
	if target, ok := n.Pointer(); ok && want(dns.TypePTR) {
		rrs = append(rrs, &dns.PTR{Hdr: header(dns.TypePTR), Ptr: target.String()})
	}
	if n.static != nil {
		for _, s := range n.static.sets {
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

// AdditionalNames are the names whose addresses belong in the additional section
// beside the node's records of a type (RFC 1034, section 4.3.2, step 6), other
// than SRV targets: name servers and mail exchangers. ANY stands for all.
func (z *Zone) AdditionalNames(n *Node, qtype uint16) []records.Name {
	var names []records.Name
	if from := &z.origins[n.origin]; n.Apex && !from.static && (qtype == dns.TypeNS || qtype == dns.TypeANY) {
		names = append(names, from.soa.mname)
	}
	if n.static != nil {
		for _, s := range n.static.sets {
			if qtype == s.rtype || qtype == dns.TypeANY {
				names = append(names, s.additional...)
			}
		}
	}
	return names
}
