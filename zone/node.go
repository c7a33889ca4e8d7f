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
	Apex   bool  // the name is an origin: it owns SOA and NS as well
	origin uint8 // of the name, as a place in Options.Origins

	targets *targets // of the SRV records; nil when there are none
}

// SRV is the data of an SRV record, for those who know zones only.
type SRV = records.SRV

// targets are the numbers of the names that a node's SRV records point to.
type targets struct {
	ids []uint32 // each name once, in the order of the records
	of  []uint32 // for each record the place of its target in ids; nil when it is the record's own
}

// none is the data of names without records.
var none records.Data

// Has reports whether the node owns records of a type; for ANY, of any type.
func (n *Node) Has(qtype uint16) bool {
	switch qtype {
	case dns.TypeA:
		return len(n.A) > 0
	case dns.TypeAAAA:
		return len(n.AAAA) > 0
	case dns.TypeSRV:
		return len(n.SRV) > 0
	case dns.TypePTR:
		return len(n.PTR) == 1
	case dns.TypeSOA, dns.TypeNS:
		return n.Apex
	case dns.TypeANY:
		return n.Apex || !n.Empty()
	}
	return false
}

// Targets is the number of names that the node's SRV records point to.
func (n *Node) Targets() int {
	if n.targets == nil {
		return 0
	}
	return len(n.targets.ids)
}

// Target is the place among the targets of that of SRV record i.
func (n *Node) Target(i int) int {
	if n.targets.of == nil {
		return i
	}
	return int(n.targets.of[i])
}

// TargetNode is the node of the n's target at a place, or nil when the zone
// does not have it. It costs less than a look-up of its name.
func (z *Zone) TargetNode(n *Node, place int) *Node { return z.at(n.targets.ids[place]) }
