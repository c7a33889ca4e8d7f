package records

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strings"

	"toponym/state"
)

// InstanceFilter selects instances. Zero fields select all; those that are set must
// all match.
type InstanceFilter struct {
	Name        Name   // records of the instance are at this name, of any type
	App         string // what the task is called, or the id of a Marathon app such as "/shop/cart"
	Framework   string // name or id of the framework
	Agent       string // id, host name or address of the agent
	Network     string // name of a network on which the task has addresses
	Labels      []LabelFilter
	LabelPrefix string // a label of the task or of a port has a key that begins with it
	Health      HealthFilter

	// After is the key of the last instance that the caller has: those that follow
	// it are listed. A task that is gone will do.
	After state.TaskKey

	agentAddr netip.Addr // what Agent is, if it is an address; set by Instances
}

// LabelFilter matches a task that has, or a port of which has, a label with that
// key: with that value, or with any.
type LabelFilter struct {
	Key, Value string
	AnyValue   bool
}

// HealthFilter selects instances by health.
type HealthFilter uint8

// The values of HealthFilter.
const (
	AnyHealth        HealthFilter = iota
	NotUnhealthyOnly              // healthy, or without a result of a health check
	UnhealthyOnly
)

// Instances iterates over the tasks that have names, ordered by framework id and
// task id. An instance and its lists are valid until the next one, but for texts,
// addresses, attributes and roles, which never change.
//
// It may be called from any goroutine, and the caller may take its time: at the
// start pointers are copied, in pieces for which an update does not wait long. The
// instances are those of the moment when all are copied. To find the next n of them
// costs a comparison for each task, or with a filter for an app, a name or an agent for
// each that shares it, and few more for each of the n.
func (s *Set) Instances(f InstanceFilter) iter.Seq[*Instance] {
	return func(yield func(*Instance) bool) {
		f.App = marathonName(f.App)
		f.agentAddr, _ = netip.ParseAddr(f.Agent) // an id or a host name is none
		view := s.view(f)
		finder := &nameFinder{name: f.Name}
		g := newGenerator(s.generator.o, finder)
		step := 0
		tasks := slices.DeleteFunc(view.tasks, func(o owner) bool {
			yieldCPU(step)
			step++
			return !f.mayMatch(g, view, o)
		})
		queue := taskQueue(tasks)
		queue.init()
		for len(queue) > 0 {
			o := queue.pop()
			if f.Name != "" && !finder.owns(g, o) {
				continue
			}
			agent, framework := o.agent, o.framework
			if current := view.agents[agent.ID].Agent; current != nil {
				agent = current
			}
			if current := view.frameworks[o.task.Key.Framework].Framework; current != nil {
				framework = current
			}
			i := g.instance(o, agent, framework)
			if f.Network != "" && !slices.ContainsFunc(i.Addresses.Networks, func(n InstanceNetwork) bool { return n.Name == f.Network }) {
				continue
			}
			if !yield(i) {
				return
			}
		}
	}
}

// view is what instances are made from, as of one moment.
type view struct {
	tasks      []owner
	agents     map[string]agentOwner
	frameworks map[string]frameworkOwner
}

// copiedAtOnce is how many tasks are copied before an update gets its turn: some
// 100 microseconds.
const copiedAtOnce = 1000

// taskCopy is a copy of the tasks that is being made, piece by piece.
type taskCopy struct {
	changed map[state.TaskKey]struct{} // by updates since the copy began
}

// view copies the tasks: all of them, or, where that is known at once, those that a
// filter may select. Updates run between the pieces; what they change is copied again
// at the end, so that the result is that of the last moment.
func (s *Set) view(f InstanceFilter) view {
	s.mu.Lock()
	c := &taskCopy{changed: map[state.TaskKey]struct{}{}}
	s.copies[c] = struct{}{}
	var tasks []owner
	add := func(o owner) {
		if tasks = append(tasks, o); len(tasks)%copiedAtOnce == 0 {
			s.mu.Unlock()
			runtime.Gosched()
			s.mu.Lock()
		}
	}
	if members, ok := s.selection(f); ok {
		tasks = make([]owner, 0, len(members))
		for _, t := range members {
			if o, ok := s.tasks[t.Key]; ok {
				add(o)
			}
		}
	} else {
		tasks = make([]owner, 0, len(s.tasks))
		for _, o := range s.tasks {
			add(o)
		}
	}
	delete(s.copies, c)
	v := view{agents: maps.Clone(s.agents), frameworks: maps.Clone(s.frameworks)}
	again := make([]owner, 0, len(c.changed))
	for k := range c.changed {
		if o, ok := s.tasks[k]; ok {
			again = append(again, o)
		}
	}
	s.mu.Unlock()
	if len(c.changed) > 0 {
		tasks = slices.DeleteFunc(tasks, func(o owner) bool { _, changed := c.changed[o.task.Key]; return changed })
	}
	v.tasks = append(tasks, again...)
	return v
}

