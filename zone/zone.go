package zone

import (
	"iter"

	"toponym/internal/names"
	"toponym/records"
)

// Zone is one version of everything that queries are answered from. It is
// immutable.
type Zone struct {
	o         Options
	ready     bool
	counts    Counts
	origins   []origin
	suffixes  []suffix     // origins first, then aliases
	index     *names.Index // name to id
	nodeTrees              // id to node
	builder   *builder     // shared by all versions; only the newest one uses it
	delta     *delta       // how the version before differs; nil where nobody knows
}

// Options are the parts of a zone that do not come from the cluster. Times are
// in seconds, as in the records.
type Options struct {
	// Origins are the names at the top of the zone: the domain first, then
	// the domains of the address trees, then the reverse trees if they are
	// served. The zone answers for them and everything below. An origin may
	// lie below another one. All have the same SOA data and name server.
	Origins []Origin

	// Aliases are names that answer as other names do.
	Aliases []Alias

	// Static are the records of zone files; nil for none. A zone that has its
	// SOA record in a zone file is an origin as well.
	Static *StaticRecords

	MName records.Name // SOA MNAME, and the target of the NS record
	RName records.Name // SOA RNAME: the mailbox of the person responsible

	Refresh uint32 // SOA REFRESH
	Retry   uint32 // SOA RETRY
	Expire  uint32 // SOA EXPIRE
	Minimum uint32 // SOA MINIMUM: how long negative answers may be cached (RFC 2308)
}

// Origin is the name at the top of a zone (RFC 9499). Names below it belong to
// it unless another origin or an alias is closer.
type Origin struct {
	Name records.Name
	TTL  uint32 // of the SOA record, and of records without a TTL of their own

	// Partial is set for a zone of which only the names that own records are
	// ours, such as in-addr.arpa, whose other names belong to the whole world.
	// All other names in it are out of zone, the apex included.
	Partial bool
}

// Alias makes a name, and all names below it, answer as Target and the names
// below that do. No records are copied: the look-up replaces the end of the
// queried name.
type Alias struct {
	Name   records.Name
	Target records.Name
}

// DefaultTTL is the TTL of the first origin, which is the domain.
func (o Options) DefaultTTL() uint32 {
	if len(o.Origins) == 0 {
		return 0
	}
	return o.Origins[0].TTL
}

// Counts are the number of names that own records, and of records by type.
type Counts struct {
	Names, A, AAAA, SRV, PTR int
}

// add adds the records of a node, or subtracts them with sign -1.
func (c *Counts) add(n *Node, sign int) {
	if n.Empty() {
		return
	}
	c.Names += sign
	c.A += sign * len(n.A)
	c.AAAA += sign * len(n.AAAA)
	c.SRV += sign * len(n.SRV)
	if _, ok := n.Pointer(); ok {
		c.PTR += sign
	}
}

// NewEmpty returns the zone to answer from before the first state has arrived.
// It knows its origins and aliases, and the zones that are complete in zone
// files. For all other names Lookup returns [NotReady].
// Only zones that are complete have a serial, which the function gives.
func NewEmpty(o Options, serials SerialFunc) *Zone {
	z := newZone(o, names.NewTable(0))
	z.setStatic(nil)
	z.settleTargets(nil)
	z.setSerials(z.originsWhere(func(o *origin) bool { return o.static }), serials)
	return z
}

// Ready reports whether the zone was compiled from a cluster's state.
func (z *Zone) Ready() bool { return z.ready }

// Options are the options that the zone was compiled with.
func (z *Zone) Options() Options { return z.o }

// Counts are the number of names that own records, and of records by type.
func (z *Zone) Counts() Counts { return z.counts }

// All iterates over the nodes, in no particular order.
func (z *Zone) All() iter.Seq[*Node] { return z.nodes.all() }

// Node is the node of a name, or nil. Names below an alias have none.
func (z *Zone) Node(n records.Name) *Node { return z.find(names.Bytes(n)) }

// maxName is the length of the longest name in bytes (RFC 1035, section 2.3.4).
const maxName = 255
