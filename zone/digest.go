package zone

import (
	"encoding/binary"

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
	d := digester{trees: &z.nodeTrees, sums: make([]uint64, len(z.origins)), data: make([]byte, 0, 6+maxName), hashed: make([]byte, 0, 1<<10)}
	for i := range z.origins {
		o := z.origins[i]
		o.serial = 0
		soa := o.soaRecord()
		d.begin(o.name, i)
		d.add(soa.Type, soa.TTL, []byte(soa.Data))
		if o.alias != "" {
			d.node(z.apex(i), &z.origins[i])
		}
	}
	count := 0
	for n := range z.nodes.all() {
		if n.Empty() && !n.Apex {
			continue
		}
		d.node(n, &z.origins[n.origin])
		if count++; count%256 == 0 && yield != nil {
			yield()
		}
	}
	digests := make(map[records.Name]uint64, len(d.sums))
	for i, sum := range d.sums {
		digests[z.origins[i].name] = sum
	}
	return digests
}

// digester sums up hashes of records. Its buffers are used again for each.
type digester struct {
	trees  *nodeTrees
	sums   []uint64 // by origin
	origin int
	prefix uint64 // hash of the owner
	data   []byte
	hashed []byte
}

func (d *digester) node(n *Node, o *origin) {
	d.begin(n.Name, int(n.origin))
	d.data = d.trees.records(n, o, d.data, d.add)
}

// begin sets the owner of the next records.
func (d *digester) begin(owner records.Name, origin int) {
	d.origin, d.prefix = origin, xxhash.Sum64String(string(owner))
}

func (d *digester) add(rtype uint16, ttl uint32, data []byte) {
	b := binary.LittleEndian.AppendUint64(d.hashed[:0], d.prefix)
	b = binary.LittleEndian.AppendUint16(b, rtype)
	b = binary.LittleEndian.AppendUint32(b, ttl)
	d.hashed = append(b, data...)
	d.sums[d.origin] += xxhash.Sum64(d.hashed)
}
