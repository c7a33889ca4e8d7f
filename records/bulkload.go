package records

import (
	"math/bits"
	"runtime"

	"toponym/state"
)

// The first update fills an empty set in bulk, which costs half of inserting each
// record at its place:
//
//  1. Records are appended to the data of their names in any order.
//  2. When the tasks of an app are complete, or after bulkSortEvery names, the
//     lists are sorted, duplicates counted as extra owners, and the data copied
//     without spare capacity or replaced by equal data of another name.
//  3. The oversized lists are used again for the next names.
//
// Apps come one after the other, so only the lists of a few are unsorted at a
// time.

// bulkSortEvery is the number of unsorted names after which sorting is due.
const bulkSortEvery = 4096

// How many names there are for each task, those that only have names below them included:
// in the domain, and in the trees of each address domain. It decides how much memory is
// reserved, nothing else.
const (
	namesPerTask = 3
	namesPerTree = 2
)

// beginBulkLoad sizes an empty set for a number of tasks.
func (s *Set) beginBulkLoad(tasks int) {
	s.names.Reserve((namesPerTask + namesPerTree*len(s.generator.o.AddressDomains)) * tasks)
	s.tasks = make(map[state.TaskKey]owner, tasks)
	s.internTable = make([]*Data, max(minInterned, 1<<bits.Len(uint(tasks/8))))
	s.generator.out = bulkAppend{refInc{s}}
}

// sameApp reports whether two tasks may share names.
func (s *Set) sameApp(a, b taskChange) bool {
	return a.task != nil && b.task != nil && a.key.Framework == b.key.Framework &&
		s.generator.o.Rule.Label(appName(a.task)) == s.generator.o.Rule.Label(appName(b.task))
}

// sortLoaded completes the names that are being loaded. Records that come later
// are inserted at their place.
func (s *Set) sortLoaded() {
	for i, e := range s.loading {
		yieldCPU(i)
		recordsA.sortAndCount(s, e)
		recordsAAAA.sortAndCount(s, e)
		recordsSRV.sortAndCount(s, e)
		recordsPTR.sortAndCount(s, e)
		oversized := e.data
		if e.data = s.interned(oversized); e.data == nil {
			e.data = s.intern(oversized.clone())
		}
		e.change = 0
		*oversized = Data{A: oversized.A[:0], AAAA: oversized.AAAA[:0], SRV: oversized.SRV[:0]}
		s.spareData = append(s.spareData, oversized)
	}
	s.loading = s.loading[:0]
}

// loadInPlace reports whether records may be appended to the data of an entry,
// and prepares new entries for that.
func (s *Set) loadInPlace(e *entry) bool {
	if e.data != &noData || e.change != 0 {
		return e.loading()
	}
	e.change = inPlace
	s.loading = append(s.loading, e)
	if last := len(s.spareData) - 1; last >= 0 {
		e.data, s.spareData = s.spareData[last], s.spareData[:last]
	} else {
		e.data = &Data{}
	}
	return true
}

// yieldCPU lets other goroutines run between the steps of long work: on a machine
// with one core, those that answer queries.
func yieldCPU(step int) {
	if step%256 == 255 {
		runtime.Gosched()
	}
}
