package records

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"toponym/state"
)

// TaskDescription is all that is known of one task.
type TaskDescription struct {
	// Instance is nil if the task has no names; Reason says why.
	Instance *Instance
	Reason   string
	// Records are those that the task owns, alone or with others, sorted by name,
	// type and data; at most 1000. More is how many are not listed.
	Records []TaskRecord
	More    int
	// Omitted are names that could not be published and labels that are ignored.
	Omitted []Omission
}

// TaskRecord is a record that a task owns.
type TaskRecord struct {
	Name string // in presentation form
	Type string // A, AAAA, SRV or PTR
	Data string // an address, a name, or "priority weight port target"
}

const maxTaskDescription = 1000

// Task describes a task. It is not ok if there is none. It may be called from any
// goroutine, and blocks updates only for a look-up.
func (s *Set) Task(k state.TaskKey) (d TaskDescription, ok bool) {
	s.mu.Lock()
	o, published := s.tasks[k]
	t := s.unpublished[k]
	if t != nil && !published {
		d.Reason = s.whyUnpublished(t).Error()
	}
	agent, framework := (*state.Agent)(nil), (*state.Framework)(nil)
	if published {
		agent, framework = s.agents[o.agent.ID].Agent, s.frameworks[k.Framework].Framework
	}
	s.mu.Unlock()
	if !published {
		return d, t != nil
	}
	w := &taskCollector{seen: map[TaskRecord]struct{}{}}
	g := newGenerator(s.generator.o, w)
	g.task(o)
	d.More, d.Omitted = w.more, w.omitted
	for r := range w.seen {
		d.Records = append(d.Records, r)
	}
	slices.SortFunc(d.Records, func(a, b TaskRecord) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Data, b.Data))
	})
	d.Instance = newGenerator(s.generator.o, discard{}).instance(o, cmp.Or(agent, o.agent), cmp.Or(framework, o.framework))
	return d, true
}

// HasTask reports whether there is a task, with or without names. It may be called
// from any goroutine.
func (s *Set) HasTask(k state.TaskKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, published := s.tasks[k]
	return published || s.unpublished[k] != nil
}

// taskCollector is the writer that collects the records of one task.
type taskCollector struct {
	seen    map[TaskRecord]struct{}
	more    int
	omitted []Omission
}

func (w *taskCollector) add(r TaskRecord) {
	if _, ok := w.seen[r]; ok {
		return
	}
	if len(w.seen) == maxTaskDescription {
		w.more++
		return
	}
	w.seen[r] = struct{}{}
}

func (w *taskCollector) addr(name []byte, a netip.Addr, _ addrSource) {
	w.add(TaskRecord{Name(name).String(), addrType(a), a.String()})
}

func (w *taskCollector) srv(name []byte, target Name, d SRV) {
	w.add(TaskRecord{Name(name).String(), "SRV", fmt.Sprintf("%d %d %d %s", d.Priority, d.Weight, d.Port, target)})
}

func (w *taskCollector) ptr(a netip.Addr, p PTR, _ addrSource) {
	w.add(TaskRecord{ReverseName(a).String(), "PTR", p.Target.String()})
}

func (w *taskCollector) ttl([]byte, uint32)              {}
func (w *taskCollector) target(name []byte) numberedName { return numberedName{Name: Name(name)} }

func (w *taskCollector) omit(o Omission) {
	if len(w.omitted) < maxTaskDescription {
		w.omitted = append(w.omitted, o)
	}
}
