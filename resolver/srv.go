package resolver

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// srvAnswer is the order of the SRV records of a node in an answer, and where they begin
// in the message.
type srvAnswer struct {
	order rotation
	start int
}

// srvAtOnce is how many targets are looked up before their records are written: the
// processor waits for the memory of all of them together.
const srvAtOnce = 8

// answerSRV writes as many of a node's SRV records as fit. A target is not
// compressed (RFC 2782).
//
// A client that asked by an alias may be unable to resolve the names that it
// stands for, so targets below what the alias stands for are written below the
// alias. The alias ends the name that was looked up, in lower-case wire form.
func (w *writer) answerSRV(n *zone.Node, owner uint16, name []byte, alias zone.AliasMatch) (a srvAnswer) {
	a.start = w.off
	count := len(n.SRV)
	w.order.rotate(&a.order, count)
	if near := w.order.zone; near != nil && count > 1 {
		a.order.moveFirst(count, func(i int) bool { return near.hasSRV(n.SRV[i]) })
	}
	ttl := w.z.TTLOf(n, dns.TypeSRV)
	buf, off := w.buf[:w.size], w.off
	var records [srvAtOnce]zone.SRV
	var targets [srvAtOnce]*zone.Node
	for i := range count {
		if i%srvAtOnce == 0 {
			some := records[:min(srvAtOnce, count-i)]
			for j := range some {
				some[j] = n.SRV[a.order.at(i+j)]
			}
			w.z.Targets(some, targets[:])
		}
		s := &records[i%srvAtOnce]
		target := targets[i%srvAtOnce].Name
		front, size := len(target), len(target)
		if alias.AliasLen > 0 {
			if f, ok := alias.Prefix(target); ok {
				front, size = f, f+alias.AliasLen
			}
		}
		if off+sizeSRV+size > len(buf) {
			w.truncated = true
			break
		}
		b := (*[sizeSRV]byte)(buf[off:])
		header(b[:], owner, dns.TypeSRV, ttl, uint16(6+size))
		binary.BigEndian.PutUint16(b[fixedSize:], s.Priority)
		binary.BigEndian.PutUint16(b[fixedSize+2:], s.Weight)
		binary.BigEndian.PutUint16(b[fixedSize+4:], s.Port)
		off += sizeSRV
		copy(buf[off:], target[:front])
		if front < size {
			copy(buf[off+front:], name[len(name)-alias.AliasLen:])
		}
		off += size
		w.answers++
	}
	w.off = off
	return a
}

// addSRVTargets writes the addresses of the targets of an answer's SRV records,
// each once, in the order of the answer.
func (w *writer) addSRVTargets(n *zone.Node, a *srvAnswer, added map[*zone.Node]bool) {
	if w.truncated {
		return
	}
	var few [2 * maxFewTargets]uint16
	if len(n.SRV) <= maxFewTargets {
		w.addEachTarget(n, a, added, few[:])
		return
	}
	many := manyTargetsPool.Get().(*manyTargets)
	slots := many[:2<<bits.Len(uint(len(n.SRV)))]
	clear(slots)
	w.addEachTarget(n, a, added, slots)
	manyTargetsPool.Put(many)
}

// maxFewTargets is the number of records for whose targets there is room on the stack.
const maxFewTargets = 32

// manyTargets is room for the targets of the largest answer: its records are at least
// sizeSRV+1 bytes long.
type manyTargets [1 << 13]uint16

var manyTargetsPool = sync.Pool{New: func() any { return new(manyTargets) }}

// addEachTarget is addSRVTargets with memory for a hash table of the targets that have
// come: the indexes of their records plus one, and 0 in empty slots. The number of slots
// is a power of two, and larger than the number of records.
func (w *writer) addEachTarget(n *zone.Node, a *srvAnswer, added map[*zone.Node]bool, slots []uint16) {
	next := a.start
	for i := range n.SRV {
		if w.size-w.off < minRR {
			return
		}
		at := next + sizeSRV
		next += fixedSize + int(binary.BigEndian.Uint16(w.buf[next+fixedSize-2:]))
		record := a.order.at(i)
		if !firstWithTarget(n.SRV, record, slots) {
			continue
		}
		node := w.z.Target(n.SRV[record].Target)
		if !addOnce(added, node) {
			continue
		}
		if at <= maxPointer {
			w.addAddrs(node, nil, pointer|uint16(at))
		} else {
			var name [dnswire.MaxName + 2]byte
			w.addAddrsOf(node, w.compress(name[:0], at, a.start+sizeSRV))
		}
	}
}

// firstWithTarget reports whether no record before has the target of a record, and notes
// that.
func firstWithTarget(list []zone.SRV, record int, slots []uint16) bool {
	id, mask := list[record].Target, uint32(len(slots)-1)
	for at := uint32(id) * 0x9e3779b1 >> 16; ; at++ {
		switch slot := &slots[at&mask]; {
		case *slot == 0:
			*slot = uint16(record + 1)
			return true
		case list[*slot-1].Target == id:
			return false
		}
	}
}
