package records

import (
	"bytes"
	"slices"
	"strings"
)

// entry is a name of a set with its data. While an update runs, a list of the
// data that is to be changed is first made the entry's own: the one before
// belongs to whoever got it.
type entry struct {
	name  Name
	data  *Data
	own   kind // the lists that this update may change in place
	dirty bool // the records changed in this update
	// settled is set in the first update, once the lists are in order.
	settled bool
}

// dirty is an entry that an update changes, and what its data was before.
type dirty struct {
	entry  *entry
	before *Data
}

// kind is a bit for each list of Data.
type kind uint8

const (
	kindA kind = 1 << iota
	kindAAAA
	kindSRV
	kindPTR
	kindData // the Data itself
)

// shared counts the owners of records that have more than one: how many there
// are beside the first. Most records have one owner, so it is small.
type shared[T comparable] map[sharedKey[T]]uint32

type sharedKey[T comparable] struct {
	name  Name
	value T
}

// list is one kind of records and how to compare them.
type list[T comparable] struct {
	kind    kind
	of      func(*Data) *[]T
	compare func(a, b T) int
}

var (
	listA    = list[[4]byte]{kindA, func(d *Data) *[][4]byte { return &d.A }, func(a, b [4]byte) int { return bytes.Compare(a[:], b[:]) }}
	listAAAA = list[[16]byte]{kindAAAA, func(d *Data) *[][16]byte { return &d.AAAA }, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }}
	listSRV  = list[SRV]{kindSRV, func(d *Data) *[]SRV { return &d.SRV }, SRV.Compare}
	listPTR  = list[Name]{kindPTR, func(d *Data) *[]Name { return &d.PTR }, func(a, b Name) int { return strings.Compare(string(a), string(b)) }}
)

// add counts one more owner of v and reports whether it is the first.
func (l list[T]) add(e *entry, more shared[T], lists *spare[T], v T) bool {
	i, found := slices.BinarySearchFunc(*l.of(e.data), v, l.compare)
	if found {
		more[sharedKey[T]{e.name, v}]++
		return false
	}
	values := l.take(e, lists)
	*values = slices.Insert(*values, i, v)
	return true
}

// remove counts one owner of v less and reports whether it was the last.
func (l list[T]) remove(e *entry, more shared[T], lists *spare[T], v T) bool {
	k := sharedKey[T]{e.name, v}
	if n := more[k]; n > 0 {
		if more[k] = n - 1; n == 1 {
			delete(more, k)
		}
		return false
	}
	i, found := slices.BinarySearchFunc(*l.of(e.data), v, l.compare)
	if !found {
		return false
	}
	values := l.take(e, lists)
	*values = slices.Delete(*values, i, i+1)
	return true
}

// take makes a list the entry's own.
func (l list[T]) take(e *entry, lists *spare[T]) *[]T {
	if e.own&kindData == 0 {
		d := *e.data
		e.data = &d
		e.own |= kindData
	}
	values := l.of(e.data)
	if e.own&l.kind == 0 {
		*values = append(lists.take(len(*values)+1), *values...)
		e.own |= l.kind
	}
	return values
}

// give ends an update of a list: what is given out has no room for more.
func (l list[T]) give(e *entry, own kind, lists *spare[T]) {
	if own&l.kind != 0 {
		values := l.of(e.data)
		list := *values
		*values = exact(list)
		lists.put(list)
	}
}

// drop ends an update of a list that nobody needs.
func (l list[T]) drop(e *entry, own kind, lists *spare[T]) {
	if own&l.kind != 0 {
		lists.put(*l.of(e.data))
	}
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
