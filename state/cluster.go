package state

import (
	"iter"
	"maps"
	"slices"
)

// Cluster holds the tasks, agents, frameworks and masters that names depend on.
type Cluster struct {
	tasks      map[TaskKey]*Task
	agents     map[string]*Agent
	frameworks map[string]*Framework
	leader     Master
	masters    []Master

	// Tasks by agent id and by framework id, so that a change of one agent or
	// framework costs in proportion to its tasks, not to those of the whole cluster.
	byAgent, byFramework TaskIndex
}

// NewCluster returns an empty cluster.
func NewCluster() *Cluster {
	return &Cluster{
		tasks:       map[TaskKey]*Task{},
		agents:      map[string]*Agent{},
		frameworks:  map[string]*Framework{},
		byAgent:     TaskIndex{},
		byFramework: TaskIndex{},
	}
}

// Apply applies an event and returns what it changed. A value that equals the
// known one is dropped, so that the pointer to it stays the same.
func (c *Cluster) Apply(e Event) Delta {
	var d Delta
	c.apply(e, &d)
	return d
}

// apply adds to d what the event changes.
func (c *Cluster) apply(e Event, d *Delta) {
	switch {
	case e.Status != nil:
		c.update(e.Status, d)
	case e.Task != nil:
		c.putTask(e.Task, d)
	case e.TaskGone != nil:
		c.removeTask(c.tasks[*e.TaskGone], d)
	case e.Agent != nil:
		put(c.agents, e.Agent.ID, e.Agent, (*Agent).Equal, &d.Agents)
	case e.AgentGone != "":
		c.removeTasks(c.byAgent.list(e.AgentGone), d)
		remove(c.agents, e.AgentGone, &d.Agents)
	case e.Framework != nil:
		put(c.frameworks, e.Framework.ID, e.Framework, (*Framework).Equal, &d.Frameworks)
	case e.FrameworkGone != "":
		c.removeTasks(c.byFramework.list(e.FrameworkGone), d)
		remove(c.frameworks, e.FrameworkGone, &d.Frameworks)
	case e.Masters != nil:
		c.setMasters(e.Masters.Leader, e.Masters.All, d)
	}
}

// update applies a status to its task. A status is ignored if the task is unknown
// or runs on another agent: the status is then older than the known task, or comes
// before the full task.
func (c *Cluster) update(s *Status, d *Delta) {
	known := c.tasks[s.Task]
	if known == nil || s.AgentID != "" && s.AgentID != known.AgentID {
		return
	}
	t := *known
	t.State, t.Health, t.Since = s.State, s.Health, s.Since
	if !s.Addresses.Empty() || known.State == Starting && s.State == Running {
		t.Addresses = s.Addresses
	}
	c.putTask(&t, d)
}

func (c *Cluster) putTask(t *Task, d *Delta) {
	known := c.tasks[t.Key]
	if known != nil && known.State == t.State && known.Since != 0 && (t.Since == 0 || known.Since < t.Since) {
		t.Since = known.Since // of statuses with one state, masters keep the newest
	}
	switch {
	case t.Ended():
		c.removeTask(known, d)
	case known == nil || !known.Equal(t):
		c.tasks[t.Key] = t
		c.reindex(known, t)
		d.Tasks = append(d.Tasks, t.Key)
	}
}

// removeTask removes a task of the cluster; nil means no task.
func (c *Cluster) removeTask(t *Task, d *Delta) {
	if t != nil {
		delete(c.tasks, t.Key)
		c.reindex(t, nil)
		d.Tasks = append(d.Tasks, t.Key)
	}
}

func (c *Cluster) removeTasks(tasks []*Task, d *Delta) {
	for _, t := range tasks {
		c.removeTask(t, d)
	}
}

// put sets the value of a key and appends the key to changed if that changes
// something.
func put[V any](m map[string]*V, key string, v *V, equal func(a, b *V) bool, changed *[]string) {
	if known := m[key]; known == nil || !equal(known, v) {
		m[key] = v
		*changed = append(*changed, key)
	}
}

// remove removes a key and appends it to changed if it existed.
func remove[V any](m map[string]*V, key string, changed *[]string) {
	if m[key] != nil {
		delete(m, key)
		*changed = append(*changed, key)
	}
}

