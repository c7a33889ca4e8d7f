package records

import (
	"fmt"
	"net/netip"

	"toponym/internal/names"
	"toponym/state"
)

// WantedAndOwned calls f for each task with the estimate of its records and the
// number of records that it owns without a limit on them.
func (s *Set) WantedAndOwned(f func(task state.TaskKey, wanted, owned int)) {
	for k, o := range s.tasks {
		g := newGenerator(s.generator.o, discard{})
		wanted := int(g.wantedRecords(o))
		counter := &recordCounter{}
		g.out = counter
		o.maxRecords = 0
		g.task(o)
		f(k, wanted, counter.records)
	}
}

// Check compares what the set knows of its records with these: their order, and how
// often they hold names. It also compares what it knows of frameworks with their tasks.
func (s *Set) Check() error {
	tasks := map[string]int{}
	for k := range s.tasks {
		tasks[k.Framework]++
	}
	for id, l := range s.loads.byID {
		if l.tasks != tasks[id] {
			return fmt.Errorf("framework %s: counted %d tasks, want %d", id, l.tasks, tasks[id])
		}
	}
	holders := map[names.ID]uint32{}
	for id, d := range s.allData {
		holders[id]++
		for i, r := range d.SRV {
			holders[r.Target]++
			if i > 0 && d.SRV[i-1].Compare(r, s.targetName) >= 0 {
				return fmt.Errorf("%v: SRV record %d is not in order", s.targetName(id), i)
			}
		}
	}
	for id, want := range holders {
		if got := s.names.Holders(id); got != want {
			return fmt.Errorf("%v: got %d holders, want %d", s.targetName(id), got, want)
		}
	}
	s.names.Sweep()
	if got, want := s.names.Len(), len(holders); got != want {
		return fmt.Errorf("got %d names, want the %d that are held", got, want)
	}
	return nil
}

// Limited returns how many tasks own fewer records than they would without limits.
func (s *Set) Limited() (n int) {
	for _, o := range s.tasks {
		if o.maxRecords > 0 {
			n++
		}
	}
	return n
}

// TakeShares gives a set without tasks the shares that frameworks have in another one,
// which may be smaller than those of a new set.
func (s *Set) TakeShares(other *Set) {
	for id, l := range other.loads.byID {
		s.loads.byID[id] = &frameworkLoad{level: l.level}
	}
}

// Reworked reports whether the last update changed records that it found or had made.
func (s *Set) Reworked() bool { return cap(s.editor.edits.a)+cap(s.editor.edits.srv) > 0 }

// TaskHash returns H of a task id.
func TaskHash(id string) string {
	hash := taskHash(id)
	return string(hash[:])
}

// RecordsOf returns all records of a task that it may use, in their order, also those
// that it owns twice or that other tasks own as well.
func (s *Set) RecordsOf(k state.TaskKey) []EnumeratedRecord {
	w := &recordAppender{}
	newGenerator(s.generator.o, w).task(s.tasks[k])
	return w.records
}

// recordAppender is a writer that keeps all records.
type recordAppender struct {
	discard
	records []EnumeratedRecord
}

func (w *recordAppender) addr(name []byte, a netip.Addr, _ addrSource) {
	w.records = append(w.records, EnumeratedRecord{Name: Name(name), Addr: a})
}

func (w *recordAppender) srv(name []byte, target Name, d SRV) {
	w.records = append(w.records, EnumeratedRecord{Name: Name(name), Target: target, Port: d.Port})
}

// recordCounter is a writer that counts records.
type recordCounter struct {
	discard
	records int
}

func (c *recordCounter) addr([]byte, netip.Addr, addrSource) { c.records++ }
func (c *recordCounter) srv([]byte, Name, SRV)               { c.records++ }
func (c *recordCounter) ptr(netip.Addr, PTR, addrSource)     { c.records++ }

// ExplainByAll explains a name after a look at all tasks.
func (s *Set) ExplainByAll(n Name) Explanation { return s.explain(n, s.view(InstanceFilter{}).tasks) }

// LooksAt returns the number of tasks that are looked at for a filter.
func (s *Set) LooksAt(f InstanceFilter) int {
	f.agentAddr, _ = netip.ParseAddr(f.Agent)
	return len(s.view(f).tasks)
}
