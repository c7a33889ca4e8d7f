package records

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"toponym/state"
)

// Enumeration is the answer of /v1/enumerate in the format of Mesos-DNS: the
// frameworks with their tasks and the records of these.
type Enumeration struct {
	Frameworks []EnumeratedFramework `json:"frameworks"`
}

// EnumeratedFramework is a framework with its tasks that have names.
type EnumeratedFramework struct {
	Tasks []EnumeratedTask `json:"tasks"`
	Name  string           `json:"name"`
}

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

// Enumerate lists the records by the tasks that own them, sorted by framework and
// task id. It may be called from any goroutine. It blocks updates only while it
// copies pointers: the records are made again from values that never change.
func (s *Set) Enumerate() Enumeration {
	frameworks, owners := s.owners()
	e := Enumeration{Frameworks: make([]EnumeratedFramework, 0, len(frameworks))}
	lister := &recordLister{seen: map[EnumeratedRecord]struct{}{}}
	g := newGenerator(s.generator.o, lister)
	for _, f := range frameworks {
		tasks := owners[f.ID]
		slices.SortFunc(tasks, func(a, b owner) int { return cmp.Compare(a.task.Key.ID, b.task.Key.ID) })
		ef := EnumeratedFramework{Name: f.Name, Tasks: make([]EnumeratedTask, 0, len(tasks))}
		for _, o := range tasks {
			lister.records = nil
			g.task(o)
			ef.Tasks = append(ef.Tasks, EnumeratedTask{Name: o.task.Name, ID: o.task.Key.ID, Records: lister.records})
		}
		e.Frameworks = append(e.Frameworks, ef)
	}
	return e
}

// owners returns the frameworks sorted by name, and the tasks that have names by
// framework id.
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

// recordLister is the writer that lists records.
type recordLister struct {
	seen    map[EnumeratedRecord]struct{}
	records []EnumeratedRecord
}

func (l *recordLister) add(r EnumeratedRecord) {
	if _, ok := l.seen[r]; ok {
		return
	}
	l.seen[r] = struct{}{}
	l.records = append(l.records, r)
}

func (l *recordLister) addr(name []byte, a netip.Addr, _ addrSource) {
	l.add(EnumeratedRecord{Name: Name(name).String(), Host: a.String(), Type: addrType(a)})
}

func (l *recordLister) srv(name []byte, d SRV) {
	l.add(EnumeratedRecord{Name: Name(name).String(), Host: d.Target.String() + ":" + strconv.Itoa(int(d.Port)), Type: "SRV"})
}

func (l *recordLister) ptr(netip.Addr, Name, addrSource) {}
func (l *recordLister) ttl([]byte, uint32)               {}
func (l *recordLister) target(name []byte) Name          { return Name(name) }
func (l *recordLister) omit(Omission)                    {}

// addrType returns the type of the record of an address.
func addrType(a netip.Addr) string {
	if a.Is6() {
		return "AAAA"
	}
	return "A"
}