func (c *Cluster) setMasters(leader Master, all []Master, d *Delta) {
	if !c.leader.Equal(leader) || !slices.EqualFunc(c.masters, all, Master.Equal) {
		c.leader, c.masters = leader, all
		d.Masters = true
	}
}

// Task returns the task with that key, or nil.
func (c *Cluster) Task(k TaskKey) *Task { return c.tasks[k] }

// Agent returns the agent with that id, or nil.
func (c *Cluster) Agent(id string) *Agent { return c.agents[id] }

// Framework returns the framework with that id, or nil.
func (c *Cluster) Framework(id string) *Framework { return c.frameworks[id] }

// Leader returns the leading master.
func (c *Cluster) Leader() Master { return c.leader }

// Masters returns all known masters in a stable order.
func (c *Cluster) Masters() []Master { return c.masters }

// Tasks returns all tasks, in no order.
func (c *Cluster) Tasks() iter.Seq[*Task] { return maps.Values(c.tasks) }

// TasksOn returns the tasks on an agent, in no order. The agent itself may be
// unknown.
func (c *Cluster) TasksOn(agentID string) iter.Seq[*Task] { return c.byAgent.Of(agentID) }

// TasksOf returns the tasks of a framework, in no order. The framework itself
// may be unknown.
func (c *Cluster) TasksOf(frameworkID string) iter.Seq[*Task] {
	return c.byFramework.Of(frameworkID)
}

// Agents returns all agents, in no order.
func (c *Cluster) Agents() iter.Seq[*Agent] { return maps.Values(c.agents) }

// Frameworks returns all frameworks, in no order.
func (c *Cluster) Frameworks() iter.Seq[*Framework] { return maps.Values(c.frameworks) }

// Counts returns the numbers of tasks, agents and frameworks.
func (c *Cluster) Counts() (tasks, agents, frameworks int) {
	return len(c.tasks), len(c.agents), len(c.frameworks)
}

// FullState returns the whole cluster as a full state, in no order. The values
// are shared, which is safe because they never change.
func (c *Cluster) FullState() *FullState {
	return &FullState{
		Leader:     c.leader,
		Masters:    c.masters,
		Agents:     values(c.agents),
		Frameworks: values(c.frameworks),
		Tasks:      values(c.tasks),
	}
}

func values[K comparable, V any](m map[K]*V) []*V {
	return slices.AppendSeq(make([]*V, 0, len(m)), maps.Values(m))
}

// TaskIndex finds tasks by the id of their agent or framework.
type TaskIndex map[string]map[*Task]struct{}

// Of returns the tasks of an id, in no order.
func (x TaskIndex) Of(id string) iter.Seq[*Task] { return maps.Keys(x[id]) }

// list returns the tasks of an id in a new list.
func (x TaskIndex) list(id string) []*Task { return slices.Collect(x.Of(id)) }

// Add adds a task.
func (x TaskIndex) Add(id string, t *Task) {
	tasks := x[id]
	if tasks == nil {
		tasks = map[*Task]struct{}{}
		x[id] = tasks
	}
	tasks[t] = struct{}{}
}

// NewTaskIndex returns the index of tasks by an id. Sets that have their size from the
// beginning cost a third of such that grow.
func NewTaskIndex(tasks []*Task, id func(*Task) string) TaskIndex {
	counts := map[string]int{}
	for _, t := range tasks {
		counts[id(t)]++
	}
	x := make(TaskIndex, len(counts))
	for id, n := range counts {
		x[id] = make(map[*Task]struct{}, n)
	}
	for _, t := range tasks {
		x[id(t)][t] = struct{}{}
	}
	return x
}

// Remove removes a task.
func (x TaskIndex) Remove(id string, t *Task) {
	tasks := x[id]
	delete(tasks, t)
	if len(tasks) == 0 {
		delete(x, id)
	}
}

// reindex replaces a task in the indexes; nil means no task.
func (c *Cluster) reindex(before, after *Task) {
	if before != nil {
		c.byAgent.Remove(before.AgentID, before)
		c.byFramework.Remove(before.Key.Framework, before)
	}
	if after != nil {
		c.byAgent.Add(after.AgentID, after)
		c.byFramework.Add(after.Key.Framework, after)
	}
}
