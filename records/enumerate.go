package records

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"toponym/state"
)

// EnumeratedTask is a task with its records. As in Mesos-DNS, a record that
// several tasks own is only listed with the first of them.
type EnumeratedTask struct {
	Name    string             `json:"name"`
	ID      string             `json:"id"`
	Records []EnumeratedRecord `json:"records"`
}

// EnumeratedRecord is a record. Host is an address, or "target.:port".
type EnumeratedRecord struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Type string `json:"rtype"`
}

// Enumerate iterates over the frameworks by name, and for each of them over its
// tasks that have names by task id. Records are made while the caller iterates, so
// that a cluster of any size is never in memory as a whole. A task and its records
// are valid until the next one.
//
// It may be called from any goroutine, and the caller may take its time: updates
// wait only while pointers are copied at the start. The records are those of that
// moment.
func (s *Set) Enumerate() iter.Seq2[string, iter.Seq[EnumeratedTask]] {
	return func(yield func(string, iter.Seq[EnumeratedTask]) bool) {
		frameworks, owners := s.owners()
		lister := &recordLister{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}, ofTask: map[EnumeratedRecord]struct{}{}}
		g := newGenerator(s.generator.o, lister)
		for _, f := range frameworks {
			tasks := owners[f.ID]
			delete(owners, f.ID)
			slices.SortFunc(tasks, func(a, b owner) int { return cmp.Compare(a.task.Key.ID, b.task.Key.ID) })
			if !yield(f.Name, lister.tasks(g, tasks)) {
				return
			}
		}
	}
}

// tasks iterates over tasks with their records.
func (l *recordLister) tasks(g *generator, tasks []owner) iter.Seq[EnumeratedTask] {
	return func(yield func(EnumeratedTask) bool) {
		for _, o := range tasks {
			l.records = l.records[:0]
			clear(l.ofTask)
			l.tail = g.canonicalTail(o.task.Key.ID, o.agent.ID)
			g.task(o)
			t := EnumeratedTask{Name: o.task.Name, ID: o.task.Key.ID}
			if len(l.records) > 0 {
				t.Records = l.records
			}
			if !yield(t) {
				return
			}
		}
	}
}

// owners returns the frameworks sorted by name, and the tasks that have names by
// framework id.
func (s *Set) owners() ([]*state.Framework, map[string][]owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frameworks := make([]*state.Framework, 0, len(s.frameworks))
	for _, f := range s.frameworks {
		frameworks = append(frameworks, f.Framework)
	}
	slices.SortFunc(frameworks, func(a, b *state.Framework) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	tasks := make(map[string][]owner, len(frameworks))
	for k, o := range s.tasks {
		tasks[k.Framework] = append(tasks[k.Framework], o)
	}
	return frameworks, tasks
}

// recordLister is the writer that lists records, each only with the first task
// that owns it.
//
// A record with T-H-S in its name or target belongs to one task alone. Of the others
// it remembers 64 bits of a hash with a random seed: of a million such records, two
// have the same hash once in 30 million enumerations, and one of them would be
// missing.
type recordLister struct {
	seed    maphash.Seed
	seen    map[uint64]struct{}
	ofTask  map[EnumeratedRecord]struct{} // listed with the current task
	tail    []byte                        // "-H-S" of the current task
	records []EnumeratedRecord
}

// add lists a record. The target is that of an SRV record.
func (l *recordLister) add(name []byte, target Name, r EnumeratedRecord) {
	if _, ok := l.ofTask[r]; ok {
		return
	}
	l.ofTask[r] = struct{}{}
	if !bytes.Contains(name, l.tail) && !strings.Contains(string(target), string(l.tail)) {
		hash := maphash.Comparable(l.seed, r)
		if _, ok := l.seen[hash]; ok {
			return
		}
		l.seen[hash] = struct{}{}
	}
	l.records = append(l.records, r)
}

func (l *recordLister) addr(name []byte, a netip.Addr, _ addrSource) {
	l.add(name, "", EnumeratedRecord{Name: Name(name).String(), Host: a.String(), Type: addrType(a)})
}

func (l *recordLister) srv(name []byte, d SRV) {
	l.add(name, d.Target, EnumeratedRecord{Name: Name(name).String(), Host: d.Target.String() + ":" + strconv.Itoa(int(d.Port)), Type: "SRV"})
}

func (l *recordLister) ptr(netip.Addr, PTR, addrSource) {}
func (l *recordLister) ttl([]byte, uint32)              {}
func (l *recordLister) target(name []byte) Name         { return Name(name) }
func (l *recordLister) omit(Omission)                   {}

// addrType returns the type of the record of an address.
func addrType(a netip.Addr) string {
	if a.Is6() {
		return "AAAA"
	}
	return "A"
}
