package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// writer appends records to a reply in wire form, as long as they fit.
type writer struct {
	buf  []byte
	off  int
	size int  // where records must end
	cut  bool // an answer did not fit

	answers, authority, additional int
}

// Sizes of records in wire form. Owners are pointers: to the question, or to a
// name in the answer.
const (
	fixedSize = 2 + 2 + 2 + 4 + 2 // owner, type, class, TTL, length
	sizeA     = fixedSize + 4
	sizeAAAA  = fixedSize + 16
	sizeSRV   = fixedSize + 6 // and the target
)

// toQuestion points to the name in the question.
const toQuestion = 0xC000 | dnswire.HeaderSize

// maxPointer is the last offset that a pointer reaches (RFC 1035, section
// 4.1.4).
const maxPointer = 0x3FFF

// header writes owner, type, class, TTL and length of a record.
func header(b []byte, owner, rtype uint16, ttl uint32, length uint16) {
	binary.BigEndian.PutUint64(b, uint64(owner)<<48|uint64(rtype)<<32|dns.ClassINET<<16|uint64(ttl>>16))
	binary.BigEndian.PutUint32(b[8:], ttl<<16|uint32(length))
}

// writeAddrs4 writes as many A records as fit.
func writeAddrs4(w *writer, addrs [][4]byte, ttl uint32, p rotation) {
	fit := max(0, (w.size-w.off)/sizeA)
	w.answers, w.cut = min(fit, len(addrs)), fit < len(addrs)
	for i := range w.answers {
		b := w.buf[w.off : w.off+sizeA]
		header(b, toQuestion, dns.TypeA, ttl, 4)
		copy(b[fixedSize:], addrs[p.at(i)][:])
		w.off += sizeA
	}
}

// writeAddrs6 writes as many AAAA records as fit.
func writeAddrs6(w *writer, addrs [][16]byte, ttl uint32, p rotation) {
	fit := max(0, (w.size-w.off)/sizeAAAA)
	w.answers, w.cut = min(fit, len(addrs)), fit < len(addrs)
	for i := range w.answers {
		b := w.buf[w.off : w.off+sizeAAAA]
		header(b, toQuestion, dns.TypeAAAA, ttl, 16)
		copy(b[fixedSize:], addrs[p.at(i)][:])
		w.off += sizeAAAA
	}
}

// maxTargets is how many targets of SRV records are kept track of here. Larger
// answers go over TCP, where their cost is small beside the rest.
const maxTargets = 256

// services writes as many SRV records as fit, and when all do, the addresses
// of their targets that fit, RRset by RRset. The key is the name of the question
// in lower case.
func (w *writer) srvRecords(z *zone.Zone, found zone.Answer, key []byte, r *responder) bool {
	n := found.Node
	if n.TargetCount() > maxTargets || len(n.SRV) == 0 {
		return false
	}
	var at [maxTargets]uint16 // where the name of each target stands; 0: nowhere
	ttl, mirror := z.TTLOf(n, dns.TypeSRV), z.AliasMatch(found)
	p := r.rotation(len(n.SRV))
	for i := range n.SRV {
		k := p.at(i)
		s := &n.SRV[k]
		front, size := len(s.Target), len(s.Target)
		if mirror.AliasLen > 0 {
			if f, ok := mirror.Prefix(s.Target); ok {
				front, size = f, f+mirror.AliasLen
			}
		}
		next := w.off + sizeSRV + size
		if next > w.size {
			w.cut = true
			return true
		}
		w.srvRecord(s, ttl, front, size)
		if front < size {
			copy(w.buf[next-mirror.AliasLen:], key[len(key)-mirror.AliasLen:])
		}
		if target := n.TargetIndex(k); at[target] == 0 {
			if next-size > maxPointer {
				return false
			}
			at[target] = uint16(next - size)
		}
		w.off = next
	}
	w.answers = len(n.SRV)
	for i := range n.SRV {
		if w.size-w.off < minRR {
			return true
		}
		target := n.TargetIndex(p.at(i))
		owner := at[target]
		if owner == 0 {
			continue // its addresses are there
		}
		at[target] = 0
		if t := z.TargetNode(n, target); t != nil {
			w.addresses(z, t, 0xC000|owner, r)
		}
	}
	return true
}

// srv writes an SRV record with so many octets of its target, which has a size
// and is not compressed (RFC 2782).
func (w *writer) srvRecord(s *zone.SRV, ttl uint32, front, size int) {
	w.answers++
	b := w.buf[w.off : w.off+sizeSRV+size]
	header(b, toQuestion, dns.TypeSRV, ttl, uint16(6+size))
	binary.BigEndian.PutUint16(b[fixedSize:], s.Priority)
	binary.BigEndian.PutUint16(b[fixedSize+2:], s.Weight)
	binary.BigEndian.PutUint16(b[fixedSize+4:], s.Port)
	copy(b[sizeSRV:], s.Target[:front])
}

// addresses writes the A and the AAAA records of a target, each where all fit.
func (w *writer) addresses(z *zone.Zone, n *zone.Node, owner uint16, r *responder) {
	if w.off+len(n.A)*sizeA <= w.size {
		p := r.rotation(len(n.A))
		ttl := z.TTLOf(n, dns.TypeA)
		for i := range n.A {
			b := w.buf[w.off : w.off+sizeA]
			header(b, owner, dns.TypeA, ttl, 4)
			copy(b[fixedSize:], n.A[p.at(i)][:])
			w.off += sizeA
		}
		w.additional += len(n.A)
	}
	if w.off+len(n.AAAA)*sizeAAAA <= w.size {
		p := r.rotation(len(n.AAAA))
		ttl := z.TTLOf(n, dns.TypeAAAA)
		for i := range n.AAAA {
			b := w.buf[w.off : w.off+sizeAAAA]
			header(b, owner, dns.TypeAAAA, ttl, 16)
			copy(b[fixedSize:], n.AAAA[p.at(i)][:])
			w.off += sizeAAAA
		}
		w.additional += len(n.AAAA)
	}
}

// negative writes the SOA record of a negative answer. Its owner is the end of
// the question.
func (w *writer) negative(z *zone.Zone, name []byte, found zone.Answer) bool {
	soa := z.NegativeSOA(found)
	if w.off+2+len(soa) > w.size {
		return false // it may fit when its names are compressed
	}
	owner := toQuestion + len(name) - z.ApexLen(found)
	binary.BigEndian.PutUint16(w.buf[w.off:], uint16(owner))
	w.off += 2 + copy(w.buf[w.off+2:], soa)
	w.authority = 1
	return true
}
