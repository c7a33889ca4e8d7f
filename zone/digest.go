package zone

import (
	"github.com/cespare/xxhash/v2"

	"toponym/records"
)

// Digests are sums over the records of each origin, the SOA record included but
// for its serial: two versions in which an origin has the same digest have the
// same content there, also if different processes made them. They do not
// withstand somebody who looks for two zones with one digest.
//
// Records are added in any order, so that a large zone need not be sorted. It
// calls yield now and then, which may be nil.
func (z *Zone) Digests(yield func()) map[records.Name]uint64 {
	sums := make([]uint64, len(z.origins))
	for i := range z.origins {
		o := z.origins[i]
		o.serial = 0
		sums[i] = o.soaRecord().hash()
	}
	var list []Record
	count := 0
	add := func(n *Node) {
		list = z.appendRecords(list[:0], n, &z.origins[n.origin])
		for _, r := range list {
			sums[n.origin] += r.hash()
		}
	}
	for i := range z.origins {
		if z.origins[i].alias != "" {
			add(z.apex(i))
		}
	}
	for n := range z.nodes.all() {
		if n.Empty() && !n.Apex {
			continue
		}
		add(n)
		if count++; count%256 == 0 && yield != nil {
			yield()
		}
	}
	digests := make(map[records.Name]uint64, len(sums))
	for i, sum := range sums {
		digests[z.origins[i].name] = sum
	}
	return digests
}

// hash is a hash of all fields.
func (r Record) hash() uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(string(r.Owner))
	_, _ = d.Write([]byte{byte(r.Type >> 8), byte(r.Type), byte(r.TTL >> 24), byte(r.TTL >> 16), byte(r.TTL >> 8), byte(r.TTL)})
	_, _ = d.WriteString(r.Data)
	return d.Sum64()
}
