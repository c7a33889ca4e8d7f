package records

import (
	"fmt"
	"hash/maphash"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"toponym/state"
)

// Set is all records that a cluster implies. One goroutine builds and updates
// it; [Set.Enumerate], [Set.Explain] and [Set.Collisions] may be called from
// any.
type Set struct {
	names map[Name]*entry
	maker *maker

	// The tasks of an app come one after the other and share most names.
	// What was found lately is found again without a look at all names.
	recent [256]*entry
	seed   maphash.Seed

	// Owners beside the first, of records that have several.
	moreA    shared[[4]byte]
	moreAAAA shared[[16]byte]
	moreSRV  shared[SRV]
	morePTR  shared[Name]

	wishes map[Name][]wish // of the names that have any

	edits   []edits  // of the update that runs
	order   []*entry // all, in the order in which they came; nil after the first update
	filling []*entry // see fill
	scratch []*Data  // see settle
	same    []*Data  // see share
	omitted []Omission

	collisions atomic.Int64

	mu         sync.Mutex // guards the fields below against Enumerate and Explain
	groups     groups
	tasks      map[state.TaskKey]owner
	nameless   map[state.TaskKey]*state.Task // tasks that are known and have no names
	frameworks map[string]*state.Framework
	agents     map[string]*state.Agent
	leader     state.Master
	masters    []state.Master
	hasMasters bool // whether the names of leader and masters were made
}

// Omission is a name that was left out because it could not stand in a
// message, or could not be typed, or a label that was ignored because of its
// value.
type Omission struct {
	Task      state.TaskKey // zero when a framework's own name was left out
	Framework string
	Label     string // the key of the label; empty for a name
	Value     string // the part at fault, as the framework wrote it
	Reason    error
}

func (o Omission) String() string {
	if o.Task == (state.TaskKey{}) {
		return fmt.Sprintf("framework %q: name %q: %v", o.Framework, o.Value, o.Reason)
	}
	if o.Label != "" {
		return fmt.Sprintf("task %q of framework %q: label %s: %q %v", o.Task.ID, o.Task.Framework, o.Label, o.Value, o.Reason)
	}
	return fmt.Sprintf("task %q of framework %q: name %q: %v", o.Task.ID, o.Task.Framework, o.Value, o.Reason)
}

// Changes is what an update did.
type Changes struct {
	Names   []Name     // the names whose records changed, those of a task mostly next to each other
	Omitted []Omission // what had to be left out of what was added
}

// NewSet returns the set of a cluster of which nothing is known.
func NewSet(o Options) *Set {
	return &Set{
		names:      map[Name]*entry{},
		seed:       maphash.MakeSeed(),
		same:       make([]*Data, minShared),
		maker:      newMaker(o, nil),
		moreA:      shared[[4]byte]{},
		moreAAAA:   shared[[16]byte]{},
		moreSRV:    shared[SRV]{},
		morePTR:    shared[Name]{},
		wishes:     map[Name][]wish{},
		groups:     newGroups(),
		tasks:      map[state.TaskKey]owner{},
		nameless:   map[state.TaskKey]*state.Task{},
		frameworks: map[string]*state.Framework{},
		agents:     map[string]*state.Agent{},
	}
}

// Build makes the set of a cluster.
func Build(c *state.Cluster, o Options) (*Set, Changes) {
	s := NewSet(o)
	d := state.Delta{Masters: true}
	for t := range c.Tasks() {
		d.Tasks = append(d.Tasks, t.Key)
	}
	for a := range c.Agents() {
		d.Agents = append(d.Agents, a.ID)
	}
	for f := range c.Frameworks() {
		d.Frameworks = append(d.Frameworks, f.ID)
	}
	return s, s.Update(c, d)
}

