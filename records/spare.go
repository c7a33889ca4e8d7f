package records

import "math/bits"

// spare are lists that updates change in place, kept for the next update. What
// is given out of them is a copy, or what another name has already: of the same
// change to several names of a service only one list is kept.
type spare[T any] struct {
	lists [classes][][]T // by size: of class c have room for 1<<c values and more
	room  int            // for how many values, in all of them
}

// spares are those of each kind of records.
type spares struct {
	a    spare[[4]byte]
	aaaa spare[[16]byte]
	srv  spare[SRV]
	ptr  spare[Name]
}

// mostSpare is for how many values there is room in spare lists at most, so that
// one large update does not leave much behind.
const mostSpare = 1 << 16

// classes of sizes up to that of mostSpare.
const classes = 17

// take gives an empty list with room for n values, and mostly some more.
func (s *spare[T]) take(n int) []T {
	class := bits.Len(uint(n))
	if class >= classes {
		return make([]T, 0, n+n/8)
	}
	of := s.lists[class]
	last := len(of) - 1
	if last < 0 {
		return make([]T, 0, 1<<class)
	}
	list := of[last]
	of[last] = nil
	s.lists[class] = of[:last]
	s.room -= cap(list)
	return list
}

// put takes a list that nobody uses any more.
func (s *spare[T]) put(list []T) {
	if cap(list) == 0 || s.room+cap(list) > mostSpare {
		return
	}
	clear(list)
	class := min(bits.Len(uint(cap(list)))-1, classes-1)
	s.lists[class] = append(s.lists[class], list[:0])
	s.room += cap(list)
}
