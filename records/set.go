package records

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toponym/internal/names"
	"toponym/state"
)

// Set is all records that a cluster implies. One goroutine builds and updates
// it; [Set.Enumerate], [Set.Explain], [Set.Instances], [Set.Search],
// [Set.Task], [Set.Hosts] and [Set.Collisions] may be called from any goroutine.
type Set struct {
	names     *names.Table
	nameOf    nameFunc            // targetName
	data      names.Values[*Data] // by id; nil for a name that the set does not have
	size      int                 // number of names that it has
	generator *generator
	seed      maphash.Seed

	extraA    extraOwners[[4]byte]
	extraAAAA extraOwners[[16]byte]
	extraSRV  extraOwners[SRV]
	extraPTR  extraOwners[PTR]
	shared    idSet // names that may have records with several owners

	ttlRequests ttlRequests
	internTable internTable

	// For the zone that is made of the set, see UseNames.
	followed bool       // there is one
	pending  bool       // names have changed since its newest version was made
	targets  []names.ID // that new SRV records since then point to

	// Of the running update.
	time              time.Time
	editor            editor
	spread            []*editor // that have written some of its tasks, see spread.go
	settler           settler
	omitted           omissions
	recheckFrameworks []string // frameworks whose name a task may have taken or left

	collisions atomic.Int64

	mu          sync.Mutex // guards the fields below, and names and data, against those methods
	groups      groups
	loads       frameworkLoads
	tasks       map[state.TaskKey]owner
	onAgents    state.TaskIndex               // the same by agent; nil before the first update
	unpublished map[state.TaskKey]*state.Task // known tasks that have no names
	nameless    map[state.TaskKey]struct{}    // those of tasks whose framework can have no names
	frameworks  map[string]frameworkOwner
	agents      map[string]agentOwner
	hosts       map[string]hostNames // by the first label of host names
	leader      state.Master
	masters     []state.Master
	hasMasters  bool // the records of leader and masters have been made
	copies      map[*taskCopy]struct{}
}

// Omission is a name that could not be published, a label of a task that was
// ignored, or what exceeds a limit: Label and Value are empty then, and Reason is a
// [LimitError].
type Omission struct {
	Task      state.TaskKey // zero for the name of a framework
	Framework string        // the id of that framework
	Label     string        // the key of the ignored label; empty for a name
	Value     string        // the name, or the value of the label, as the framework wrote it
	Reason    error
}

// String returns a sentence without the dot at the end.
func (o Omission) String() string {
	owner := fmt.Sprintf("task %q of framework %q", o.Task.ID, o.Task.Framework)
	if o.Task == (state.TaskKey{}) {
		owner = fmt.Sprintf("framework %q", o.Framework)
	}
	switch {
	case o.Label != "":
		return fmt.Sprintf("label %s=%q of %s is ignored: %v", o.Label, o.Value, owner, o.Reason)
	case errors.As(o.Reason, new(AgentNetworkError)):
		return fmt.Sprintf("addresses of tasks of %s are omitted: %v", owner, o.Reason)
	case o.Value == "" && errors.As(o.Reason, new(LimitError)):
		return fmt.Sprintf("%s %v: the rest is omitted", owner, o.Reason)
	}
	return fmt.Sprintf("name %q of %s is omitted: %v", o.Value, owner, o.Reason)
}

// Changes is the result of an update.
type Changes struct {
	Names   []Name     // names whose records changed; those of one app mostly stand together
	IDs     []names.ID // of Names, in the table of the set; valid until [Set.UseNames] has been called
	Omitted []Omission // what could not be published of changed tasks and frameworks; at most 1000
	Merged  []Merged   // names that more frameworks share than before; at most 100
}

