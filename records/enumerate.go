package records

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"toponym/state"
)

// Enumeration is what GET /v1/enumerate gives: the frameworks with their
// tasks with their records, in the form that Mesos-DNS gave it.
type Enumeration struct {
	Frameworks []EnumeratedFramework `json:"frameworks"`
}

// EnumeratedFramework is a framework with those of its tasks that get names.
type EnumeratedFramework struct {
	Tasks []EnumeratedTask `json:"tasks"`
	Name  string           `json:"name"`
}

// EnumeratedTask is a task with its records. A record that several tasks own
// stands with the first of them only, as it did in Mesos-DNS.
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

// Enumerate lists the records by the tasks that own them, sorted by framework
// and task id. It may be called from any goroutine: it makes the records anew
// from values that never change, so that it holds up an update only while it
// copies pointers.
func (s *Set) Enumerate() Enumeration {
	frameworks, owners := s.owners()
	e := Enumeration{Frameworks: make([]EnumeratedFramework, 0, len(frameworks))}
	sink := &enumerating{seen: map[EnumeratedRecord]struct{}{}}
	m := newMaker(s.maker.o, sink)
	for _, f := range frameworks {
		tasks := owners[f.ID]
		slices.SortFunc(tasks, func(a, b owner) int { return cmp.Compare(a.task.Key.ID, b.task.Key.ID) })
		ef := EnumeratedFramework{Name: f.Name, Tasks: make([]EnumeratedTask, 0, len(tasks))}
		for _, o := range tasks {
			sink.records = nil
			m.task(o)
			ef.Tasks = append(ef.Tasks, EnumeratedTask{Name: o.task.Name, ID: o.task.Key.ID, Records: sink.records})
		}
		e.Frameworks = append(e.Frameworks, ef)
	}
	return e
}

// owners are the frameworks in order and the tasks that get names by framework.
func (s *Set) owners() ([]*state.Framework, map[string][]owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frameworks := make([]*state.Framework, 0, len(s.frameworks))
	for _, f := range s.frameworks {
		frameworks = append(frameworks, f)
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

// enumerating is the sink that lists records.
type enumerating struct {
	seen    map[EnumeratedRecord]struct{}
	records []EnumeratedRecord
}

func (e *enumerating) add(r EnumeratedRecord) {
	if _, ok := e.seen[r]; ok {
		return
	}
	e.seen[r] = struct{}{}
	e.records = append(e.records, r)
}

func (e *enumerating) addr(name []byte, a netip.Addr) {
	kind := "A"
	if a.Is6() {
		kind = "AAAA"
	}
	e.add(EnumeratedRecord{Name: Name(name).String(), Host: a.String(), Type: kind})
}

func (e *enumerating) srv(name []byte, d SRV) {
	e.add(EnumeratedRecord{Name: Name(name).String(), Host: d.Target.String() + ":" + strconv.Itoa(int(d.Port)), Type: "SRV"})
}

func (e *enumerating) ptr(netip.Addr, Name)    {}
func (e *enumerating) ttl([]byte, uint32)      {}
func (e *enumerating) target(name []byte) Name { return Name(name) }
func (e *enumerating) omit(Omission)           {}