// noteChange tells the copies that are being made that a task has changed. The
// caller holds mu.
func (s *Set) noteChange(k state.TaskKey) {
	for c := range s.copies {
		c.changed[k] = struct{}{}
	}
}

// Hosts are the masters and agents of a cluster.
type Hosts struct {
	Leader  state.Master
	Masters []state.Master // all known ones, the leader among them, in a stable order
	Agents  []*state.Agent // sorted by id
}

// Hosts returns the masters and agents. It may be called from any goroutine.
func (s *Set) Hosts() Hosts {
	s.mu.Lock()
	h := Hosts{Leader: s.leader, Masters: slices.Clone(s.masters), Agents: make([]*state.Agent, 0, len(s.agents))}
	for _, a := range s.agents {
		h.Agents = append(h.Agents, a.Agent)
	}
	s.mu.Unlock()
	slices.SortFunc(h.Agents, func(a, b *state.Agent) int { return cmp.Compare(a.ID, b.ID) })
	return h
}

// mayMatch checks what follows from the task without making its records or finding
// out where it can be reached.
func (f *InstanceFilter) mayMatch(g *generator, v view, o owner) bool {
	t := o.task
	switch {
	case f.After != state.TaskKey{} && compareKeys(t.Key, f.After) <= 0,
		f.Framework != "" && t.Key.Framework != f.Framework && o.framework.Name != f.Framework,
		f.App != "" && f.App != appName(t),
		f.Agent != "" && !f.isAgent(o.agent, v.agents[o.agent.ID].Agent),
		f.Health == NotUnhealthyOnly && t.Health == state.Unhealthy,
		f.Health == UnhealthyOnly && t.Health != state.Unhealthy,
		f.LabelPrefix != "" && !hasLabel(t, func(l state.Label) bool { return strings.HasPrefix(l.Key, f.LabelPrefix) }):
		return false
	}
	for _, want := range f.Labels {
		if !hasLabel(t, func(l state.Label) bool { return l.Key == want.Key && (want.AnyValue || l.Value == want.Value) }) {
			return false
		}
	}
	return f.Name == "" || g.mayOwnAs(o, f.Name)
}

// marathonName returns what Marathon calls the tasks of an app: the parts of the
// id "/shop/cart" in reverse order, "cart.shop". Anything else is a name already.
func marathonName(app string) string {
	id, ok := strings.CutPrefix(app, "/")
	if !ok {
		return app
	}
	parts := strings.Split(id, "/")
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// isAgent compares the id, the host name and the addresses of an agent.
func (f *InstanceFilter) isAgent(known, current *state.Agent) bool {
	a := cmp.Or(current, known)
	if a.ID == f.Agent || a.Hostname == f.Agent {
		return true
	}
	return f.agentAddr.IsValid() && slices.Contains(known.Addrs, f.agentAddr)
}

// hasLabel reports whether a label of a task or of one of its ports matches.
func hasLabel(t *state.Task, matches func(state.Label) bool) bool {
	if slices.ContainsFunc(t.Labels, matches) || slices.ContainsFunc(t.KeptLabels(), matches) {
		return true
	}
	return t.Discovery != nil && slices.ContainsFunc(t.Discovery.Ports, func(p state.DiscoveryPort) bool {
		return slices.ContainsFunc(p.Labels, matches)
	})
}

func compareKeys(a, b state.TaskKey) int {
	return cmp.Or(cmp.Compare(a.Framework, b.Framework), cmp.Compare(a.ID, b.ID))
}

// taskQueue is a heap of tasks by key: a page of a large cluster is found without
// sorting all of it.
type taskQueue []owner

func (q taskQueue) init() {
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.sink(i)
	}
}

// pop removes and returns the task with the smallest key.
func (q *taskQueue) pop() owner {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	*q = h[:last]
	q.sink(0)
	return first
}

// sink moves an element down to its place.
func (q taskQueue) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(q) {
			return
		}
		if child+1 < len(q) && compareKeys(q[child+1].task.Key, q[child].task.Key) < 0 {
			child++
		}
		if compareKeys(q[i].task.Key, q[child].task.Key) <= 0 {
			return
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
}

// nameFinder is the writer that finds out whether records are made at a name.
type nameFinder struct {
	discard
	name  Name
	found bool
}

// owns reports whether a task has records at the name.
func (f *nameFinder) owns(g *generator, o owner) bool {
	f.found = false
	g.task(o)
	return f.found
}

func (f *nameFinder) addr(name []byte, _ netip.Addr, _ addrSource) {
	f.found = f.found || string(name) == string(f.name)
}

func (f *nameFinder) srv(name []byte, _ Name, _ SRV) {
	f.found = f.found || string(name) == string(f.name)
}

func (f *nameFinder) ptr(a netip.Addr, _ PTR, _ addrSource) {
	f.found = f.found || ReverseName(a) == f.name
}
