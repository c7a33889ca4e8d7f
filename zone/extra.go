package zone

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"

	"toponym/records"
)

// extra is what master files say of a name. Addresses and SRV records stand in
// the node's data as well, where those of the cluster are, and are answered
// from there.
type extra struct {
	data  records.Data // A, AAAA, SRV
	sets  []rrset
	cname records.Name // where the CNAME record leads; "" without one
}

// rrset are the records of a type that master files have for a name.
type rrset struct {
	rtype uint16
	ttl   uint32
	rrs   []dns.RR       // empty for the types that are in the data
	leads []records.Name // what NS and MX records name
}

func (x *extra) has(qtype uint16) bool {
	return qtype == typeANY || x.cname != "" || x.set(qtype) != nil
}

// set is the RRset of a type, or nil.
func (x *extra) set(rtype uint16) *rrset {
	for i := range x.sets {
		if x.sets[i].rtype == rtype {
			return &x.sets[i]
		}
	}
	return nil
}

// types appends the types that are not in a list yet.
func (x *extra) types(list []uint16) []uint16 {
	for _, s := range x.sets {
		if !slices.Contains(list, s.rtype) {
			list = append(list, s.rtype)
		}
	}
	return list
}

// join gives the data of a name that the cluster has records for as well, with
// the TTL of those, and what is left of x. The records of both are there, with
// the lower TTL, as the records of a type have only one (RFC 2181, section
// 5.2). A CNAME record cannot stand beside others: it gives way.
func (x *extra) join(d *records.Data, ttl uint32) (*records.Data, *extra) {
	if d.Empty() {
		return &x.data, x
	}
	if x.cname != "" {
		return d, nil
	}
	both := *d
	both.A = union(d.A, x.data.A, func(a, b [4]byte) int { return bytes.Compare(a[:], b[:]) })
	both.AAAA = union(d.AAAA, x.data.AAAA, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	both.SRV = union(d.SRV, x.data.SRV, records.SRV.Compare)
	has := Node{Data: d}
	return &both, x.lower(has.Has, ttl)
}

// lower is x with a TTL that is not higher than another for some types.
func (x *extra) lower(of func(rtype uint16) bool, ttl uint32) *extra {
	c := *x
	c.sets = slices.Clone(x.sets)
	for i := range c.sets {
		if s := &c.sets[i]; of(s.rtype) {
			s.ttl = min(s.ttl, ttl)
		}
	}
	return &c
}

// union merges two sorted lists.
func union[T comparable](a, b []T, compare func(a, b T) int) []T {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}
