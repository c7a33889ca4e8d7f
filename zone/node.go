package zone

import (
	"github.com/miekg/dns"

	"toponym/records"
)

// Node is a name of the zone with its data. A node without data is an empty
// non-terminal: a name that exists because one below it does (RFC 8020).
type Node struct {
	Name records.Name
	*records.Data
	Apex   bool   // the name is an origin: it owns SOA and NS as well
	origin uint16 // of the name, as a place in the zone's origins
	ttl    uint32 // of the data, in seconds

	targets *targets // of the SRV records; nil when there are none
	extra   *extra   // what master files say of the name; nil for nothing
}

// SRV is the data of an SRV record, for those who know zones only.
type SRV = records.SRV

// none is the data of names without records.
var none records.Data

// Query types that are treated apart.
const (
	typeSOA = dns.TypeSOA
	typeNS  = dns.TypeNS
	typeANY = dns.TypeANY
)

// Empty reports whether there is no record, beside those of an apex.
func (n *Node) Empty() bool { return n.extra == nil && n.Data.Empty() }

// Has reports whether the node owns records of a type, or a CNAME record, which
// stands for all types; for ANY, of any type.
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
		has = len(n.PTR) == 1
	case typeSOA, typeNS:
		has = n.Apex
	case typeANY:
		has = n.Apex || !n.Empty()
	}
	return has || n.extra != nil && n.extra.has(qtype)
}

// answers is the result for a type of a name that exists.
func (n *Node) answers(qtype uint16) Result {
	if n.Has(qtype) {
		return Success
	}
	return NoData
}

// Types are the types of the node's records, beginning with what clients want
// most.
func (n *Node) Types() []uint16 {
	var types []uint16
	for _, t := range [...]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, typeSOA, typeNS} {
		if n.CNAME() == "" && n.Has(t) {
			types = append(types, t)
		}
	}
	if n.extra != nil {
		types = n.extra.types(types)
	}
	return types
}

// CName is the name that the node's CNAME record leads to, "" without one.
func (n *Node) CNAME() records.Name {
	if n.extra == nil {
		return ""
	}
	return n.extra.cname
}

// Targets is the number of names that the node's SRV records point to.
func (n *Node) TargetCount() int {
	if n.targets == nil {
		return 0
	}
	return len(n.targets.ids)
}

// Target is the place among the targets of that of SRV record i.
func (n *Node) TargetIndex(i int) int {
	if n.targets.of == nil {
		return i
	}
	return int(n.targets.of[i])
}

// TargetNode is the node of the n's target at a place, or nil when the zone
// does not have it. It costs less than a look-up of its name.
func (z *Zone) TargetNode(n *Node, place int) *Node { return z.nodes.at(n.targets.ids[place]) }

// TTLOf is the TTL of the node's records of a type, in seconds.
func (n *Node) TTLOf(rtype uint16) uint32 {
	if n.extra != nil {
		if s := n.extra.set(rtype); s != nil {
			return s.ttl
		}
	}
	return n.ttl
}

// node is a node with data of the set, in an origin.
func (z *Zone) node(name records.Name, d *records.Data, origin uint16) *Node {
	return &Node{Name: name, Data: d, origin: origin, ttl: z.dataTTL(d, origin)}
}

// dataTTL is the TTL of data in an origin.
func (z *Zone) dataTTL(d *records.Data, origin uint16) uint32 {
	if d.TTL != 0 {
		return records.Seconds(d.TTL)
	}
	return z.origins[origin].ttl
}