// NewSet returns the set of an empty cluster.
func NewSet(o Options) *Set {
	previous := o.Previous
	o.Previous = nil
	s := &Set{
		names:       names.NewTable(0),
		seed:        maphash.MakeSeed(),
		internTable: make(internTable, minInterned),
		generator:   newGenerator(o, nil),
		extraA:      extraOwners[[4]byte]{},
		extraAAAA:   extraOwners[[16]byte]{},
		extraSRV:    extraOwners[SRV]{},
		extraPTR:    extraOwners[PTR]{},
		ttlRequests: ttlRequests{},
		groups:      newGroups(),
		loads:       newFrameworkLoads(o.Limits),
		tasks:       map[state.TaskKey]owner{},
		unpublished: map[state.TaskKey]*state.Task{},
		nameless:    map[state.TaskKey]struct{}{},
		frameworks:  map[string]frameworkOwner{},
		agents:      map[string]agentOwner{},
		hosts:       map[string]hostNames{},
		copies:      map[*taskCopy]struct{}{},
	}
	s.nameOf = s.targetName
	s.editor = editor{set: s, omitted: &s.omitted}
	s.settler.set = s
	if previous != nil {
		previous.mu.Lock()
		s.groups.reserved = previous.groups.reserved.clone()
		previous.mu.Unlock()
	}
	return s
}

// Build returns the set of a cluster. The changes list all of its names.
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

// Update brings the set up to date with c, which differs by d from the cluster of
// the last update. The steps:
//
//  1. Find all tasks whose records may change: those in d, those of changed agents
//     and frameworks, those that gain or lose a shared name because another task
//     changed, and those that may own more or fewer records than before.
//  2. Make the records of their new and old versions, then those of frameworks, agents
//     and masters, and note which owners records gain and lose with them.
//  3. Change the records that gain their first owner or lose their last one. A record
//     that loses one and gains another stays, and never counts as changed.
func (s *Set) Update(c *state.Cluster, d state.Delta) Changes {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.time = s.now()
	s.sweep()
	first := s.size == 0 && len(s.tasks) == 0
	changes := s.changesOf(c, inOrder(s.affectedTasks(c, d), first))
	cores := s.cores(len(changes))
	var gone *spreadTasks // nil unless several cores are used
	if cores > 1 && !first {
		gone = s.spreadGone(c, changes, cores)
	}
	tasks := s.shareLimits(c, s.regroup(c, changes, d.Frameworks, first))
	g := s.generator
	w := &s.editor
	g.out = w
	var bulk *bulkLoad
	if first {
		bulk = s.beginBulkLoad(len(tasks))
		s.updateTasks(c, tasks, func(r replacement) { bulk.task(r.after) })
		s.indexAll()
		g.out = bulk.endTasks()
	} else if gone != nil {
		var list []replacement
		s.updateTasks(c, tasks, func(r replacement) { list = append(list, r) })
		gone.finish(s)
		s.spreadTasks(list, cores).finish(s)
	} else {
		s.updateTasks(c, tasks, func(r replacement) { w.replace(g, &r) })
	}
	w.owners = 1
	frameworks := append(slices.Clip(d.Frameworks), s.recheckFrameworks...)
	s.recheckFrameworks = nil
	oldFrameworks := replaceValues(s.frameworks, frameworks, func(id string) frameworkOwner { return s.frameworkOwner(c.Framework(id)) }, g.framework)
	agents := append(slices.Clip(d.Agents), s.countHosts(c, d.Agents)...)
	oldAgents := replaceValues(s.agents, agents, func(id string) agentOwner { return s.agentOwner(c.Agent(id)) }, g.agent)
	oldLeader, oldMasters, hadMasters := s.leader, s.masters, s.hasMasters
	if d.Masters {
		s.leader, s.masters, s.hasMasters = c.Leader(), c.Masters(), true
		g.server()
		g.masters(s.leader, s.masters)
	}
	if first {
		bulk.end()
	}

	w.owners, g.out = -1, w
	for _, f := range oldFrameworks {
		g.framework(f)
	}
	for _, a := range oldAgents {
		g.agent(a)
	}
	if d.Masters && hadMasters {
		g.server()
		g.masters(oldLeader, oldMasters)
	}

	s.collisions.Store(int64(s.groups.countCollisions()))
	return s.finish(first)
}

// updateTasks has the old versions of tasks replaced by the new ones.
func (s *Set) updateTasks(c *state.Cluster, tasks []taskChange, replace func(replacement)) {
	for i, change := range tasks {
		yieldCPU(i)
		k := change.key
		before, had := s.tasks[k]
		after, has := s.ownerOf(c, change.task)
		s.rememberUnpublished(change, has)
		if has {
			after.weight = change.weight
			s.restrict(&after)
		}
		if had && has && before == after {
			continue
		}
		s.noteChange(k)
		if has {
			s.index(before.task, after.task)
			s.rememberNameless(after)
			s.tasks[k] = after
		} else {
			s.index(before.task, nil)
			delete(s.tasks, k)
			delete(s.nameless, k)
			after = owner{}
		}
		if has || had && !change.early {
			replace(replacement{before, after})
		}
	}
}

