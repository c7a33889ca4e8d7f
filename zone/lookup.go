package zone

import (
	"github.com/miekg/dns"

	"toponym/records"
)

// Result is the outcome of a look-up.
type Result uint8

// The outcomes of a look-up.
const (
	OutOfZone Result = iota // the name is at or below no origin
	NotReady                // the name is in the zone, but no state has arrived yet
	NXDomain                // the name does not exist (RFC 8020: nor does any name below it)
	NoData                  // the name exists, but has no records of the type
	Success                 // the name has records of the type, or a CNAME record
)

// String returns the result in DNS terms.
func (r Result) String() string {
	return [...]string{"out of zone", "not ready", "NXDOMAIN", "NODATA", "success"}[r]
}

// Answer says where a look-up ended. Methods of the zone that gave it interpret
// it. It is kept small because every query makes one.
type Answer struct {
	Node     *Node // nil where the name does not exist, and for NotReady
	location location
}

// location says which origin a name is in and which alias led there. It is one
// word, because several smaller fields would be copied one by one:
//
//	bits  0-15  index of the origin in Zone.origins
//	bits 16-31  index of the alias in Zone.suffixes
//	bits 32-39  AliasMatch.AliasLen; 0 without an alias
//	bits 40-47  ApexLen; 0 without an alias
//	bit  48     set unless the name is out of zone
type location uint64

func newLocation(origin uint16) location { return location(origin) | 1<<48 }

// viaAlias adds the alias by which the name was found.
func (l location) viaAlias(alias, aliasLen, apexLen int) location {
	return l | location(alias)<<16 | location(aliasLen)<<32 | location(apexLen)<<40
}

func (l location) inZone() bool   { return l>>48 != 0 }
func (l location) origin() uint16 { return uint16(l) }
func (l location) alias() uint16  { return uint16(l >> 16) }
func (l location) aliasLen() int  { return int(uint8(l >> 32)) }
func (l location) apexLen() int   { return int(uint8(l >> 40)) }

// Lookup finds the records of a name in lower-case wire form and of a type; ANY
// matches every type. It does not keep qname, and allocates nothing, except for
// SOA and NS at an alias.
//
// The steps:
//
//  1. A name with a node is found by its hash. Most queries end here.
//  2. Else the closest origin or alias at or above the name decides. Without
//     one the name is out of zone; below an origin it does not exist.
//  3. Below an alias the end of the name is replaced by the alias's target, and
//     the new name is looked up (see lookupAlias).
func (z *Zone) Lookup(qname []byte, qtype uint16) (Answer, Result) {
	n := z.find(qname)
	if n == nil {
		return z.lookupMissing(qname, qtype)
	}
	a := Answer{Node: n, location: newLocation(n.origin)}
	if z.notReady(n.origin) {
		a.Node = nil
		return a, NotReady
	}
	if n.partial && n.Empty() {
		return Answer{}, OutOfZone
	}
	return a, n.result(qtype)
}

// find is the node of a name, or nil.
func (z *Zone) find(name []byte) *Node {
	search := z.index.Search(name)
	for {
		id, ok := search.Next()
		if !ok {
			return nil
		}
		if n := z.nodes.get(id); n != nil && string(n.Name) == string(name) {
			return n
		}
	}
}

// lookupMissing looks up a name that has no node: it is below an alias, or does
// not exist, or is out of zone.
func (z *Zone) lookupMissing(qname []byte, qtype uint16) (Answer, Result) {
	i := closestSuffix(z.suffixes, qname)
	if i < 0 {
		return Answer{}, OutOfZone
	}
	if z.suffixes[i].target != "" {
		return z.lookupAlias(qname, qtype, i)
	}
	a := Answer{location: newLocation(z.suffixes[i].origin)}
	switch {
	case z.notReady(z.suffixes[i].origin):
		return a, NotReady
	case z.origins[z.suffixes[i].origin].partial:
		return Answer{}, OutOfZone
	}
	return a, NXDomain
}

// lookupAlias looks up a name whose closest suffix is the alias at index i.
func (z *Zone) lookupAlias(qname []byte, qtype uint16, i int) (Answer, Result) {
	if zone := z.suffixes[i].origin; len(qname) == len(z.suffixes[i].name) && (qtype == typeSOA || qtype == typeNS || qtype == dns.TypeDNAME) {
		// Servers with a copy of the alias as a zone compare its serial.
		return z.aliasAnswer(zone, Success)
	}
	first := i
	// The part in front of the alias only becomes shorter from step to step,
	// so this buffer is large enough even where the result is too long for a
	// name.
	var buf [2 * maxName]byte
	name := buf[:copy(buf[:], qname)]
	var front, alias int
	for z.suffixes[i].target != "" {
		alias = i
		front = len(name) - len(z.suffixes[i].name)
		name = buf[:front+copy(buf[front:], z.suffixes[i].target)]
		if i = closestSuffix(z.suffixes, name); i >= 0 {
			continue
		}
		if len(qname) == len(z.suffixes[first].name) {
			return z.aliasAnswer(z.suffixes[first].origin, NoData)
		}
		return Answer{}, OutOfZone
	}
	// Names above the target are not above the alias: where the target lies
	// within its zone, the alias is the apex.
	apex := min(front, len(name)-len(z.suffixes[i].name))
	origin := z.suffixes[i].origin
	a := Answer{location: newLocation(origin).viaAlias(alias, len(qname)-front, len(qname)-apex)}
	if z.notReady(origin) {
		return a, NotReady
	}
	n := z.find(name)
	switch {
	case z.origins[origin].partial && (n == nil || n.Empty()):
		return Answer{}, OutOfZone
	case apex == 0:
		n = z.aliasApex(n, origin, qtype)
	case n == nil && z.isAncestorOfSuffix(qname):
		n = z.node(records.Name(qname), &noData, origin)
	case n == nil:
		return a, NXDomain
	}
	a.Node = n
	return a, n.result(qtype)
}

// aliasAnswer is an answer from the zone of an alias, for the alias itself.
func (z *Zone) aliasAnswer(origin uint16, r Result) (Answer, Result) {
	a := Answer{Node: z.origins[origin].emptyApex, location: newLocation(origin)}
	if z.notReady(origin) {
		a.Node = nil
		return a, NotReady
	}
	return a, r
}

// aliasApex turns the node at the target of an alias into an apex.
func (z *Zone) aliasApex(n *Node, origin uint16, qtype uint16) *Node {
	if n == nil {
		return z.origins[origin].emptyApex
	}
	switch qtype {
	case typeSOA, typeNS, typeANY:
		if !n.Apex {
			c := *n
			c.Apex = true
			return &c
		}
	}
	return n
}

// notReady reports whether nothing is known yet of the names in an origin.
func (z *Zone) notReady(origin uint16) bool { return !z.ready && !z.origins[origin].static }

// Origin is the origin that the name of an answer is in, "" for a name that is
// out of zone. For a name below an alias it is the origin of the target.
func (z *Zone) Origin(a Answer) records.Name {
	if !a.location.inZone() {
		return ""
	}
	return z.origins[a.location.origin()].name
}

// ApexLen is the length in bytes of the apex as the client sees it: the end of
// the queried name that is the origin, or the alias that stands for it.
func (z *Zone) ApexLen(a Answer) int {
	if apex := a.location.apexLen(); apex != 0 {
		return apex
	}
	return len(z.origins[a.location.origin()].name)
}
