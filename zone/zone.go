package zone

import (
	"iter"
	"unsafe"

	"toponym/records"
)

// Zone is a record set compiled for answering.
//
// Names have numbers, and a zone is nodes by number with a table that finds the
// number of a name. The next version shares what did not change.
type Zone struct {
	o       Options
	serial  uint32
	ready   bool
	counts  Counts
	origins []origin
	cuts    []cut
	table   *table
	nodes   tree
	writer  *writer // of whoever makes the next version
}

// Counts are numbers of names that own records, and of records by type.
type Counts struct {
	Names, A, AAAA, SRV, PTR int
}

// Result says what a look-up found.
type Result uint8

// What a look-up can find.
const (
	OutOfZone Result = iota // the name is outside of the zone's origins
	NotReady                // inside, but nothing is known of the cluster yet
	NXDomain                // no such name
	NoData                  // the name exists, but not the type
	Success                 // there are records
)

func (r Result) String() string {
	return [...]string{"not ours", "not ready", "NXDOMAIN", "NODATA", "hit"}[r]
}

// Answer is what a look-up found. It is small, as each query makes one: the zone
// that gave it tells what it means. All of it but the Node is set unless the
// result is NotOurs, and the Node where the name exists.
type Answer struct {
	Node  *Node
	where where
}

// where says where a name is, in one word because fields that are smaller would
// be moved one by one: the lowest 16 bits are the place of the origin among the
// zone's, the next 16 that of the alias among the cuts, then 8 for Mirror.To
// and 8 for Apex, each 0 for a name that was found as it was asked, and a bit
// that is set for a name that is ours.
type where uint64

func newWhere(origin uint16) where { return where(origin) | 1<<48 }

// by adds the alias that the name was found by.
func (w where) by(alias, to, apex int) where {
	return w | where(alias)<<16 | where(to)<<32 | where(apex)<<40
}

func (w where) ours() bool     { return w>>48 != 0 }
func (w where) origin() uint16 { return uint16(w) }
func (w where) alias() uint16  { return uint16(w >> 16) }
func (w where) to() int        { return int(uint8(w >> 32)) }
func (w where) apex() int      { return int(uint8(w >> 40)) }

// Origin is the origin that the name of an answer is in, "" for a name that is
// not ours. By an alias, it is not above the name that was asked.
func (z *Zone) Origin(a Answer) records.Name {
	if !a.where.ours() {
		return ""
	}
	return z.origins[a.where.origin()].name
}

// Origins are the names at the top of the zone's parts, those of master files
// among them.
func (z *Zone) Origins() []records.Name {
	var names []records.Name
	for _, o := range z.origins {
		names = append(names, o.name)
	}
	return names
}

// Apex is how many octets at the end of the name that was asked are the top of
// the zone, as the client sees it: those of the origin, or of its alias.
func (z *Zone) ApexLen(a Answer) int {
	if apex := a.where.apex(); apex != 0 {
		return apex
	}
	return len(z.origins[a.where.origin()].name)
}

// Pending is the zone before the first state has arrived: it knows which names
// it will answer for, and of their data only that of the zones that master
// files have for themselves.
func NewEmpty(o Options) *Zone {
	z := newZone(o, 0, 0)
	z.setStatic(nil)
	return z
}

// Lookup finds the records of a name in lower-case wire form and of a type.
// For type ANY each type counts. It keeps nothing of qname, and allocates
// nothing but for types that only an apex has.
func (z *Zone) Lookup(qname []byte, qtype uint16) (Answer, Result) {
	n := z.find(qname)
	if n == nil {
		return z.below(qname, qtype)
	}
	a := Answer{Node: n, where: newWhere(n.origin)}
	if z.silent(n.origin) {
		a.Node = nil
		return a, NotReady
	}
	return a, n.answers(qtype)
}

// find is the node of a name, or nil.
func (z *Zone) find(name []byte) *Node {
	t := z.table
	hash := t.hash(name)
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := t.slots[i].Load()
		if slot == 0 {
			return nil
		}
		if uint32(slot>>32) == hash {
			if n := z.nodes.at(uint32(slot) - 1); n != nil && string(n.Name) == string(name) {
				return n
			}
		}
	}
}

// Node is the node of a name, or nil. Names below an alias have none.
func (z *Zone) Node(n records.Name) *Node { return z.find(octets(n)) }

// octets are those of a name, which nobody may change.
func octets(n records.Name) []byte { return unsafe.Slice(unsafe.StringData(string(n)), len(n)) }

// All gives every node, in no order.
func (z *Zone) All() iter.Seq[*Node] { return z.nodes.all() }

// Ready reports whether the zone was made of a cluster's state.
func (z *Zone) Ready() bool { return z.ready }

// Serial is the SOA serial. It grows when the content of the zone changes, and
// only then.
func (z *Zone) Serial() uint32 { return z.serial }

// Options are the options that the zone was compiled with.
func (z *Zone) Options() Options { return z.o }

// Counts are the numbers of names that own records, and of records.
func (z *Zone) Counts() Counts { return z.counts }
