package records

import (
	"cmp"
	"runtime"
	"slices"
	"sort"
	"sync"

	"toponym/internal/names"
)

// A large update, as when a rack of agents is lost, keeps several cores busy:
//
//  1. Editors make the records of some tasks each. Meanwhile nothing of the set changes.
//  2. Names that are new get their ids, in the order of the tasks.
//  3. The edits of all editors are sorted by name.
//  4. Settlers settle those of some names each. Meanwhile nothing of the set changes.
//
// What comes of it does not depend on the number of cores.

const (
	// minSpread is the number of changed tasks that are worth the while.
	minSpread = 500
	// maxSpread bounds the goroutines: what several of them do takes less time then than
	// what only one can do.
	maxSpread = 4
)

// cores returns how many goroutines should make the records of a number of tasks.
func (s *Set) cores(tasks int) int {
	if tasks < minSpread {
		return 1
	}
	return min(runtime.GOMAXPROCS(0), maxSpread)
}

// replacement is a version of a task and the one that it replaces. Either may be of no task.
type replacement struct{ before, after owner }

// spreadTasks makes the records of tasks in several goroutines.
func (s *Set) spreadTasks(list []replacement, cores int) {
	var wg sync.WaitGroup
	for i := range cores {
		w := &editor{set: s, omitted: &omissions{}, finder: names.NewFinder(s.names), provisional: map[string]names.ID{}}
		s.spread = append(s.spread, w)
		part := list[i*len(list)/cores : (i+1)*len(list)/cores]
		wg.Go(func() { w.replaceTasks(newGenerator(s.generator.o, w), part) })
	}
	wg.Wait()
	for _, w := range s.spread {
		w.settleIDs()
		for _, o := range w.omitted.list {
			s.omitted.add(o)
		}
	}
}

func (w *editor) replaceTasks(g *generator, list []replacement) {
	records := 0
	for i := range list {
		records += int(list[i].before.wanted + list[i].after.wanted)
	}
	w.edits.srv = make([]edit[SRV], 0, records)
	for i := range list {
		if i%32 == 31 {
			runtime.Gosched() // queries get their turn
		}
		w.replace(g, &list[i])
	}
}

// replace makes the records of the new version of a task, and those of the version that it
// replaces. Both mostly have the same names.
func (w *editor) replace(g *generator, r *replacement) {
	if r.after.task != nil {
		w.owners = 1
		g.task(r.after)
	}
	if r.before.task != nil {
		w.owners = -1
		g.task(r.before)
	}
}

// settleIDs replaces provisional ids by those that the names get now.
func (w *editor) settleIDs() {
	if len(w.fresh) == 0 {
		return
	}
	ids := make([]names.ID, len(w.fresh))
	for i, name := range w.fresh {
		ids[i] = w.set.names.InternString(name)
	}
	settleIDs(w.edits.a, ids)
	settleIDs(w.edits.aaaa, ids)
	settleIDs(w.edits.srv, ids)
	settleIDs(w.edits.ptr, ids)
	settleIDs(w.edits.ttls, ids)
	for i := range w.edits.srv {
		settleID(&w.edits.srv[i].value.Target, ids)
	}
}

func settleIDs[T comparable](list []edit[T], ids []names.ID) {
	for i := range list {
		settleID(&list[i].id, ids)
	}
}

func settleID(id *names.ID, ids []names.ID) {
	if *id >= firstProvisional {
		*id = ids[*id-firstProvisional]
	}
}

// settleEdits settles the edits of the update.
func (s *Set) settleEdits() []*settler {
	all := edits{
		a:    sortByName(s, func(e *edits) []edit[[4]byte] { return e.a }),
		aaaa: sortByName(s, func(e *edits) []edit[[16]byte] { return e.aaaa }),
		srv:  sortByName(s, func(e *edits) []edit[SRV] { return e.srv }),
		ptr:  sortByName(s, func(e *edits) []edit[PTR] { return e.ptr }),
		ttls: sortByName(s, func(e *edits) []edit[uint32] { return e.ttls }),
	}
	s.ttlRequests.apply(all.ttls)
	var settlers []*settler // in the order of ids
	var wg sync.WaitGroup
	for n := max(len(s.spread), 1); n > 1; n-- {
		w := &settler{set: s, edits: all.split(n)}
		settlers = append(settlers, w)
		wg.Go(w.settle)
	}
	s.settler.edits = all
	s.settler.settle()
	wg.Wait()
	s.spread = nil
	return append(settlers, &s.settler)
}

// split takes a part of sorted edits from their beginning: one of n that are about as large.
func (e *edits) split(n int) edits {
	var end names.ID // of the part
	if list := e.srv; len(list) >= len(e.a) && len(list) > 0 {
		end = list[len(list)/n].id
	} else if len(e.a) > 0 {
		end = e.a[len(e.a)/n].id
	}
	return edits{takeBelow(&e.a, end), takeBelow(&e.aaaa, end), takeBelow(&e.srv, end), takeBelow(&e.ptr, end), takeBelow(&e.ttls, end)}
}

func takeBelow[T comparable](list *[]edit[T], end names.ID) []edit[T] {
	n := sort.Search(len(*list), func(i int) bool { return (*list)[i].id >= end })
	taken := (*list)[:n]
	*list = (*list)[n:]
	return taken
}

// minRadix is the number of edits from which sorting them by the digits of their ids is
// faster than comparing them.
const minRadix = 1 << 10

// digitBits is how many bits of an id are a digit.
const digitBits = 11

// sortByName returns the edits of one type of all editors, in the order of the ids of their names.
func sortByName[T comparable](s *Set, of func(*edits) []edit[T]) []edit[T] {
	lists := [][]edit[T]{of(&s.editor.edits)}
	n := len(lists[0])
	for _, w := range s.spread {
		lists = append(lists, of(&w.edits))
		n += len(of(&w.edits))
	}
	if n < minRadix {
		list := lists[0]
		for _, more := range lists[1:] {
			list = append(list, more...)
		}
		slices.SortFunc(list, func(a, b edit[T]) int { return cmp.Compare(a.id, b.id) })
		return list
	}
	buffers := [2][]edit[T]{make([]edit[T], n), make([]edit[T], n)}
	for digit := 0; digit == 0 || s.names.Bound()>>(digit*digitBits) > 0; digit++ {
		sorted := buffers[digit%2]
		sortByDigit(sorted, lists, digit*digitBits)
		lists = [][]edit[T]{sorted}
	}
	return lists[0]
}

// sortByDigit puts the edits of lists in the order of the digit that begins at a bit of their
// ids. Those with the same digit keep their order.
func sortByDigit[T comparable](sorted []edit[T], lists [][]edit[T], bit int) {
	var next [1 << digitBits]int // where the next edit with a digit belongs
	place := func(id names.ID) *int { return &next[id>>bit%(1<<digitBits)] }
	for _, list := range lists {
		for i := range list {
			*place(list[i].id)++
		}
	}
	before := 0
	for digit, count := range next {
		next[digit] = before
		before += count
	}
	for _, list := range lists {
		for i := range list {
			at := place(list[i].id)
			sorted[*at] = list[i]
			*at++
		}
	}
}
