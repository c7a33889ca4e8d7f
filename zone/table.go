package zone

import (
	"hash/maphash"
	"sync/atomic"
)

// table finds the number of a name. It is an open hash table that one writer
// fills while readers look: a slot goes from empty to a name's hash and number
// once, and stays.
//
// Several versions of a zone share a table. What a slot says is only a hint:
// whoever looks asks its own version for the node of that number, and compares
// the name. So a number that belongs to another name by now, or to none, leads
// to nothing wrong.
type table struct {
	seed  maphash.Seed
	slots []atomic.Uint64 // hash in the upper half, number plus one in the lower; 0 is empty
	used  int             // slots that are not empty; the writer's
}

// newTable has room for a number of names with at most half of the slots used.
func newTable(seed maphash.Seed, names int) *table {
	size := 64
	for size < 2*names {
		size *= 2
	}
	return &table{seed: seed, slots: make([]atomic.Uint64, size)}
}

func (t *table) hash(name []byte) uint32 { return uint32(maphash.Bytes(t.seed, name)) }

// full reports whether one more name wants a larger table.
func (t *table) full() bool { return 2*(t.used+1) > len(t.slots) }

// insert adds a number under a hash. The table must not be full.
func (t *table) insert(hash, id uint32) {
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if t.slots[i].Load() == 0 {
			t.slots[i].Store(uint64(hash)<<32 | uint64(id+1))
			t.used++
			return
		}
	}
}
