package state

import (
	"iter"
	"maps"
	"slices"
)

// Cluster is everything that the leading master told us and that names depend
// on. It is owned by one goroutine.
type Cluster struct {
	tasks      map[TaskKey]*Task
	agents     map[string]*Agent
	frameworks map[string]*Framework
	leader     Master
	masters    []Master

	// The tasks by where they are, so that a change of one agent or framework
	// costs what is on it and not what is in the cluster.
	byAgent, byFramework index
}

// NewCluster returns a cluster of which nothing is known yet.
func NewCluster() *Cluster {
	return &Cluster{
		tasks:       map[TaskKey]*Task{},
		agents:      map[string]*Agent{},
		frameworks:  map[string]*Framework{},
		byAgent:     index{},
		byFramework: index{},
	}
}

// Apply takes an event in and says what it changed. Values that are equal to
// the ones known are dropped, so that their pointers stay the same.
func (c *Cluster) Apply(e Event) Delta {
	switch {
	case e.Status != nil:
		return c.update(e.Status)
	case e.Task != nil:
		return c.putTask(e.Task)
	case e.TaskGone != nil:
		return c.takeTasks(c.tasks[*e.TaskGone])
	case e.Agent != nil:
		return Delta{Agents: put(c.agents, e.Agent.ID, e.Agent, (*Agent).Equal)}
	case e.AgentGone != "":
		d := c.takeTasks(c.byAgent.list(e.AgentGone)...)
		d.Agents = take(c.agents, e.AgentGone)
		return d
	case e.Framework != nil:
		return Delta{Frameworks: put(c.frameworks, e.Framework.ID, e.Framework, (*Framework).Equal)}
	case e.FrameworkGone != "":
		d := c.takeTasks(c.byFramework.list(e.FrameworkGone)...)
		d.Frameworks = take(c.frameworks, e.FrameworkGone)
		return d
	case e.Masters != nil:
		return Delta{Masters: c.setMasters(e.Masters.Leader, e.Masters.All)}
	case e.FullState != nil:
		return c.replace(e.FullState)
	}
	return Delta{}
}

// update makes of a task the one that a status says it is now. A status of a
// task that is not known, or of one of the same id elsewhere, says nothing:
// it is older than what is known, or what is to come has all of it.
func (c *Cluster) update(s *Status) Delta {
	known := c.tasks[s.Task]
	if known == nil || s.AgentID != "" && s.AgentID != known.AgentID {
		return Delta{}
	}
	t := *known
	t.State, t.Health = s.State, s.Health
	if !s.Addresses.Empty() || known.State == Starting && s.State == Running {
		t.Addresses = s.Addresses
	}
	return c.putTask(&t)
}

func (c *Cluster) putTask(t *Task) Delta {
	known := c.tasks[t.Key]
	switch {
	case t.Ended():
		return c.takeTasks(known)
	case known != nil && known.Equal(t):
		return Delta{}
	}
	c.tasks[t.Key] = t
	c.reindex(known, t)
	return Delta{Tasks: []TaskKey{t.Key}}
}

// takeTasks removes tasks; nil is none.
func (c *Cluster) takeTasks(tasks ...*Task) (d Delta) {
	for _, t := range tasks {
		if t != nil {
			delete(c.tasks, t.Key)
			c.reindex(t, nil)
			d.Tasks = append(d.Tasks, t.Key)
		}
	}
	return d
}

// put makes v the value of a key, and gives the key where that is a change.
func put[V any](m map[string]*V, key string, v *V, equal func(a, b *V) bool) []string {
	if known := m[key]; known != nil && equal(known, v) {
		return nil
	}
	m[key] = v
	return []string{key}
}

// take removes a key, and gives it where it was there.
func take[V any](m map[string]*V, key string) []string {
	if m[key] == nil {
		return nil
	}
	delete(m, key)
	return []string{key}
}

func (c *Cluster) setMasters(leader Master, all []Master) (changed bool) {
	if c.leader.Equal(leader) && slices.EqualFunc(c.masters, all, Master.Equal) {
		return false
	}
	c.leader, c.masters = leader, all
	return true
}

// Task returns the task of that key, or nil.
func (c *Cluster) Task(k TaskKey) *Task { return c.tasks[k] }

// Agent returns the agent of that id, or nil.
func (c *Cluster) Agent(id string) *Agent { return c.agents[id] }

// Framework returns the framework of that id, or nil.
func (c *Cluster) Framework(id string) *Framework { return c.frameworks[id] }

// Leader is the leading master.
func (c *Cluster) Leader() Master { return c.leader }

// Masters are all known masters in a stable order.
func (c *Cluster) Masters() []Master { return c.masters }

// Tasks are all tasks, in no order.
func (c *Cluster) Tasks() iter.Seq[*Task] { return maps.Values(c.tasks) }

// TasksOn are the tasks on an agent, which need not be known, in no order.
func (c *Cluster) TasksOn(agentID string) iter.Seq[*Task] { return maps.Keys(c.byAgent[agentID]) }

// TasksOf are the tasks of a framework, which need not be known, in no order.
func (c *Cluster) TasksOf(frameworkID string) iter.Seq[*Task] {
	return maps.Keys(c.byFramework[frameworkID])
}

// Agents are all agents, in no order.
func (c *Cluster) Agents() iter.Seq[*Agent] { return maps.Values(c.agents) }

// Frameworks are all frameworks, in no order.
func (c *Cluster) Frameworks() iter.Seq[*Framework] { return maps.Values(c.frameworks) }

// Counts are the numbers of tasks, agents and frameworks.
func (c *Cluster) Counts() (tasks, agents, frameworks int) {
	return len(c.tasks), len(c.agents), len(c.frameworks)
}
