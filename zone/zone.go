package zone

import (
	"iter"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
)

// Zone is a record set compiled for answering.
type Zone struct {
	o      Options
	serial uint32
	ready  bool
	nodes  map[records.Name]*Node
	counts Counts
}

// Node is a name of the zone with its data. A node without data is an empty
// non-terminal: a name that exists because one below it does (RFC 8020).
type Node struct {
	Name records.Name
	*records.Data
	Apex bool // the name is an origin: it owns SOA and NS as well
}

// Counts are numbers of records by type.
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

// Compile makes a zone of a record set. Names of the set outside of the
// origins are left out.
func Compile(s *records.Set, o Options, serial uint32) *Zone {
	z := &Zone{o: o, serial: serial, ready: true, nodes: make(map[records.Name]*Node, s.Len()+s.Len()/8)}
	for _, origin := range o.Origins {
		z.node(origin).Apex = true
	}
	for n, d := range s.All() {
		origin, ok := z.origin(n)
		if !ok {
			continue
		}
		z.node(n).Data = d
		z.count(d)
		for p := n; p != origin; {
			p, _ = p.Parent()
			if _, ok := z.nodes[p]; ok {
				break // its parents are there too
			}
			z.node(p)
		}
	}
	return z
}

// none is the data of names without records.
var none records.Data

func (z *Zone) node(n records.Name) *Node {
	if known := z.nodes[n]; known != nil {
		return known
	}
	node := &Node{Name: n, Data: &none}
	z.nodes[n] = node
	return node
}

func (z *Zone) count(d *records.Data) {
	z.counts.Names++
	z.counts.A += len(d.A)
	z.counts.AAAA += len(d.AAAA)
	z.counts.SRV += len(d.SRV)
	if len(d.PTR) == 1 {
		z.counts.PTR++
	}
}

// Lookup finds the records of a name in lower-case wire form and of a type.
// For type ANY each type counts.
func (z *Zone) Lookup(qname []byte, qtype uint16) (Answer, Result) {
	origin, ok := z.origin(records.Name(qname))
	if !ok {
		return Answer{}, NotOurs
	}
	a := Answer{Origin: origin}
	if !z.ready {
		return a, NotReady
	}
	if a.Node = z.nodes[records.Name(qname)]; a.Node == nil {
		return a, NXDomain
	}
	if !a.Node.Has(qtype) {
		return a, NoData
	}
	return a, Hit
}

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

// origin finds the longest origin that a name is at or below.
func (z *Zone) origin(n records.Name) (records.Name, bool) {
	best, ok := records.Name(""), false
	for _, o := range z.o.Origins {
		if len(o) > len(best) && strings.HasSuffix(string(n), string(o)) && n.Under(o) {
			best, ok = o, true
		}
	}
	return best, ok
}

// Node is the node of a name, or nil.
func (z *Zone) Node(n records.Name) *Node { return z.nodes[n] }

// All gives every node, in no order.
func (z *Zone) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, n := range z.nodes {
			if !yield(n) {
				return
			}
		}
	}
}

// Ready reports whether the zone was made of a cluster's state.
func (z *Zone) Ready() bool { return z.ready }

// Serial is the SOA serial. It grows when the content of the zone changes, and
// only then.
func (z *Zone) Serial() uint32 { return z.serial }

// Options are the options that the zone was compiled with.
func (z *Zone) Options() Options { return z.o }

// Counts are the numbers of names that own records, and of records.
func (z *Zone) Counts() Counts { return z.counts }
