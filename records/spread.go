package records

import (
	"cmp"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"toponym/internal/names"
	"toponym/state"
)

// A large update, as when a rack of agents is lost, keeps several cores busy:
//
//  1. Editors make the records of some tasks each. Meanwhile neither names nor data of the
//     set change. Those of tasks that are gone are made at once, before it is known which
//     names the others may use now.
//  2. Names that are new get their ids, in the order of the tasks.
//  3. The edits of all editors are sorted by name.
//  4. Settlers settle those of some names each. Meanwhile nothing of the set changes.
//
// What comes of it does not depend on the number of cores, but for which omissions are listed
// if there are more than maxOmissions.

const (
	// minSpread is the number of changed tasks from which several cores take less time.
	minSpread = 500
	// maxSpread bounds the goroutines: with so many, most of the time goes into what only
	// one can do.
	maxSpread = 4
	// partsOfCore is how many parts of the names there are for each core, so that none waits
	// long for the others.
	partsOfCore = 8
	// tasksAtOnce is how many tasks an editor takes at a time.
	tasksAtOnce = 32
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

// spreadTasks are tasks whose records several goroutines make.
type spreadTasks struct {
	list    []replacement
	taken   atomic.Int64 // of list, in steps of tasksAtOnce
	editors []*editor
	others  sync.WaitGroup // goroutines beside that of the update
}

// spreadGone begins to make the records of tasks that no longer have names.
func (s *Set) spreadGone(c *state.Cluster, changes []taskChange, cores int) *spreadTasks {
	var list []replacement
	for i := range changes {
		change := &changes[i]
		if i > 0 && changes[i-1].key == change.key || change.before.task == nil {
			continue
		}
		if _, has := s.ownerOf(c, change.task); !has {
			change.early = true
			list = append(list, replacement{before: change.before})
		}
	}
	return s.spreadTasks(list, cores)
}

// spreadTasks begins to make the records of tasks in as many goroutines as there are cores. One
// of them is that of the update, which joins the others in finish.
func (s *Set) spreadTasks(list []replacement, cores int) *spreadTasks {
	t := &spreadTasks{list: list, editors: make([]*editor, cores)}
	for i := range t.editors {
		w := &editor{set: s, omitted: &omissions{}, finder: names.NewFinder(s.names), provisional: map[string]names.ID{}}
		t.editors[i] = w
		if i > 0 {
			t.others.Go(func() { t.make(w) })
		}
	}
	return t
}

// make makes the records of tasks that no other editor has taken.
func (t *spreadTasks) make(w *editor) {
	g := newGenerator(w.set.generator.o, w)
	for {
		end := int(t.taken.Add(tasksAtOnce))
		begin := end - tasksAtOnce
		if begin >= len(t.list) {
			return
		}
		w.parts = append(w.parts, editorPart{begin, len(w.fresh)})
		w.setAside()
		part := t.list[begin:min(end, len(t.list))]
		for i := range part {
			w.replace(g, &part[i])
		}
		runtime.Gosched() // queries get their turn
	}
}

// finish waits until all records are made. The set has the edits then.
func (t *spreadTasks) finish(s *Set) {
	t.make(t.editors[0])
	t.others.Wait()
	t.settleIDs(s.names)
	s.spread = append(s.spread, t.editors...)
	for _, w := range t.editors {
		for _, o := range w.omitted.list {
			s.omitted.add(o)
		}
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

// editsAtOnce is how many edits of a type an editor collects in a list before it begins
// another one: a list that grows further is copied each time.
const editsAtOnce = 1 << 12

// setAside begins with other lists where those of now are long.
func (w *editor) setAside() {
	if len(w.edits.srv) < editsAtOnce && len(w.edits.a) < editsAtOnce && w.edits.srv != nil {
		return
	}
	w.full = append(w.full, w.edits)
	w.edits = edits{a: make([]edit[[4]byte], 0, editsAtOnce*3/2), srv: make([]edit[SRV], 0, editsAtOnce*3/2)}
}

// allEdits returns all that an editor has collected.
func (w *editor) allEdits(yield func(*edits) bool) {
	for i := range w.full {
		if !yield(&w.full[i]) {
			return
		}
	}
	yield(&w.edits)
}

// editorPart is where an editor has begun to make the records of tasks.
type editorPart struct {
	task  int // the first of them
	fresh int // the first name that was new
}

// settleIDs replaces provisional ids by those that the names get now, in the order of the tasks.
func (t *spreadTasks) settleIDs(table *names.Table) {
	type freshNames struct {
		task  int
		names []string
		ids   []names.ID
	}
	var parts []freshNames
	ids := make([][]names.ID, len(t.editors))
	for i, w := range t.editors {
		end := len(w.fresh)
		ids[i] = make([]names.ID, end)
		for _, p := range slices.Backward(w.parts) {
			parts = append(parts, freshNames{p.task, w.fresh[p.fresh:end], ids[i][p.fresh:end]})
			end = p.fresh
		}
	}
	slices.SortFunc(parts, func(a, b freshNames) int { return cmp.Compare(a.task, b.task) })
	for _, p := range parts {
		for i, name := range p.names {
			p.ids[i] = table.InternString(name)
		}
	}
	for i, w := range t.editors {
		w.settleIDs(ids[i])
	}
}

func (w *editor) settleIDs(ids []names.ID) {
	if len(ids) == 0 {
		return
	}
	for e := range w.allEdits {
		settleIDs(e.a, ids)
		settleIDs(e.aaaa, ids)
		settleIDs(e.srv, ids)
		settleIDs(e.ptr, ids)
		settleIDs(e.ttls, ids)
		for i := range e.srv {
			settleID(&e.srv[i].value.Target, ids)
		}
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
		a:    sortByName(s, recordsA.edits),
		aaaa: sortByName(s, recordsAAAA.edits),
		srv:  sortByName(s, recordsSRV.edits),
		ptr:  sortByName(s, recordsPTR.edits),
		ttls: sortByName(s, func(e *edits) *[]edit[uint32] { return &e.ttls }),
	}
	s.ttlRequests.apply(all.ttls)
	if len(s.spread) == 0 {
		s.settler.edits = all
		s.settler.settle()
		return []*settler{&s.settler}
	}
	cores := s.cores(minSpread)
	settlers := make([]*settler, cores*partsOfCore) // in the order of ids
	for i := range settlers {
		settlers[i] = &settler{set: s, edits: all.split(len(settlers) - i)}
	}
	var taken atomic.Int64
	settle := func() {
		for i := taken.Add(1); int(i) <= len(settlers); i = taken.Add(1) {
			settlers[i-1].settle()
		}
	}
	var others sync.WaitGroup
	for range cores - 1 {
		others.Go(settle)
	}
	settle()
	others.Wait()
	s.spread = nil
	return settlers
}

// split takes the first of n parts of about the same size from sorted edits.
func (e *edits) split(n int) edits {
	end := noID // above the ids of the part
	if at := len(e.srv) / n; at < len(e.srv) {
		end = e.srv[at].id
	} else if at := len(e.a) / n; at < len(e.a) {
		end = e.a[at].id
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

// sortByName returns the edits of one type of all editors, in the order of the ids of their
// names. It takes them from the editors that have written beside that of the set, so that
// their memory is free again soon.
func sortByName[T comparable](s *Set, of func(*edits) *[]edit[T]) []edit[T] {
	lists := [][]edit[T]{*of(&s.editor.edits)}
	n := len(lists[0])
	for _, w := range s.spread {
		for e := range w.allEdits {
			list := of(e)
			lists = append(lists, *list)
			n += len(*list)
			*list = nil
		}
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

// sortedAtOnce is how many edits are moved, in some 50 µs, before queries get their turn.
const sortedAtOnce = 1 << 13

// sortByDigit puts the edits of lists in the order of the digit that begins at a bit of their
// ids. Those with the same digit keep their order.
func sortByDigit[T comparable](sorted []edit[T], lists [][]edit[T], bit int) {
	var next [1 << digitBits]int // where the next edit with a digit belongs
	place := func(id names.ID) *int { return &next[id>>bit%(1<<digitBits)] }
	for _, list := range lists {
		for part := range slices.Chunk(list, sortedAtOnce) {
			for i := range part {
				*place(part[i].id)++
			}
			runtime.Gosched()
		}
	}
	before := 0
	for digit, count := range next {
		next[digit] = before
		before += count
	}
	for _, list := range lists {
		for part := range slices.Chunk(list, sortedAtOnce) {
			for i := range part {
				at := place(part[i].id)
				sorted[*at] = part[i]
				*at++
			}
			runtime.Gosched()
		}
	}
}
