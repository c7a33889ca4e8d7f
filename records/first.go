package records

import (
	"math/bits"

	"toponym/state"
)

// What follows is for the first update, which fills an empty set. Records are
// appended as they come and sorted when their app is complete, which costs half
// of inserting each at its place. Apps come one after the other, so that only
// the lists of a few are unsorted, and larger than they need to be, at a time.

// settleEvery is how many names there may be that are not settled.
const settleEvery = 4096

// begin makes an empty set ready for a number of tasks.
func (s *Set) begin(tasks int) {
	s.names = make(map[Name]*entry, 3*tasks)
	s.order = make([]*entry, 0, 3*tasks)
	s.tasks = make(map[state.TaskKey]owner, tasks)
	s.same = make([]*Data, max(minShared, 1<<bits.Len(uint(tasks/8))))
	s.maker.sink = (*appending)(s)
}

// sameApp reports whether two tasks may share names.
func (s *Set) sameApp(a, b work) bool {
	return a.task != nil && b.task != nil && a.key.Framework == b.key.Framework &&
		s.maker.o.Rule.Label(calledBy(a.task)) == s.maker.o.Rule.Label(calledBy(b.task))
}

// settle brings the lists that appending has filled into order. What is added to
// them later is inserted. Appending goes on in the same memory: what is kept of
// it is a copy, as large as it needs to be, or what another name has already.
func (s *Set) settle() {
	for i, e := range s.filling {
		slice(i)
		listA.settle(e, s.moreA)
		listAAAA.settle(e, s.moreAAAA)
		listSRV.settle(e, s.moreSRV)
		listPTR.settle(e, s.morePTR)
		used := e.data
		if e.data = s.shared(used); e.data == nil {
			e.data = s.share(used.clone())
		}
		e.filling = false
		*used = Data{A: used.A[:0], AAAA: used.AAAA[:0], SRV: used.SRV[:0]}
		s.scratch = append(s.scratch, used)
	}
	s.filling = s.filling[:0]
}

// clone is a copy that shares nothing.
func (d *Data) clone() *Data {
	return &Data{A: exact(d.A), AAAA: exact(d.AAAA),
		SRV: exact(d.SRV), PTR: exact(d.PTR), TTL: d.TTL}
}

// fill reports whether the data of an entry is filled in place, which begins
// when the entry is new.
func (s *Set) fill(e *entry) bool {
	if e.filling || e.data != &nothing || e.edit != 0 {
		return e.filling
	}
	e.filling = true
	s.filling = append(s.filling, e)
	if last := len(s.scratch) - 1; last >= 0 {
		e.data, s.scratch = s.scratch[last], s.scratch[:last]
	} else {
		e.data = &Data{}
	}
	return true
}

// exact is a copy without room for more.
func exact[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return append(make([]T, 0, len(list)), list...)
}
