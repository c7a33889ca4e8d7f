package names

import (
	"hash/maphash"
	"sync/atomic"
)

// Index finds ids by name. It is an open-addressing hash table that one goroutine
// fills while others read: a slot goes from empty to the hash and id of a name once,
// and stays, so that readers who keep an older version of what belongs to names still
// find it.
//
// A slot is therefore only a hint. Its id may belong to another name by now, or to
// none: readers compare the name with what they know of the id.
type Index struct {
	seed  maphash.Seed
	slots []atomic.Uint64 // hash in the upper half, id plus one in the lower; 0 is empty
	used  int             // slots that are not empty; only the writer reads it
}

// minSlots is the size of the smallest index.
const minSlots = 64

// newIndex returns an index with room for a number of names.
func newIndex(seed maphash.Seed, names int) *Index {
	return &Index{seed: seed, slots: make([]atomic.Uint64, max(2*names, minSlots))}
}

func (x *Index) hash(name []byte) uint32 { return uint32(maphash.Bytes(x.seed, name)) }

// room is how many more names the index may get: at most half of its slots are used.
func (x *Index) room() int { return len(x.slots)/2 - x.used }

// insert adds an id under a hash. There must be room for it.
func (x *Index) insert(hash uint32, id ID) {
	i := x.first(hash)
	for x.slots[i].Load() != 0 {
		i = x.following(i)
	}
	x.slots[i].Store(uint64(hash)<<32 | uint64(id+1))
	x.used++
}

// first is where the slots of a hash begin. Any number of slots will do, so that a large
// index takes no more memory than its names need.
func (x *Index) first(hash uint32) uint32 {
	return uint32(uint64(hash) * uint64(len(x.slots)) >> 32)
}

// following is the slot after another one.
func (x *Index) following(i uint32) uint32 {
	if i++; int(i) == len(x.slots) {
		return 0
	}
	return i
}

// Search is a search for the id of a name.
type Search struct {
	index    *Index
	hash, at uint32
}

// Search begins a search. Any goroutine may do so.
func (x *Index) Search(name []byte) Search { return x.search(x.hash(name)) }

func (x *Index) search(hash uint32) Search { return Search{x, hash, x.first(hash)} }

// Next returns the next id that may be the name's, and false if there is no other.
func (s *Search) Next() (ID, bool) {
	for {
		slot := s.index.slots[s.at].Load()
		s.at = s.index.following(s.at)
		switch {
		case slot == 0:
			return 0, false
		case uint32(slot>>32) == s.hash:
			return ID(uint32(slot) - 1), true
		}
	}
}
