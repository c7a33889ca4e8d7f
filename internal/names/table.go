package names

import (
	"hash/maphash"
	"unsafe"
)

// ID is the number of a name in a table. It is small: ids that are free are given
// to other names.
type ID uint32

// Table gives names numbers; the empty string is no name. A name keeps its id as long as
// it has a holder, and until the next Sweep after that. One goroutine at a time may use a
// table; for concurrent readers there is its [Index].
type Table struct {
	index   *Index
	names   Values[string] // "" for a free id
	holders Values[uint32]
	size    int  // ids given so far, those that are free now included
	free    []ID // to be given next
	idle    []ID // without a holder, since the last Sweep at some time

	recent recentIDs // speeds up Find: those who fill a table mostly use few names at a time

	// next takes the place of the index before that is full. It is filled step by step,
	// so that no name waits for all others; nil while there is room enough.
	next *Index
	done ID // ids below are in next
	step ID // how many follow with each new name
}

// renewStep is how many names, at least, the next index gets with each new name: that
// takes some microseconds. With fewer of them both indexes would be there for longer.
const renewStep = 64

// NewTable returns an empty table with room for a number of names.
func NewTable(names int) *Table {
	return &Table{index: newIndex(maphash.MakeSeed(), names)}
}

// Reserve makes room for a number of names in a table that has none.
func (t *Table) Reserve(names int) {
	if t.size == 0 {
		t.index = newIndex(t.index.seed, names)
	}
}

// Index finds ids by name. It has all names that the table has now, and those that
// it gets until it needs a larger index.
func (t *Table) Index() *Index { return t.index }

// Len is the number of names, those without a holder included.
func (t *Table) Len() int { return t.size - len(t.free) }

// Bound is above all ids that have been given.
func (t *Table) Bound() ID { return ID(t.size) }

// Name is the name of an id.
func (t *Table) Name(id ID) string { return *t.names.At(id) }

// Find returns the id of a name, and false if it has none.
func (t *Table) Find(name []byte) (ID, bool) { return t.find(name, t.index.hash(name), &t.recent) }

func (t *Table) find(name []byte, hash uint32, ids *recentIDs) (ID, bool) {
	recent := ids.of(hash)
	if int(*recent) < t.size && *t.names.At(*recent) == string(name) {
		return *recent, true
	}
	search := t.index.search(hash)
	for {
		id, ok := search.Next()
		if !ok {
			return 0, false
		}
		if *t.names.At(id) == string(name) {
			*recent = id
			return id, true
		}
	}
}

// Intern returns the id of a name, a new one if it has none. A name that nobody
// holds then loses it with the next Sweep.
func (t *Table) Intern(name []byte) ID {
	hash := t.index.hash(name)
	if id, ok := t.find(name, hash, &t.recent); ok {
		return id
	}
	return t.add(string(name), hash)
}

// InternString is Intern for a string, which the table keeps if the name is new.
func (t *Table) InternString(name string) ID {
	hash := t.index.hash(Bytes(name))
	if id, ok := t.find(Bytes(name), hash, &t.recent); ok {
		return id
	}
	return t.add(name, hash)
}

// add gives a name an id.
func (t *Table) add(name string, hash uint32) ID {
	var id ID
	if last := len(t.free) - 1; last >= 0 {
		id, t.free = t.free[last], t.free[:last]
	} else {
		id = ID(t.size)
		t.size++
	}
	*t.names.Grow(id) = name
	t.holders.Grow(id)
	t.idle = append(t.idle, id)
	t.index.insert(hash, id)
	t.renewIndex(hash, id)
	*t.recent.of(hash) = id
	return id
}

// recentIDs has ids that were used recently, by hash of the name.
type recentIDs [256]ID

func (r *recentIDs) of(hash uint32) *ID { return &r[hash%uint32(len(r))] }

// Finder finds ids by name while nobody changes the table. Several goroutines may do so,
// each with a finder of its own.
type Finder struct {
	table  *Table
	recent recentIDs
}

// NewFinder returns a finder for a table.
func NewFinder(t *Table) *Finder { return &Finder{table: t} }

// Find returns the id of a name, and false if it has none.
func (f *Finder) Find(name []byte) (ID, bool) {
	return f.table.find(name, f.table.index.hash(name), &f.recent)
}

// Hold makes a name keep its id until a Release.
func (t *Table) Hold(id ID) { *t.holders.At(id)++ }

// Release takes one Hold back.
func (t *Table) Release(id ID) {
	holders := t.holders.At(id)
	if *holders--; *holders == 0 {
		t.idle = append(t.idle, id)
	}
}

// maxKept is how many ids the list of idle ones keeps memory for.
const maxKept = 1 << 14

// Holders is how often a name is held.
func (t *Table) Holders(id ID) uint32 { return *t.holders.At(id) }

// Sweep frees the ids of names without a holder. It returns them until the next use of
// the table.
func (t *Table) Sweep() (freed []ID) {
	before := len(t.free)
	for _, id := range t.idle {
		if name := t.names.At(id); *t.holders.At(id) == 0 && *name != "" {
			*name = ""
			t.free = append(t.free, id)
		}
	}
	if t.idle = t.idle[:0]; cap(t.idle) > maxKept {
		t.idle = nil
	}
	return t.free[before:]
}

// renewIndex goes on with an index that has the names of now, not those that are gone,
// and begins it when a sixteenth of the room is left. The index has just got an id.
// Readers go on with the one they have.
func (t *Table) renewIndex(hash uint32, id ID) {
	room := t.index.room()
	switch {
	case t.next != nil:
		if id < t.done { // else its turn comes
			t.next.insert(hash, id)
		}
	case room <= len(t.index.slots)/32:
		t.next = newIndex(t.index.seed, t.Len()+t.Len()/4+room)
		t.done, t.step = 0, ID(max(renewStep, t.size/max(room, 1)+2))
	default:
		return
	}
	t.fillNext(min(t.done+t.step, ID(t.size)))
}

// Settle completes an index that has been begun, which takes long for many names: it is
// for those who have filled a table and leave it at rest.
func (t *Table) Settle() {
	if t.next != nil {
		t.fillNext(ID(t.size))
	}
}

// fillNext puts the names of the ids below end into the next index.
func (t *Table) fillNext(end ID) {
	for ; t.done < end; t.done++ {
		if name := *t.names.At(t.done); name != "" {
			t.next.insert(t.next.hash(Bytes(name)), t.done)
		}
	}
	if int(t.done) == t.size {
		t.index, t.next = t.next, nil
	}
}

// Bytes returns the bytes of a name without copying. They must not be changed.
func Bytes[T ~string](name T) []byte { return unsafe.Slice(unsafe.StringData(string(name)), len(name)) }
