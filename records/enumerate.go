package records

import (
	"cmp"
	"hash/maphash"
	"iter"
	"net/netip"
	"runtime"
	"slices"
	"strconv"

	"toponym/internal/names"
	"toponym/state"
)

// EnumeratedTask is a task with its records. As in Mesos-DNS, a record that
// several tasks own is only listed with the first of them.
type EnumeratedTask struct {
	Name    string
	ID      string
	Records []EnumeratedRecord
}

// EnumeratedRecord is an A or AAAA record with an address, or else a SRV record with a
// target and a port.
type EnumeratedRecord struct {
	Name   Name
	Addr   netip.Addr
	Target Name
	Port   uint16
}

// Type returns "A", "AAAA" or "SRV".
func (r EnumeratedRecord) Type() string {
	if r.Addr.IsValid() {
		return addrType(r.Addr)
	}
	return "SRV"
}

// addrType returns the type of the record of an address.
func addrType(a netip.Addr) string {
	if a.Is6() {
		return "AAAA"
	}
	return "A"
}

// AppendHost appends the address, or "target.:port" as Mesos-DNS writes it.
func (r EnumeratedRecord) AppendHost(b []byte) []byte {
	if r.Addr.IsValid() {
		return r.Addr.AppendTo(b)
	}
	return strconv.AppendUint(append(r.Target.AppendTo(b), ':'), uint64(r.Port), 10)
}

