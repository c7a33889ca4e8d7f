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
	s.tasks = make(map[state.TaskKey]owner, tasks)
	s.same = make([]*Data, max(minShared, 1<<bits.Len(uint(tasks/8))))
	s.maker.sink = (*appending)(s)
}

// sameApp reports whether two tasks may share names.
func (s *Set) sameApp(c *state.Cluster, a, b state.TaskKey) bool {
	t, u := c.Task(a), c.Task(b)
	return t != nil && u != nil && a.Framework == b.Framework && s.maker.o.Rule.Label(calledBy(t)) == s.maker.o.Rule.Label(calledBy(u))
}

// settle brings the lists that appending has filled into order. What is added to
// them later is inserted.
func (s *Set) settle() {
	for i, d := range s.dirty[len(s.dirty)-s.appended:] {
		slice(i)
		e := d.entry
		listA.settle(e, s.moreA)
		listAAAA.settle(e, s.moreAAAA)
		listSRV.settle(e, s.moreSRV)
		listPTR.settle(e, s.morePTR)
		e.data = s.share(e.data)
		e.own, e.settled = 0, true
	}
	s.appended = 0
}
