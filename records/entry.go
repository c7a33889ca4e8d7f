package records

import (
	"bytes"
	"slices"
	"strings"
)

// entry is a name of a set with its data.
type entry struct {
	name Name
	data *Data // as it was given out, or filled in place by the first update
	// edit is the place, plus one, of what the update that runs changes, among
	// the set's edits; 0 for nothing.
	edit uint32
	// filling is set while the first update appends to the data.
	filling bool
}

// shared counts the owners of records that have more than one: how many there
// are beside the first. Most records have one owner, so it is small.
type shared[T comparable] map[sharedKey[T]]uint32

type sharedKey[T comparable] struct {
	name  Name
	value T
}

// list is one kind of records, what an update does to it, and how to compare
// them.
type list[T comparable] struct {
	of      func(*Data) *[]T
	edit    func(*edits) *edit[T]
	compare func(a, b T) int
}

var (
	listA = list[[4]byte]{func(d *Data) *[][4]byte { return &d.A }, func(e *edits) *edit[[4]byte] { return &e.a },
		func(a, b [4]byte) int { return bytes.Compare(a[:], b[:]) }}
	listAAAA = list[[16]byte]{func(d *Data) *[][16]byte { return &d.AAAA }, func(e *edits) *edit[[16]byte] { return &e.aaaa },
		func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }}
	listSRV = list[SRV]{func(d *Data) *[]SRV { return &d.SRV }, func(e *edits) *edit[SRV] { return &e.srv }, SRV.Compare}
	listPTR = list[Name]{func(d *Data) *[]Name { return &d.PTR }, func(e *edits) *edit[Name] { return &e.ptr },
		func(a, b Name) int { return strings.Compare(string(a), string(b)) }}
)

// add counts one more owner of v. The first makes it a record.
func (l list[T]) add(s *Set, e *entry, more shared[T], v T) {
	_, given := l.find(*l.of(e.data), v)
	if given && e.edit == 0 {
		more[sharedKey[T]{e.name, v}]++
		return
	}
	edit := l.edit(s.edit(e))
	if given {
		if i, gone := l.find(edit.gone, v); gone {
			edit.gone = slices.Delete(edit.gone, i, i+1)
		} else {
			more[sharedKey[T]{e.name, v}]++
		}
		return
	}
	if i, added := l.find(edit.added, v); added {
		more[sharedKey[T]{e.name, v}]++
	} else {
		edit.added = slices.Insert(edit.added, i, v)
	}
}

// remove counts one owner of v less. With the last the record goes.
func (l list[T]) remove(s *Set, e *entry, more shared[T], v T) {
	k := sharedKey[T]{e.name, v}
	if n := more[k]; n > 0 {
		if more[k] = n - 1; n == 1 {
			delete(more, k)
		}
		return
	}
	if _, given := l.find(*l.of(e.data), v); given {
		edit := l.edit(s.edit(e))
		if i, gone := l.find(edit.gone, v); !gone {
			edit.gone = slices.Insert(edit.gone, i, v)
		}
		return
	}
	if e.edit == 0 {
		return
	}
	edit := l.edit(s.edit(e))
	if i, added := l.find(edit.added, v); added {
		edit.added = slices.Delete(edit.added, i, i+1)
	}
}

func (l list[T]) find(values []T, v T) (place int, found bool) {
	return slices.BinarySearchFunc(values, v, l.compare)
}

// settle sorts what was appended in any order, and counts owners.
func (l list[T]) settle(e *entry, more shared[T]) {
	values := l.of(e.data)
	if len(*values) > 1 {
		slices.SortFunc(*values, l.compare)
		kept := (*values)[:1]
		for _, v := range (*values)[1:] {
			if v == kept[len(kept)-1] {
				more[sharedKey[T]{e.name, v}]++
			} else {
				kept = append(kept, v)
			}
		}
		*values = kept
	}
}