// Enumerate iterates over the frameworks by name, and for each of them over its
// tasks that have names by task id, with the records whose names keep accepts; nil
// accepts all. A task and its records are valid until the next one.
//
// It may be called from any goroutine, and the caller may take its time. At the
// start a pointer for each task is copied, in pieces for which an update does not
// wait long. Each task is listed as it is when its turn comes, and not at all if it
// is gone, so what was listed before and after a change may contradict each other.
// Nothing else that is kept grows with the cluster, see recordLister.
func (s *Set) Enumerate(keep func(name []byte) bool) iter.Seq2[string, iter.Seq[EnumeratedTask]] {
	return func(yield func(string, iter.Seq[EnumeratedTask]) bool) {
		frameworks, tasks := s.enumerated()
		l := &recordLister{set: s, keep: keep, seed: maphash.MakeSeed(), open: map[uint64]uint32{}, srvs: map[listedSRV]struct{}{}}
		g := newGenerator(s.generator.o, l)
		for _, f := range frameworks {
			ofFramework := tasks[f.ID]
			delete(tasks, f.ID)
			slices.SortFunc(ofFramework, func(a, b *state.Task) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
			if !yield(f.Name, l.tasks(g, ofFramework)) {
				return
			}
		}
	}
}

// enumerated returns the frameworks sorted by name, and the tasks that have names by
// framework id.
func (s *Set) enumerated() ([]*state.Framework, map[string][]*state.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frameworks := make([]*state.Framework, 0, len(s.frameworks))
	for _, f := range s.frameworks {
		frameworks = append(frameworks, f.Framework)
	}
	slices.SortFunc(frameworks, func(a, b *state.Framework) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	// Counted first, as lists that grow would take three times the memory.
	counts := make(map[string]int, len(frameworks))
	for k := range s.inPieces {
		counts[k.Framework]++
	}
	tasks := make(map[string][]*state.Task, len(frameworks))
	for k, o := range s.inPieces {
		list := tasks[k.Framework]
		if list == nil {
			list = make([]*state.Task, 0, counts[k.Framework])
		}
		tasks[k.Framework] = append(list, o.task)
	}
	return frameworks, tasks
}

// inPieces iterates over the tasks that have names, and lets updates run now and
// then: tasks that come or go meanwhile may be missed. The caller holds mu.
func (s *Set) inPieces(yield func(state.TaskKey, owner) bool) {
	n := 0
	for k, o := range s.tasks {
		if !yield(k, o) {
			return
		}
		if n++; n%copiedAtOnce == 0 {
			s.mu.Unlock()
			runtime.Gosched()
			s.mu.Lock()
		}
	}
}

// tasks iterates over tasks with their records.
func (l *recordLister) tasks(g *generator, tasks []*state.Task) iter.Seq[EnumeratedTask] {
	return func(yield func(EnumeratedTask) bool) {
		for _, t := range tasks {
			if o, ok := l.list(g, t.Key); ok && !yield(EnumeratedTask{Name: o.task.Name, ID: o.task.Key.ID, Records: l.records}) {
				return
			}
		}
	}
}

// list makes the records of a task. It is not ok if the task is gone.
func (l *recordLister) list(g *generator, k state.TaskKey) (o owner, ok bool) {
	l.set.mu.Lock()
	defer l.set.mu.Unlock()
	l.records = l.records[:0]
	clear(l.srvs)
	if o, ok = l.set.tasks[k]; ok {
		g.task(o)
	}
	return o, ok
}

// recordLister is the writer that lists records, each only with the first task
// that owns it. The lock of the set is held while it does.
//
// The set knows how many owners a record has. With the first of several, a hash of
// the record and the number of the others is remembered, until all of them have
// come. Since the tasks of an app mostly come one after the other, few records are
// remembered at a time; at most maxOpenRecords are, and further ones may be listed
// with more than one task. Two of a million records have the same hash once in 30
// million enumerations.
type recordLister struct {
	set     *Set
	keep    func(name []byte) bool
	seed    maphash.Seed
	open    map[uint64]uint32
	srvs    map[listedSRV]struct{} // of the current task
	records []EnumeratedRecord
}

// listedSRV is what Mesos-DNS shows of a SRV record: ports of a task may differ in
// nothing but the weight or the priority.
type listedSRV struct {
	name, target names.ID
	port         uint16
}

// maxOpenRecords bounds what recordLister remembers, to some 5 MB.
const maxOpenRecords = 1 << 17

// kept returns the id of a name. It is not ok unless its records are listed.
func (l *recordLister) kept(name []byte) (id names.ID, ok bool) {
	if l.keep != nil && !l.keep(name) {
		return 0, false
	}
	id, d := l.set.find(name)
	return id, d != &noData
}

// isFirst reports whether a record comes for the first time, if it has so many
// other owners.
func isFirst[T comparable](l *recordLister, name names.ID, v T, extra extraOwners[T]) bool {
	k := ownedRecord[T]{name, v}
	others := extra[k]
	if others == 0 && len(l.open) == 0 {
		return true
	}
	hash := maphash.Comparable(l.seed, k)
	switch left, seen := l.open[hash]; {
	case left == 1:
		delete(l.open, hash)
		return false
	case seen:
		l.open[hash] = left - 1
		return false
	}
	if others > 0 && len(l.open) < maxOpenRecords {
		l.open[hash] = others
	}
	return true
}

func (l *recordLister) addr(name []byte, a netip.Addr, _ addrSource) {
	id, ok := l.kept(name)
	if !ok {
		return
	}
	first := false
	if a.Is4() {
		first = isFirst(l, id, a.As4(), l.set.extraA)
	} else {
		first = isFirst(l, id, a.As16(), l.set.extraAAAA)
	}
	if first {
		l.records = append(l.records, EnumeratedRecord{Name: l.set.targetName(id), Addr: a})
	}
}

func (l *recordLister) srv(name []byte, target Name, d SRV) {
	id, ok := l.kept(name)
	if !ok || !isFirst(l, id, d, l.set.extraSRV) {
		return
	}
	shown := listedSRV{id, d.Target, d.Port}
	if _, ok := l.srvs[shown]; !ok {
		l.srvs[shown] = struct{}{}
		l.records = append(l.records, EnumeratedRecord{Name: l.set.targetName(id), Target: target, Port: d.Port})
	}
}

func (l *recordLister) ptr(netip.Addr, PTR, addrSource) {}
func (l *recordLister) ttl([]byte, uint32)              {}
func (l *recordLister) omit(Omission)                   {}

// target finds a name in the set, which has all names that its records point to.
func (l *recordLister) target(name []byte) numberedName {
	if id, ok := l.set.names.Find(name); ok {
		return numberedName{l.set.targetName(id), id}
	}
	return numberedName{Name: Name(name)}
}
