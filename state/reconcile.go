package state

import (
	"slices"
	"time"
)

// FullState is the state of the whole cluster, as `/master/state`, GET_STATE
// and SUBSCRIBED report it.
//
// The values belong to the Cluster once it has been reconciled with the state:
// no other code may change them.
type FullState struct {
	Leader     Master
	Masters    []Master // all known ones, the leader among them, in a stable order
	Agents     []*Agent // those that are registered
	Frameworks []*Framework
	Tasks      []*Task

	// The fields below are for failovers, see Replica. A Cluster does not have them.
	Leadership Leadership
	// LeaderAge is how long the master had led when it answered, by its own
	// clock; 0 if that is unknown.
	LeaderAge time.Duration
	// Recovered are the ids of agents that the master found in its registry and
	// that have not registered with it yet.
	Recovered []string
	// ListsRecovered is whether the master reports such agents at all. Mesos
	// before 1.2 does not.
	ListsRecovered bool
	// AfterRecovery is whether the answer is surely that of a master that has
	// recovered. `/master/state` is answered before that as well, and is empty
	// then.
	AfterRecovery bool

	byKey   map[TaskKey]*Task // the last task of each key; nil until Index
	indexed []*Task           // Tasks at that time: a copy of the state may have others
	owner   *FullState        // whose index it is: a copy of the state has none
}

// Empty reports whether the state holds no agent, framework or task.
func (s *FullState) Empty() bool {
	return len(s.Agents)+len(s.Frameworks)+len(s.Tasks)+len(s.Recovered) == 0
}

// Index prepares a state to be reconciled. Reconcile does it if that has not happened yet;
// it takes some ten milliseconds for 100,000 tasks and needs no access to the
// cluster, so a caller that must not hold the cluster for long calls it before.
func (s *FullState) Index() {
	same := len(s.indexed) == len(s.Tasks) && (len(s.Tasks) == 0 || &s.indexed[0] == &s.Tasks[0])
	if s.byKey == nil || s.owner != s || !same {
		s.indexed, s.owner = s.Tasks, s
		s.byKey = make(map[TaskKey]*Task, len(s.Tasks))
		for _, t := range s.Tasks {
			s.byKey[t.Key] = t
		}
	}
}

// dropIndex forgets the index, which takes as much memory as that of a cluster.
func (s *FullState) dropIndex() { s.byKey, s.indexed, s.owner = nil, nil, nil }

// ClusterOf returns a cluster that holds a full state.
func ClusterOf(s *FullState) *Cluster {
	c := NewCluster()
	c.Reconcile(s, nil)
	return c
}

// Reconcile makes the cluster equal to a full state and returns what changed.
// The journal, which may be nil, holds the events that were applied since the
// state was requested. See [Replica.Reconcile] for failovers.
func (c *Cluster) Reconcile(s *FullState, j *Journal) Delta {
	var d Delta
	c.reconcile(s, j, j.correct(s, c), retained{}, &d, func() bool { return true })
	return d
}

// retained lists what stays in the cluster although a full state lacks it.
type retained struct {
	agents     map[string]bool // with their tasks
	frameworks map[string]bool
}

// reconcile adds to d what the full state changes. It works in steps, and what
// is added precedes what is removed, so that nothing is missing in between:
//
//  1. agents and frameworks of the state, corrected by the journal
//  2. the masters
//  3. tasks of the state that are not in the journal
//  4. tasks that the state lacks are removed, except those that are retained,
//     in the journal, or on an agent newer than the state
//  5. agents and frameworks that the state lacks are removed likewise
//  6. statuses of tasks that were unknown when the status came
//
// proceed is called after each task and may apply events to the cluster and add
// them to the journal. When it returns false the rest is left undone.
func (c *Cluster) reconcile(s *FullState, j *Journal, in corrected, keep retained, d *Delta, proceed func() bool) {
	agents := lastOf(in.agents, func(a *Agent) string { return a.ID })
	for _, a := range in.agents {
		if agents[a.ID] == a {
			put(c.agents, a.ID, a, (*Agent).Equal, &d.Agents)
		}
	}
	frameworks := lastOf(in.frameworks, func(f *Framework) string { return f.ID })
	for _, f := range in.frameworks {
		if frameworks[f.ID] == f {
			put(c.frameworks, f.ID, f, (*Framework).Equal, &d.Frameworks)
		}
	}
	c.setMasters(s.Leader, s.Masters, d)

	if len(c.tasks) == 0 && j == nil {
		c.load(s, d)
	} else if !c.reconcileTasks(s, j, in, keep, d, proceed) {
		return
	}
	for id := range c.agents {
		if agents[id] == nil && !keep.agents[id] && !j.hasAgent(id) {
			remove(c.agents, id, &d.Agents)
		}
	}
	for id := range c.frameworks {
		if frameworks[id] == nil && !keep.frameworks[id] && !j.HasFramework(id) {
			remove(c.frameworks, id, &d.Frameworks)
		}
	}
	j.applyStatuses(c, d)
	s.dropIndex()
}

