package state

import (
	"iter"
	"maps"
	"slices"
)

// Snapshot is a full state of the cluster, as `/master/state` gives it.
type Snapshot struct {
	Leader     Master
	Masters    []Master // every known one, the leader among them, in a stable order
	Agents     []*Agent
	Frameworks []*Framework
	Tasks      []*Task
}

// Event is something that the leading master told us. Exactly one field is
// set.
type Event struct {
	Snapshot *Snapshot
}

// Delta says what an event changed. A task, agent or framework is listed once,
// whether it came, went or was replaced.
type Delta struct {
	Tasks      []TaskKey
	Agents     []string
	Frameworks []string
	Masters    bool // the leader or the set of masters
}

// Empty reports whether nothing changed.
func (d Delta) Empty() bool {
	return len(d.Tasks) == 0 && len(d.Agents) == 0 && len(d.Frameworks) == 0 && !d.Masters
}

// Cluster is everything that the leading master told us and that names depend
// on. It is owned by one goroutine.
type Cluster struct {
	tasks      map[TaskKey]*Task
	agents     map[string]*Agent
	frameworks map[string]*Framework
	leader     Master
	masters    []Master
}

// NewCluster returns a cluster of which nothing is known yet.
func NewCluster() *Cluster {
	return &Cluster{
		tasks:      map[TaskKey]*Task{},
		agents:     map[string]*Agent{},
		frameworks: map[string]*Framework{},
	}
}

// Apply takes an event in and says what it changed. Values that are equal to
// the ones known are dropped, so that their pointers stay the same.
func (c *Cluster) Apply(e Event) Delta {
	if e.Snapshot == nil {
		return Delta{}
	}
	s := e.Snapshot
	d := Delta{
		Tasks:      replace(&c.tasks, s.Tasks, func(t *Task) TaskKey { return t.Key }, (*Task).Equal),
		Agents:     replace(&c.agents, s.Agents, func(a *Agent) string { return a.ID }, (*Agent).Equal),
		Frameworks: replace(&c.frameworks, s.Frameworks, func(f *Framework) string { return f.ID }, (*Framework).Equal),
	}
	if !c.leader.Equal(s.Leader) || !slices.EqualFunc(c.masters, s.Masters, Master.Equal) {
		c.leader, c.masters = s.Leader, s.Masters
		d.Masters = true
	}
	return d
}

// replace makes *m hold the values of news and lists the keys whose value
// changed, in the order of news. Of two values with one key the later counts.
func replace[K comparable, V any](m *map[K]*V, news []*V, key func(*V) K, equal func(a, b *V) bool) []K {
	old := *m
	next := make(map[K]*V, len(news))
	var changed []K
	for _, v := range news {
		k := key(v)
		if o, ok := old[k]; ok && equal(o, v) {
			v = o
		}
		next[k] = v
	}
	for _, v := range news {
		if k := key(v); next[k] == v && old[k] != v {
			changed = append(changed, k)
		}
	}
	for k := range old {
		if _, ok := next[k]; !ok {
			changed = append(changed, k)
		}
	}
	*m = next
	return changed
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

// Agents are all agents, in no order.
func (c *Cluster) Agents() iter.Seq[*Agent] { return maps.Values(c.agents) }

// Frameworks are all frameworks, in no order.
func (c *Cluster) Frameworks() iter.Seq[*Framework] { return maps.Values(c.frameworks) }

// Counts are the numbers of tasks, agents and frameworks.
func (c *Cluster) Counts() (tasks, agents, frameworks int) {
	return len(c.tasks), len(c.agents), len(c.frameworks)
}
