package transfer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/zone"
)

// An RRset that is larger than a DNS message cannot be answered whole by anybody.
// This server answers with a part of it, but secondaries do not: BIND refuses a zone
// that has one, Knot answers SERVFAIL, and NSD with nothing. So of such an RRset only
// as many records are transferred as fit, the first in the order of their data.

// maxRRset is the size of the largest RRset that is transferred whole, in bytes: with
// a question, an OPT and a TSIG record it fits in a message.
const maxRRset = dns.MaxMsgSize - 1 - 1024

// recordSize is the size of a record in an answer in bytes.
func recordSize(data int) int { return 2 + fixedSize + data }

// maxRecord is the size of the largest record of a type that is limited: of type SRV,
// with a target of the largest size.
const maxRecord = 2 + fixedSize + 6 + 255

// limited reports whether a type has a limit: those of which the cluster can have any
// number of records at a name.
func limited(rtype uint16) bool {
	return rtype == dns.TypeA || rtype == dns.TypeAAAA || rtype == dns.TypeSRV
}

// rrset counts the records of one RRset as they come in order.
type rrset struct {
	rtype uint16
	size  int
}

// fits reports whether the next record is transferred.
func (r *rrset) fits(rtype uint16, data int) bool {
	if !limited(rtype) {
		return true
	}
	if rtype != r.rtype {
		*r = rrset{rtype: rtype}
	}
	r.size += recordSize(data)
	return r.size <= maxRRset
}

// rrsetKey names an RRset of a zone.
type rrsetKey struct {
	owner records.Name
	rtype uint16
}

// fitted is a difference that leads from what is transferred of the old version to
// what is transferred of the new one, z. It is the difference itself where all RRsets
// fit, as nearly always.
func fitted(c *zone.Change, z *zone.Zone) *zone.Change {
	touched := map[rrsetKey]int{} // with the size of what is removed
	for i := range c.Removed {
		if r := &c.Removed[i]; limited(r.Type) {
			touched[rrsetKey{r.Owner, r.Type}] += recordSize(len(r.Data))
		}
	}
	for i := range c.Added {
		if r := &c.Added[i]; limited(r.Type) {
			touched[rrsetKey{r.Owner, r.Type}] += 0
		}
	}
	var large []rrsetKey
	for key, removed := range touched {
		// The old RRset had no more records than those of the new one and the removed ones.
		if !fitsWith(removed, z, nodeOf(z, c.Origin, key.owner), key.rtype) {
			large = append(large, key)
		}
	}
	if len(large) == 0 {
		return c
	}
	slices.SortFunc(large, func(a, b rrsetKey) int {
		return cmp.Or(strings.Compare(string(a.owner), string(b.owner)), cmp.Compare(a.rtype, b.rtype))
	})
	removed := map[rrsetKey][]zone.Record{}
	for _, key := range large {
		removed[key] = nil
	}
	added := map[zone.Record]bool{}
	f := &zone.Change{Origin: c.Origin, From: c.From, To: c.To}
	for _, r := range c.Removed {
		key := rrsetKey{r.Owner, r.Type}
		if list, ok := removed[key]; ok {
			removed[key] = append(list, r)
		} else {
			f.Removed = append(f.Removed, r)
		}
	}
	for _, r := range c.Added {
		if _, ok := removed[rrsetKey{r.Owner, r.Type}]; ok {
			added[r] = true
		} else {
			f.Added = append(f.Added, r)
		}
	}
	for _, key := range large {
		is := rrsetOf(z, nodeOf(z, c.Origin, key.owner), key.rtype)
		was := removed[key]
		for _, r := range is {
			if !added[r] {
				was = append(was, r)
			}
		}
		slices.SortFunc(was, func(a, b zone.Record) int { return strings.Compare(a.Data, b.Data) })
		was, is = fitting(was), fitting(is)
		f.Removed = append(f.Removed, missing(was, is)...)
		f.Added = append(f.Added, missing(is, was)...)
	}
	return f
}

// nodeOf is the node of a name in the zone of an origin, nil if there is none. The
// apex of an alias is found only so.
func nodeOf(z *zone.Zone, origin, name records.Name) *zone.Node {
	if name != origin {
		return z.Node(name)
	}
	for n := range z.NodesOf(origin) {
		return n
	}
	return nil
}

// fitsWith reports whether a node's records of a type, and as many more bytes of them,
// are all transferred.
func fitsWith(more int, z *zone.Zone, n *zone.Node, rtype uint16) bool {
	if n == nil {
		return more <= maxRRset
	}
	if more+count(n, rtype)*maxRecord <= maxRRset {
		return true // as nearly always
	}
	z.EachRecord(n, nil, func(t uint16, _ uint32, data []byte) {
		if t == rtype {
			more += recordSize(len(data))
		}
	})
	return more <= maxRRset
}

// count is the number of a node's records of a type.
func count(n *zone.Node, rtype uint16) int {
	switch {
	case n == nil:
		return 0
	case rtype == dns.TypeA:
		return len(n.A)
	case rtype == dns.TypeAAAA:
		return len(n.AAAA)
	}
	return len(n.SRV)
}

// rrsetOf are a node's records of a type, which are in the order of their data.
func rrsetOf(z *zone.Zone, n *zone.Node, rtype uint16) (list []zone.Record) {
	if n == nil {
		return nil
	}
	z.EachRecord(n, nil, func(t uint16, ttl uint32, data []byte) {
		if t == rtype {
			list = append(list, zone.Record{Owner: n.Name, Type: t, TTL: ttl, Data: string(data)})
		}
	})
	return list
}

// fitting are the first records of an RRset that are transferred.
func fitting(list []zone.Record) []zone.Record {
	var r rrset
	for i := range list {
		if !r.fits(list[i].Type, len(list[i].Data)) {
			return list[:i]
		}
	}
	return list
}

// missing are the records of a list that another one does not have.
func missing(list, in []zone.Record) (m []zone.Record) {
	known := make(map[zone.Record]struct{}, len(in))
	for _, r := range in {
		known[r] = struct{}{}
	}
	for _, r := range list {
		if _, ok := known[r]; !ok {
			m = append(m, r)
		}
	}
	return m
}
