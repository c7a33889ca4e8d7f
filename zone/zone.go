package zone

import (
	"iter"
	"unsafe"

	"toponym/records"
)

// Zone is a record set compiled for answering.
//
// Names have numbers, and a zone is an array of nodes by number with a table
// that finds the number of a name. The array is in pages, so that the next
// version shares all pages in which nothing changed.
type Zone struct {
	o      Options
	serial uint32
	ready  bool
	counts Counts
	table  *table
	pages  []*page
	soa    []byte  // see NegativeSOA
	writer *writer // of whoever makes the next version
}

// pageSize is a compromise: the next version copies the pages that changed,
// and the list of all.
const pageSize = 128

type page struct {
	version uint64 // in which the page was made, so that it may be written to
	nodes   [pageSize]*Node
}

// Counts are numbers of names that own records, and of records by type.
type Counts struct {
	Names, A, AAAA, SRV, PTR int
}

// Result says what a look-up found.
type Result uint8

// What a look-up can find.
const (
	NotOurs  Result = iota // the name is outside of the zone's origins
	NotReady               // inside, but nothing is known of the cluster yet
	NXDomain               // no such name
	NoData                 // the name exists, but not the type
	Hit                    // there are records
)

func (r Result) String() string {
	return [...]string{"not ours", "not ready", "NXDOMAIN", "NODATA", "hit"}[r]
}

// Answer is what a look-up found. Origin is set unless the result is NotOurs,
// Node where the name exists.
type Answer struct {
	Origin records.Name
	Node   *Node
}

// Pending is the zone before the first state has arrived: it knows which names
// it will answer for, and none of their data.
func Pending(o Options) *Zone { return &Zone{o: o} }

// Lookup finds the records of a name in lower-case wire form and of a type.
// For type ANY each type counts. It allocates nothing and keeps nothing of
// qname.
func (z *Zone) Lookup(qname []byte, qtype uint16) (Answer, Result) {
	if !z.ready {
		if origin, ok := z.origin(qname); ok {
			return Answer{Origin: z.o.Origins[origin]}, NotReady
		}
		return Answer{}, NotOurs
	}
	if n := z.find(qname); n != nil {
		a := Answer{Origin: z.o.Origins[n.origin], Node: n}
		if n.Has(qtype) {
			return a, Hit
		}
		return a, NoData
	}
	if origin, ok := z.origin(qname); ok {
		return Answer{Origin: z.o.Origins[origin]}, NXDomain
	}
	return Answer{}, NotOurs
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
			if n := z.at(uint32(slot) - 1); n != nil && string(n.Name) == string(name) {
				return n
			}
		}
	}
}

// at is the node of a number, or nil.
func (z *Zone) at(id uint32) *Node {
	if p := int(id / pageSize); p < len(z.pages) {
		return z.pages[p].nodes[id%pageSize]
	}
	return nil
}

// origin finds the longest origin that a name is at or below, as its place in
// Options.Origins.
func (z *Zone) origin(name []byte) (int, bool) {
	best, length := 0, 0
	for i, o := range z.o.Origins {
		cut := len(name) - len(o)
		if len(o) <= length || cut < 0 || string(name[cut:]) != string(o) {
			continue
		}
		// The octets are the same; they must begin where a label does.
		at := 0
		for at < cut {
			at += 1 + int(name[at])
		}
		if at == cut {
			best, length = i, len(o)
		}
	}
	return best, length > 0
}

// Node is the node of a name, or nil.
func (z *Zone) Node(n records.Name) *Node {
	if !z.ready {
		return nil
	}
	return z.find(octets(n))
}

// octets are those of a name, which nobody may change.
func octets(n records.Name) []byte { return unsafe.Slice(unsafe.StringData(string(n)), len(n)) }

// All gives every node, in no order.
func (z *Zone) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, p := range z.pages {
			for _, n := range p.nodes {
				if n != nil && !yield(n) {
					return
				}
			}
		}
	}
}

// Ready reports whether the zone was made of a cluster's state.
func (z *Zone) Ready() bool { return z.ready }

// Serial is the SOA serial. It grows when the content of the zone changes, and
// only then.
func (z *Zone) Serial() uint32 { return z.serial }

// TTL is that of the zone's records, in seconds.
func (z *Zone) TTL() uint32 { return z.o.TTL }

// Options are the options that the zone was compiled with.
func (z *Zone) Options() Options { return z.o }

// Counts are the numbers of names that own records, and of records.
func (z *Zone) Counts() Counts { return z.counts }
