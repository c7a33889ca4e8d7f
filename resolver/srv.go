package resolver

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// srvTargets is the order of the SRV records in an answer, and where in the
// message their targets are.
type srvTargets struct {
	order rotation // of the records

	// The targets, each once, in the order of the answer, and a hash table that finds
	// them by id: their indexes in list plus one, where 0 is an empty slot. Both are nil
	// for an answer that cannot fit, whose targets get no addresses.
	list  []srvTarget // of which count are there
	slots []uint16
	count int
}

// srvTarget is one target.
type srvTarget struct {
	record uint16 // index of the first record that points to it
	offset uint16 // in the message
}

// fewTargets is room for the targets of nearly all answers. Callers have it on the
// stack.
type fewTargets struct {
	list  [maxFewTargets]srvTarget
	slots [2 * maxFewTargets]uint16
}

const maxFewTargets = 32

// manyTargets is room for the targets of the largest answer that fits: the table is at
// most half full.
type manyTargets struct {
	list  [dns.MaxMsgSize / (sizeSRV + 1)]srvTarget
	slots [1 << 13]uint16
}

var manyTargetsPool = sync.Pool{New: func() any { return new(manyTargets) }}

// newSRVTargets makes room for the targets of a node: where there are a few, in few, else in
// many. If both are nil it allocates.
func (w *writer) newSRVTargets(n *zone.Node, few *fewTargets, many *manyTargets) (t srvTargets) {
	count := len(n.SRV)
	w.order.rotate(&t.order, count)
	if near := w.order.zone; near != nil && count > 1 {
		t.order.moveFirst(count, func(i int) bool { return near.hasSRV(n.SRV[i]) })
	}
	if !w.mayFit(count) {
		return t
	}
	switch slots := 2 << bits.Len(uint(count)); {
	case count <= maxFewTargets && few != nil:
		t.list, t.slots = few.list[:], few.slots[:]
	case many != nil:
		t.list, t.slots = many.list[:], many.slots[:slots]
		clear(t.slots)
	default:
		t.list, t.slots = make([]srvTarget, count), make([]uint16, slots)
	}
	return t
}

// mayFit reports whether so many SRV records fit if their targets are short.
func (w *writer) mayFit(count int) bool { return count*(sizeSRV+1) <= w.size-w.off }

// add notes that the target of one of the records is at an offset of the message, unless
// it is elsewhere already.
func (t *srvTargets) add(records []zone.SRV, record, offset int) {
	id := records[record].Target
	mask := uint32(len(t.slots) - 1)
	for at := uint32(id) * 0x9e3779b1 >> 16; ; at++ {
		slot := &t.slots[at&mask]
		if *slot == 0 {
			t.list[t.count] = srvTarget{uint16(record), uint16(offset)}
			t.count++
			*slot = uint16(t.count)
			return
		}
		if records[t.list[*slot-1].record].Target == id {
			return
		}
	}
}

// answerSRV writes as many of a node's SRV records as fit. A target is not
// compressed (RFC 2782).
//
// A client that asked by an alias may be unable to resolve the names that it
// stands for, so targets below what the alias stands for are written below the
// alias. The alias ends the name that was looked up, in lower-case wire form.
func (w *writer) answerSRV(n *zone.Node, t *srvTargets, owner uint16, name []byte, alias zone.AliasMatch) {
	ttl := w.z.TTLOf(n, dns.TypeSRV)
	for i := range n.SRV {
		k := t.order.at(i)
		s := &n.SRV[k]
		target := w.z.Target(s.Target).Name
		front, size := len(target), len(target)
		if alias.AliasLen > 0 {
			if f, ok := alias.Prefix(target); ok {
				front, size = f, f+alias.AliasLen
			}
		}
		next := w.off + sizeSRV + size
		if next > w.size {
			w.truncated = true
			return
		}
		b := w.buf[w.off:next]
		header(b, owner, dns.TypeSRV, ttl, uint16(6+size))
		binary.BigEndian.PutUint16(b[fixedSize:], s.Priority)
		binary.BigEndian.PutUint16(b[fixedSize+2:], s.Weight)
		binary.BigEndian.PutUint16(b[fixedSize+4:], s.Port)
		copy(b[sizeSRV:], target[:front])
		if front < size {
			copy(b[sizeSRV+front:], name[len(name)-alias.AliasLen:])
		}
		if t.slots != nil {
			t.add(n.SRV, k, next-size)
		}
		w.off = next
		w.answers++
	}
}

// addSRVTargets writes the addresses of the targets of an answer's SRV records,
// each once, in the order of the answer.
func (w *writer) addSRVTargets(n *zone.Node, t *srvTargets, added map[*zone.Node]bool) {
	if w.truncated {
		return
	}
	for _, target := range t.list[:t.count] {
		if w.size-w.off < minRR {
			return
		}
		node := w.z.Target(n.SRV[target.record].Target)
		if !addOnce(added, node) {
			continue
		}
		if at := int(target.offset); at <= maxPointer {
			w.addAddrs(node, nil, pointer|target.offset)
		} else {
			var name [dnswire.MaxName + 2]byte
			w.addAddrsOf(node, w.compress(name[:0], at, int(t.list[0].offset)))
		}
	}
}