// reconcileTasks are steps 3 and 4. It returns false when proceed did.
func (c *Cluster) reconcileTasks(s *FullState, j *Journal, in corrected, keep retained, d *Delta, proceed func() bool) bool {
	s.Index()
	for _, t := range s.Tasks {
		if s.byKey[t.Key] == t && !j.covers(t) {
			c.putTask(t, d)
		}
		if !proceed() {
			return false
		}
	}
	for _, t := range c.tasks {
		_, listed := s.byKey[t.Key]
		newer := j.hasAgent(t.AgentID) && !in.listed[t.AgentID]
		if !listed && !newer && !keep.agents[t.AgentID] && !j.covers(t) {
			c.removeTask(t, d)
		}
		if !proceed() {
			return false
		}
	}
	return true
}

// load puts the tasks of a state into a cluster that has none. The index of the state
// becomes that of the cluster, without those that have ended.
func (c *Cluster) load(s *FullState, d *Delta) {
	s.Index()
	c.tasks = s.byKey
	s.dropIndex()
	tasks := make([]*Task, 0, len(c.tasks))
	for _, t := range s.Tasks {
		switch last := c.tasks[t.Key] == t; {
		case last && t.Ended():
			delete(c.tasks, t.Key)
		case last:
			tasks = append(tasks, t)
		}
	}
	c.byAgent = NewTaskIndex(tasks, func(t *Task) string { return t.AgentID })
	c.byFramework = NewTaskIndex(tasks, func(t *Task) string { return t.Key.Framework })
	d.Tasks = slices.Grow(d.Tasks, len(tasks))
	for _, t := range tasks {
		d.Tasks = append(d.Tasks, t.Key)
	}
}

// lastOf returns the last value of each key.
func lastOf[V any](list []*V, key func(*V) string) map[string]*V {
	m := make(map[string]*V, len(list))
	for _, v := range list {
		m[key(v)] = v
	}
	return m
}

// Journal records the events that come while a full state is being read. The
// state may have been made before or after each of them, and does not say which.
// For tasks in the journal the stream is right: if the state is newer, the stream
// will report that change as well. For everything else the state is right. A nil
// Journal is empty.
type Journal struct {
	tasks              map[TaskKey]struct{}
	agents, frameworks map[string]bool // true: it was removed, and may have been added again
	// Statuses of tasks that were unknown when the status came: the state may
	// bring the task.
	statuses map[TaskKey][]*Status
}

// NewJournal returns an empty journal.
func NewJournal() *Journal {
	return &Journal{
		tasks: map[TaskKey]struct{}{}, agents: map[string]bool{}, frameworks: map[string]bool{},
		statuses: map[TaskKey][]*Status{},
	}
}

// Record adds an event that is about to be applied to the cluster.
func (j *Journal) Record(e Event, c *Cluster) {
	switch {
	case j == nil:
	case e.Task != nil:
		j.tasks[e.Task.Key] = struct{}{}
		delete(j.statuses, e.Task.Key)
	case e.Status != nil:
		if k := e.Status.Task; c.Task(k) == nil {
			j.statuses[k] = append(j.statuses[k], e.Status)
		} else {
			j.tasks[k] = struct{}{}
		}
	case e.Agent != nil:
		went := j.agents[e.Agent.ID]
		j.agents[e.Agent.ID] = went
	case e.AgentGone != "":
		j.agents[e.AgentGone] = true
	case e.Framework != nil:
		went := j.frameworks[e.Framework.ID]
		j.frameworks[e.Framework.ID] = went
	case e.FrameworkGone != "":
		j.frameworks[e.FrameworkGone] = true
	}
}

// HasFramework reports whether an event was about that framework.
func (j *Journal) HasFramework(id string) bool {
	if j == nil {
		return false
	}
	_, ok := j.frameworks[id]
	return ok
}

func (j *Journal) hasAgent(id string) bool {
	if j == nil {
		return false
	}
	_, ok := j.agents[id]
	return ok
}

// covers reports whether the events decide about a task, so that the full state
// does not.
func (j *Journal) covers(t *Task) bool {
	if j == nil {
		return false
	}
	_, ok := j.tasks[t.Key]
	return ok || j.frameworks[t.Key.Framework] || j.agents[t.AgentID]
}

// corrected are the agents and frameworks of a full state, with those that the
// journal concerns as the cluster has them.
type corrected struct {
	agents     []*Agent
	frameworks []*Framework
	listed     map[string]bool // agents of the state itself; nil without a journal
}

func (j *Journal) correct(s *FullState, c *Cluster) corrected {
	if j == nil {
		return corrected{agents: s.Agents, frameworks: s.Frameworks}
	}
	in := corrected{listed: make(map[string]bool, len(s.Agents))}
	for id := range j.agents {
		if a := c.Agent(id); a != nil {
			in.agents = append(in.agents, a)
		}
	}
	for _, a := range s.Agents {
		in.listed[a.ID] = true
		if !j.hasAgent(a.ID) {
			in.agents = append(in.agents, a)
		}
	}
	for id := range j.frameworks {
		if f := c.Framework(id); f != nil {
			in.frameworks = append(in.frameworks, f)
		}
	}
	for _, f := range s.Frameworks {
		if !j.HasFramework(f.ID) {
			in.frameworks = append(in.frameworks, f)
		}
	}
	return in
}

// applyStatuses applies the statuses whose tasks only the full state brought.
func (j *Journal) applyStatuses(c *Cluster, d *Delta) {
	if j == nil {
		return
	}
	for _, statuses := range j.statuses {
		for _, s := range statuses {
			c.update(s, d)
		}
	}
}
