package zone

import (
	"cmp"
	"encoding/binary"
	"unsafe"

	"github.com/miekg/dns"

	"toponym/records"
)

// changes are the differences of a version by origin. On a nil delta, of a version
// that was compiled, each origin differs as a whole.
func (d *delta) changes(z *Zone) (list []*Change) {
	if d == nil {
		for i := range z.origins {
			if o := &z.origins[i]; o.serial != 0 {
				list = append(list, &Change{Origin: o.name, To: o.soaRecord(), Whole: true})
			}
		}
		return list
	}
	byOrigin := make([]*Change, len(z.origins))
	for _, i := range d.changedOrigins() {
		c := &Change{Origin: z.origins[i].name, To: z.origins[i].soaRecord(), Whole: d.whole[i]}
		if before := &d.previous[i]; before.serial != 0 {
			c.From = before.soaRecord()
		} else {
			c.Whole = true
		}
		byOrigin[i] = c
		list = append(list, c)
	}
	for _, n := range d.nodes {
		i := n.new.origin
		if c := byOrigin[i]; !c.Whole {
			c.addNode(z, n, &d.previous[i], &z.origins[i])
		}
	}
	return append(list, d.gone...)
}

// addNode adds the records of a node that differ. A large RRset of which one
// record differs costs a comparison of each record, but no memory.
func (c *Change) addNode(z *Zone, n nodeChange, from, to *origin) {
	old, new := n.old, n.new
	if old == nil {
		c.Added = z.appendRecords(c.Added, new, to)
		return
	}
	if new.Empty() {
		// NS records of an apex stay.
		c.Removed = appendMissing(c.Removed, z.appendRecords(nil, old, from), z.appendRecords(nil, new, to))
		return
	}
	if old.static != nil || new.static != nil {
		before, after := z.appendRecords(nil, old, from), z.appendRecords(nil, new, to)
		c.Removed = appendMissing(c.Removed, before, after)
		c.Added = appendMissing(c.Added, after, before)
		return
	}
	was, is := from.dataTTL(old.Data), to.dataTTL(new.Data)
	addDifferent(c, new.Name, dns.TypeA, was, is, old.A, new.A, compareIPv4, func(a [4]byte) string { return string(a[:]) })
	addDifferent(c, new.Name, dns.TypeAAAA, was, is, old.AAAA, new.AAAA, compareIPv6, func(a [16]byte) string { return string(a[:]) })
	addDifferent(c, new.Name, dns.TypeSRV, was, is, old.SRV, new.SRV, SRV.Compare, srvData)
	addDifferent(c, new.Name, dns.TypePTR, was, is, pointer(old), pointer(new), cmp.Compare, func(n records.Name) string { return string(n) })
}

// pointer is the list of PTR records that a node answers with.
func pointer(n *Node) []records.Name {
	if target, ok := n.Pointer(); ok {
		return []records.Name{target}
	}
	return nil
}

// addDifferent adds the records that one of two sorted RRsets lacks; with
// different TTLs these are all.
func addDifferent[T comparable](c *Change, owner records.Name, rtype uint16, was, is uint32, old, new []T, compare func(a, b T) int, data func(T) string) {
	if was == is {
		for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
			old, new = old[1:], new[1:]
		}
		for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
			old, new = old[:len(old)-1], new[:len(new)-1]
		}
	}
	for len(old) > 0 || len(new) > 0 {
		order := 0
		switch {
		case len(new) == 0:
			order = -1
		case len(old) == 0:
			order = 1
		case was == is:
			order = compare(old[0], new[0])
		}
		if order < 0 || order == 0 && was != is {
			c.Removed = append(c.Removed, Record{Owner: owner, Type: rtype, TTL: was, Data: data(old[0])})
		}
		if order > 0 || order == 0 && was != is {
			c.Added = append(c.Added, Record{Owner: owner, Type: rtype, TTL: is, Data: data(new[0])})
		}
		if order <= 0 {
			old = old[1:]
		}
		if order >= 0 {
			new = new[1:]
		}
	}
}

// appendMissing appends the records of a list that another one does not have.
func appendMissing(list, from, in []Record) []Record {
	known := make(map[Record]struct{}, len(in))
	for _, r := range in {
		known[r] = struct{}{}
	}
	for _, r := range from {
		if _, ok := known[r]; !ok {
			list = append(list, r)
		}
	}
	return list
}

// Size is the memory of a change, in bytes.
func (c *Change) Size() int {
	size := int(unsafe.Sizeof(*c)) + len(c.From.Data) + len(c.To.Data)
	for _, list := range [][]Record{c.Removed, c.Added} {
		size += cap(list) * int(unsafe.Sizeof(Record{}))
		for i := range list {
			size += len(list[i].Data)
		}
	}
	return size
}

// SOASerial is the serial of a SOA record (RFC 1035, section 3.3.13): the first of
// its five last numbers. It is 0 for data that is too short.
func (r Record) SOASerial() uint32 {
	if len(r.Data) < 5*4 {
		return 0
	}
	return binary.BigEndian.Uint32([]byte(r.Data[len(r.Data)-5*4:]))
}