// Update makes the set that of c, which differs from the cluster it was made
// of by d.
//
// What is new is added before what is gone is removed, so a record that stays
// never counts as changed.
func (s *Set) Update(c *state.Cluster, d state.Delta) Changes {
	s.mu.Lock()
	defer s.mu.Unlock()

	first := len(s.names) == 0 && len(s.tasks) == 0
	work := s.regroup(c, s.affected(c, d), d.Frameworks, first)
	gone := make([]owner, 0, min(len(work), len(s.tasks)))
	s.maker.sink = (*adding)(s)
	if first {
		s.begin(len(work))
	}
	for i, w := range work {
		slice(i)
		if first && len(s.filling) >= settleEvery && !s.sameApp(work[i-1], w) {
			s.settle()
		}
		k := w.key
		old, had := s.tasks[k]
		o, ok := s.ownerOf(c, w.task)
		s.note(w, ok)
		if ok {
			o.hide = s.hides(o)
		}
		if had && ok && old == o {
			continue
		}
		if ok {
			s.maker.task(o)
			s.tasks[k] = o
		} else {
			delete(s.tasks, k)
		}
		if had {
			gone = append(gone, old)
		}
	}
	oldFrameworks := swap(s.frameworks, d.Frameworks, c.Framework, s.maker.framework)
	oldAgents := swap(s.agents, d.Agents, c.Agent, s.maker.agent)
	oldLeader, oldMasters, hadMasters := s.leader, s.masters, s.hasMasters
	if d.Masters {
		s.leader, s.masters, s.hasMasters = c.Leader(), c.Masters(), true
		s.maker.itself()
		s.maker.masters(s.leader, s.masters)
	}

	s.maker.sink = (*removing)(s)
	for _, o := range gone {
		s.maker.task(o)
	}
	for _, f := range oldFrameworks {
		s.maker.framework(f)
	}
	for _, a := range oldAgents {
		s.maker.agent(a)
	}
	if d.Masters && hadMasters {
		s.maker.itself()
		s.maker.masters(oldLeader, oldMasters)
	}

	if first {
		s.settle()
	}
	s.collisions.Store(int64(s.groups.collisions()))
	return s.finish(first)
}

// slice lets others run between the pieces of a long piece of work: on a
// machine with one core, those that answer queries.
func slice(i int) {
	if i%256 == 255 {
		runtime.Gosched()
	}
}

// affected are the tasks whose records may be others than before: the changed
// ones, and all of an agent whose addresses changed or a framework whose name
// did. The pid of a scheduler is none of their business.
func (s *Set) affected(c *state.Cluster, d state.Delta) []state.TaskKey {
	agents := slices.DeleteFunc(slices.Clone(d.Agents), func(id string) bool {
		before, after := s.agents[id], c.Agent(id)
		return before != nil && after != nil && slices.Equal(before.Addrs, after.Addrs)
	})
	frameworks := slices.DeleteFunc(slices.Clone(d.Frameworks), func(id string) bool {
		before, after := s.frameworks[id], c.Framework(id)
		return before != nil && after != nil && before.Name == after.Name
	})
	if len(agents) == 0 && len(frameworks) == 0 {
		return d.Tasks
	}
	left, _, _ := c.Counts()
	for _, k := range d.Tasks {
		if c.Task(k) != nil {
			left--
		}
	}
	if left == 0 {
		return d.Tasks // all there are, as in a first state
	}
	listed := setOf(d.Tasks)
	keys := slices.Clip(d.Tasks)
	add := func(tasks iter.Seq[*state.Task]) {
		for t := range tasks {
			if !listed[t.Key] {
				listed[t.Key] = true
				keys = append(keys, t.Key)
			}
		}
	}
	for _, id := range agents {
		add(c.TasksOn(id))
	}
	for _, id := range frameworks {
		add(c.TasksOf(id))
	}
	return keys
}

func setOf[K comparable](list []K) map[K]bool {
	set := make(map[K]bool, len(list))
	for _, k := range list {
		set[k] = true
	}
	return set
}

// swap brings known up to date for the given ids, makes the records of the new
// values and returns the old ones.
func swap[V any](known map[string]*V, ids []string, now func(string) *V, make func(*V)) []*V {
	var old []*V
	for _, id := range ids {
		before, after := known[id], now(id)
		if before == after {
			continue
		}
		if before != nil {
			old = append(old, before)
		}
		if after == nil {
			delete(known, id)
			continue
		}
		known[id] = after
		make(after)
	}
	return old
}

// Collisions is the number of names that belong to tasks, or to frameworks, that
// are not called the same: the rules for labels made one name of several. It may
// be called from any goroutine.
func (s *Set) Collisions() int { return int(s.collisions.Load()) }

// Len is the number of names that own records.
func (s *Set) Len() int { return len(s.names) }

// All gives every name with its data, in no order of names.
func (s *Set) All() iter.Seq2[Name, *Data] {
	return func(yield func(Name, *Data) bool) {
		for n, e := range s.names {
			if !e.data.Empty() && !yield(n, e.data) {
				return
			}
		}
	}
}

// Data returns the records of a name. They are empty where there are none.
func (s *Set) Data(n Name) *Data {
	if e := s.names[n]; e != nil {
		return e.data
	}
	return &Data{}
}
