package zone

import (
	"encoding/binary"
	"iter"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/records"
)

// Record is a resource record of class IN in wire form. Records that are equal
// are the same.
type Record struct {
	Owner records.Name // in lower case
	Type  uint16
	TTL   uint32 // in seconds
	Data  string // RDATA, its names not compressed
}

// RR is the record in the form of package dns.
func (r Record) RR() (dns.RR, error) {
	b := make([]byte, 0, len(r.Owner)+fixedSize+len(r.Data))
	b = append(b, r.Owner...)
	b = binary.BigEndian.AppendUint16(b, r.Type)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	b = binary.BigEndian.AppendUint32(b, r.TTL)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Data)))
	b = append(b, r.Data...)
	rr, _, err := dns.UnpackRR(b, 0)
	return rr, err
}

// fixedSize is the size of type, class, TTL and length of a record in wire form.
const fixedSize = 2 + 2 + 4 + 2

// newRecord packs a record whose owner is a name of the zone. It is not ok where
// that is impossible, which no record is that was read from a zone file.
func newRecord(owner records.Name, rr dns.RR) (r Record, ok bool) {
	h := rr.Header()
	rr = dns.Copy(rr) // packing writes to the header, and other goroutines may read the record
	buf := make([]byte, dns.Len(rr)+dnswire.MaxName)
	off, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return r, false
	}
	_, end, err := dns.UnpackDomainName(buf, 0)
	if err != nil {
		return r, false
	}
	return Record{Owner: owner, Type: h.Rrtype, TTL: h.Ttl, Data: string(buf[end+fixedSize : off])}, true
}

// SOARecord is the SOA record of an origin. It is not ok where [Zone.Serial] is
// not.
func (z *Zone) SOARecord(origin records.Name) (soa Record, ok bool) {
	i := z.originIndex(origin)
	if i < 0 || z.origins[i].serial == 0 {
		return Record{}, false
	}
	return z.origins[i].soaRecord(), true
}

// SOARecords are the SOA records of [Zone.TransferZones] whose serial is known.
func (z *Zone) SOARecords() []Record {
	list := make([]Record, 0, len(z.origins))
	for i := range z.origins {
		if o := &z.origins[i]; !o.partial && o.serial != 0 {
			list = append(list, o.soaRecord())
		}
	}
	return list
}

// soaRecord is the SOA record in wire form.
func (o *origin) soaRecord() Record {
	negative := o.soa.appendNegativeSOA(nil, o.serial)
	return Record{Owner: o.name, Type: dns.TypeSOA, TTL: o.soa.ttl, Data: string(negative[fixedSize:])}
}

// NodesOf iterates over the nodes that own records in the zone of an origin, the
// apex first. Names in the zone of another origin below do not belong to it.
func (z *Zone) NodesOf(origin records.Name) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		index := z.originIndex(origin)
		if index < 0 {
			return
		}
		apex := z.apex(index)
		if !yield(apex) || z.origins[index].alias != "" {
			return
		}
		for n := range z.nodes.of(uint16(index)) {
			if n != apex && !n.Empty() && !yield(n) {
				return
			}
		}
	}
}

// RecordsOf iterates over the records in the zone of an origin, those of the apex
// first, without its SOA record. [Zone.Delegations] are among them.
func (z *Zone) RecordsOf(origin records.Name) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		var list []Record
		for n := range z.NodesOf(origin) {
			list = z.appendRecords(list[:0], n, &z.origins[n.origin])
			for _, r := range list {
				if !yield(r) {
					return
				}
			}
		}
		for _, r := range z.Delegations(origin) {
			if !yield(r) {
				return
			}
		}
	}
}

// Delegations are the NS records of the origins that lie directly below an origin
// (RFC 1034, section 4.2.1). Queries for names at or below them are answered from
// those zones, so these records are seen in transfers only.
func (z *Zone) Delegations(parent records.Name) (list []Record) {
	for i := range z.origins {
		child := &z.origins[i]
		above, ok := child.name.Parent()
		if !ok || child.partial {
			continue
		}
		if p, ok := z.originOf(above); !ok || z.origins[p].name != parent {
			continue
		}
		n := z.apex(i)
		for _, rr := range z.RRs(n, child.name.String(), dns.TypeNS) {
			if r, ok := newRecord(child.name, rr); ok {
				list = append(list, r)
			}
		}
	}
	return list
}

// appendRecords appends the records of a node, which takes its TTL from an origin,
// without the SOA record.
func (t *nodeTrees) appendRecords(list []Record, n *Node, o *origin) []Record {
	t.records(n, o, nil, func(rtype uint16, ttl uint32, data []byte) {
		list = append(list, Record{Owner: n.Name, Type: rtype, TTL: ttl, Data: string(data)})
	})
	return list
}

// EachRecord calls a function with the type, TTL and data of each record of a node,
// but for the SOA record. The data is valid until the function returns. The buffer
// is used for it, and returned for the next call, so that nothing is allocated for
// the records of the cluster.
func (z *Zone) EachRecord(n *Node, buf []byte, add func(rtype uint16, ttl uint32, data []byte)) []byte {
	return z.records(n, &z.origins[n.origin], buf, add)
}

// records calls a function with the type, TTL and data of each record of a node,
// which takes its TTL from an origin, but for the SOA record. The data is valid
// until the function returns. The buffer is used for it, and returned for the next
// call.
func (t *nodeTrees) records(n *Node, o *origin, buf []byte, add func(rtype uint16, ttl uint32, data []byte)) []byte {
	if n.Apex && !o.static {
		buf = append(buf[:0], o.soa.mname...)
		add(typeNS, o.soa.ttl, buf)
	}
	if len(n.A) > 0 {
		ttl := n.ttl(dns.TypeA, o)
		for i := range n.A {
			add(dns.TypeA, ttl, n.A[i][:])
		}
	}
	if len(n.AAAA) > 0 {
		ttl := n.ttl(dns.TypeAAAA, o)
		for i := range n.AAAA {
			add(dns.TypeAAAA, ttl, n.AAAA[i][:])
		}
	}
	if len(n.SRV) > 0 {
		ttl := n.ttl(dns.TypeSRV, o)
		for i := range n.SRV {
			buf = t.appendSRV(buf[:0], n.SRV[i])
			add(dns.TypeSRV, ttl, buf)
		}
	}
	if target, ok := n.Pointer(); ok {
		buf = append(buf[:0], target...)
		add(dns.TypePTR, n.ttl(dns.TypePTR, o), buf)
	}
	if n.static != nil {
		for _, s := range n.static.sets {
			for _, rr := range s.rrs {
				if r, ok := newRecord(n.Name, rr); ok {
					buf = append(buf[:0], r.Data...)
					add(s.rtype, s.ttl, buf)
				}
			}
		}
	}
	return buf
}

// appendSRV appends the data of an SRV record in wire form (RFC 2782).
func (t *nodeTrees) appendSRV(b []byte, s SRV) []byte {
	b = binary.BigEndian.AppendUint16(b, s.Priority)
	b = binary.BigEndian.AppendUint16(b, s.Weight)
	b = binary.BigEndian.AppendUint16(b, s.Port)
	return append(b, t.targetName(s.Target)...)
}

// srvData is the data of an SRV record in wire form.
func (t *nodeTrees) srvData(s SRV) string { return string(t.appendSRV(make([]byte, 0, 6+maxName), s)) }