// shareLimits decides which share of the records of its framework each task may own. It
// returns the changed tasks, and those that get another share because of them. It comes
// before the records are made: of a framework above its limit they are made once, and
// never those that are omitted.
func (s *Set) shareLimits(c *state.Cluster, changed []taskChange) []taskChange {
	s.generator.out = discard{}
	for i := range changed {
		yieldCPU(i)
		s.loads.replace(changed[i].key.Framework, changed[i].before, s.weigh(c, &changed[i]))
	}
	var concerned []taskChange
	s.loads.settle(func(framework string, share int, reduced bool) {
		if f := c.Framework(framework); f != nil && reduced {
			s.omitted.add(Omission{Framework: f.ID, Value: f.Name, Reason: LimitError{
				What: "records of its tasks", Limit: s.loads.limits.FrameworkRecords, Setting: "maxFrameworkRecords"}})
		}
		for t := range c.TasksOf(framework) {
			if int(s.tasks[t.Key].wanted) > share {
				change := s.changeOf(t.Key, t)
				s.weigh(c, &change)
				concerned = append(concerned, change)
			}
		}
	})
	return append(changed, concerned...) // updateTasks skips those that are listed twice
}

// rememberUnpublished records which known tasks have no names, for Explain.
func (s *Set) rememberUnpublished(change taskChange, published bool) {
	if change.task != nil && !published {
		s.unpublished[change.key] = change.task
	} else if len(s.unpublished) > 0 {
		delete(s.unpublished, change.key)
	}
}

// rememberNameless records which tasks are of a framework that can have no names, for
// Explain: no group leads to them.
func (s *Set) rememberNameless(o owner) {
	if s.generator.suffixesOf(o.framework.Name).err != nil {
		s.nameless[o.task.Key] = struct{}{}
	} else if len(s.nameless) > 0 {
		delete(s.nameless, o.task.Key)
	}
}

// index replaces a task in the index by agent; nil means no task. The first update
// does so for all tasks at once, see indexAll.
func (s *Set) index(before, after *state.Task) {
	if before == after || s.onAgents == nil {
		return
	}
	if before != nil {
		s.onAgents.Remove(before.AgentID, before)
	}
	if after != nil {
		s.onAgents.Add(after.AgentID, after)
	}
}

// indexAll makes the index by agent of all tasks.
func (s *Set) indexAll() {
	tasks := make([]*state.Task, 0, len(s.tasks))
	for _, o := range s.tasks {
		tasks = append(tasks, o.task)
	}
	s.onAgents = state.NewTaskIndex(tasks, func(t *state.Task) string { return t.AgentID })
}

