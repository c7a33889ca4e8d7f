package records

// spare are lists that updates change in place, kept for the next update. What
// is given out of them is a copy, or what another name has already: of the same
// change to several names of a service only one list is kept.
type spare[T any] struct {
	lists [][]T
	room  int // for how many values, in all of them
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

// take gives an empty list.
func (s *spare[T]) take() []T {
	last := len(s.lists) - 1
	if last < 0 {
		return nil
	}
	list := s.lists[last]
	s.lists[last] = nil
	s.lists = s.lists[:last]
	s.room -= cap(list)
	return list
}

// put takes a list that nobody uses any more.
func (s *spare[T]) put(list []T) {
	if cap(list) == 0 || s.room+cap(list) > mostSpare {
		return
	}
	clear(list)
	s.lists = append(s.lists, list[:0])
	s.room += cap(list)
}
