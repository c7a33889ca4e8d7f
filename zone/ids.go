package zone

import (
	"hash/maphash"
	"sync/atomic"

	"toponym/records"
)

// idTable maps names to ids. It is an open-addressing hash table that one
// goroutine fills while others read: a slot goes from empty to the hash and id
// of a name once, and stays.
//
// Several versions of a zone share a table, so a slot is only a hint: readers
// fetch the node of that id from their own version and compare its name. An id
// that has since been given to another name, or to none, therefore leads to no
// wrong answer.
type idTable struct {
	seed  maphash.Seed
	slots []atomic.Uint64 // hash in the upper half, id plus one in the lower; 0 is empty
	used  int             // slots that are not empty; only the builder reads it
}

// newIDTable returns a table that is at most half full with a number of names.
func newIDTable(seed maphash.Seed, names int) *idTable {
	size := 64
	for size < 2*names {
		size *= 2
	}
	return &idTable{seed: seed, slots: make([]atomic.Uint64, size)}
}

func (t *idTable) hash(name []byte) uint32 { return uint32(maphash.Bytes(t.seed, name)) }

// full reports whether one more name needs a larger table.
func (t *idTable) full() bool { return 2*(t.used+1) > len(t.slots) }

// insert adds an id under a hash. The table must not be full.
func (t *idTable) insert(hash, id uint32) {
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if t.slots[i].Load() == 0 {
			t.slots[i].Store(uint64(hash)<<32 | uint64(id+1))
			t.used++
			return
		}
	}
}

// nameState is what the builder knows of the name that has an id.
type nameState struct {
	name     records.Name // "" for a free id
	children uint32       // nodes one label below
	refs     uint32       // target lists that contain the name
}

// lookupID is the id of a name. A name has one because it has a node, or a node
// below it, or because SRV records point to it.
func (b *builder) lookupID(z *Zone, name records.Name) (uint32, bool) {
	t := z.table
	hash := t.hash(nameBytes(name))
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := t.slots[i].Load()
		if slot == 0 {
			return 0, false
		}
		if id := uint32(slot) - 1; uint32(slot>>32) == hash && b.names[id].name == name {
			return id, true
		}
	}
}

// assignID is the id of a name, a new one if it has none yet.
func (b *builder) assignID(z *Zone, name records.Name) uint32 {
	if id, ok := b.lookupID(z, name); ok {
		return id
	}
	if z.table.full() {
		b.growTable(z)
	}
	var id uint32
	if last := len(b.freeIDs) - 1; last >= 0 {
		id, b.freeIDs = b.freeIDs[last], b.freeIDs[:last]
		b.names[id] = nameState{name: name}
	} else {
		id = uint32(len(b.names))
		b.names = append(b.names, nameState{name: name})
	}
	z.table.insert(z.table.hash(nameBytes(name)), id)
	return id
}

// growTable replaces the shared table by one for this zone only, without the slots of names that
// are gone. Older versions keep theirs.
func (b *builder) growTable(z *Zone) {
	t := newIDTable(b.seed, 2*(len(b.names)-len(b.freeIDs)+1))
	for id, n := range b.names {
		if n.name != "" {
			t.insert(t.hash(nameBytes(n.name)), uint32(id))
		}
	}
	z.table = t
}

// releaseID frees the id of a name, unless the name has a node, or SRV records
// that point to it, or nodes below it.
func (b *builder) releaseID(z *Zone, id uint32) {
	n := &b.names[id]
	if n.refs == 0 && n.children == 0 && n.name != "" && z.nodes.get(id) == nil {
		*n = nameState{}
		b.freeIDs = append(b.freeIDs, id)
	}
}