// affectedTasks returns the tasks whose records may change: those of the delta,
// and all tasks of an agent whose addresses or fault domain changed, or of a
// framework whose name changed. A new scheduler pid changes no task.
func (s *Set) affectedTasks(c *state.Cluster, d state.Delta) []state.TaskKey {
	agents := slices.DeleteFunc(slices.Clone(d.Agents), func(id string) bool {
		before, after := s.agents[id].Agent, c.Agent(id)
		return before != nil && after != nil && s.generator.o.sameForTasks(before, after)
	})
	frameworks := slices.DeleteFunc(slices.Clone(d.Frameworks), func(id string) bool {
		before, after := s.frameworks[id], c.Framework(id)
		return before.Framework != nil && after != nil && before.Name == after.Name
	})
	if len(agents) == 0 && len(frameworks) == 0 {
		return d.Tasks
	}
	unlisted, _, _ := c.Counts()
	for _, k := range d.Tasks {
		if c.Task(k) != nil {
			unlisted--
		}
	}
	if unlisted == 0 {
		return d.Tasks // the delta lists all tasks, as after a first state
	}
	listed := make(map[state.TaskKey]bool, len(d.Tasks))
	for _, k := range d.Tasks {
		listed[k] = true
	}
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

// minOrdered is the number of changed tasks that are worth being put in order.
const minOrdered = 100

// inOrder returns many tasks, such as those of agents that are lost together, by
// framework and id. Most frameworks begin the id of a task with its app, so that the
// names of an app are changed one task after the other. The first update has an order
// of its own.
func inOrder(tasks []state.TaskKey, first bool) []state.TaskKey {
	if first || len(tasks) < minOrdered {
		return tasks
	}
	return slices.SortedFunc(slices.Values(tasks), func(a, b state.TaskKey) int {
		return cmp.Or(strings.Compare(a.Framework, b.Framework), strings.Compare(a.ID, b.ID))
	})
}

// replaceValues updates current for the given ids, calls generate for each new
// value and returns the values that were replaced.
func replaceValues[V comparable](current map[string]V, ids []string, latest func(id string) V, generate func(V)) (replaced []V) {
	var none V
	for _, id := range ids {
		before, after := current[id], latest(id)
		if before == after {
			continue
		}
		if before != none {
			replaced = append(replaced, before)
		}
		if after == none {
			delete(current, id)
			continue
		}
		current[id] = after
		generate(after)
	}
	return replaced
}

// Collisions returns the number of names that the label rules made of several
// different names of tasks or of frameworks. It may be called from any goroutine.
func (s *Set) Collisions() int { return int(s.collisions.Load()) }

// Len returns the number of names that have records.
func (s *Set) Len() int { return s.size }

// All iterates over the names that have records. After the first update they come in
// the order in which they were made, those of one app next to each other.
func (s *Set) All() iter.Seq2[Name, *Data] {
	return func(yield func(Name, *Data) bool) {
		for id, d := range s.allData {
			if !d.Empty() && !yield(s.targetName(id), d) {
				return
			}
		}
	}
}

// allData iterates over the names that the set has, in the order of their ids.
func (s *Set) allData(yield func(names.ID, *Data) bool) {
	for id := range names.ID(s.data.Cap()) {
		if d := *s.data.At(id); d != nil && !yield(id, d) {
			return
		}
	}
}

// UseNames calls f with the table that has the numbers of the set's names, for a zone
// that is brought up to date with the set, and with the targets of SRV records that are new
// since the last call; on the first call the zone has to look at all. Until f returns
// the set does not change.
//
// After the first call, ids keep their names between an update that has changed records
// and the next call. So an id has the same name in two versions of the zone that follow
// each other.
func (s *Set) UseNames(f func(t *names.Table, targets []names.ID)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.names, s.targets)
	s.followed, s.pending = true, false
	if s.targets = s.targets[:0]; cap(s.targets) > maxKeptTargets {
		s.targets = nil
	}
}

// maxKeptTargets is how many targets the list keeps memory for.
const maxKeptTargets = 1 << 14

// sweep frees the ids of names that are not used, but for those that the zone may
// still show.
func (s *Set) sweep() {
	if !s.pending {
		s.names.Sweep()
	}
}

// holdTarget makes the target of a new record keep its id.
func (s *Set) holdTarget(id names.ID) {
	s.names.Hold(id)
	if n := len(s.targets); s.followed && (n == 0 || s.targets[n-1] != id) {
		s.targets = append(s.targets, id)
	}
}

// Target returns the name that an SRV record of the set points to.
func (s *Set) Target(r SRV) Name { return s.targetName(r.Target) }

// Data returns the records of a name. The result is empty, never nil, if there
// are none.
func (s *Set) Data(n Name) *Data {
	_, d := s.find(names.Bytes(n))
	return d
}

// DataOf is Data for a name by its id.
func (s *Set) DataOf(id names.ID) *Data { return s.dataOf(id) }

// find returns the id and the records of a name; no records, never nil, if the set does not
// have it.
func (s *Set) find(name []byte) (names.ID, *Data) {
	id, ok := s.names.Find(name)
	if !ok {
		return 0, &noData
	}
	return id, s.dataOf(id)
}

// dataOf returns the records of the name with an id; no records, never nil, if the set does
// not have it.
func (s *Set) dataOf(id names.ID) *Data {
	if int(id) < s.data.Cap() {
		if d := *s.data.At(id); d != nil {
			return d
		}
	}
	return &noData
}

// targetName is the name of an id.
func (s *Set) targetName(id names.ID) Name { return Name(s.names.Name(id)) }
