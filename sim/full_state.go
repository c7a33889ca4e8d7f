package sim

import (
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// fullState is what one response shows. It shares the cluster's values, which never
// change, and so takes a few words for each task.
type fullState struct {
	name       string
	agents     []*Agent
	used       map[string]usage // by agent
	frameworks []view
	completed  []view
}

// view is a framework with the tasks that the master shows.
type view struct {
	*Framework
	tasks, unreachable, completed []*Task
	executors                     []executor
	used                          usage
}

// fullState returns the present state, as far as the client may see it.
func (c *Cluster) fullState(sees func(framework string) bool) *fullState {
	c.mu.Lock()
	s := c.copyFullState()
	c.mu.Unlock()
	s.finish(sees)
	return s
}

// copyFullState copies what has to be copied under the lock. The order of agents,
// frameworks and tasks changes each time, as in Mesos.
func (c *Cluster) copyFullState() *fullState {
	s := &fullState{name: c.name, agents: slices.Clone(c.agents.values)}
	for _, f := range c.frameworks.values {
		if f.shown {
			s.frameworks = append(s.frameworks, f.view())
		}
	}
	for _, f := range c.completed {
		s.completed = append(s.completed, f.view())
	}
	c.polls++
	rng := rand.New(rand.NewPCG(c.seed, c.polls))
	shuffle(rng, s.agents)
	shuffle(rng, s.frameworks)
	for _, v := range s.frameworks {
		shuffle(rng, v.tasks)
		shuffle(rng, v.unreachable)
	}
	return s
}

func (f *framework) view() view {
	info := f.Framework
	v := view{Framework: &info, tasks: slices.Clone(f.tasks.values), completed: slices.Clone(f.completed)}
	if !f.Recovered { // a new leader does not know what ran on agents lost before
		v.unreachable = slices.Clone(f.unreachable.values)
	}
	return v
}

// finish removes what the client may not see, and adds up the resources in use.
func (s *fullState) finish(sees func(framework string) bool) {
	if sees != nil {
		hidden := func(v view) bool { return !sees(v.Name) }
		s.frameworks = slices.DeleteFunc(s.frameworks, hidden)
		s.completed = slices.DeleteFunc(s.completed, hidden)
	}
	registered := make(map[string]bool, len(s.agents))
	for _, a := range s.agents {
		registered[a.ID] = a.State == AgentRegistered
	}
	s.used = make(map[string]usage, len(s.agents))
	hold := func(v *view, agent, role string, r Resources) {
		v.used.add(role, r)
		u := s.used[agent]
		u.add(role, r)
		s.used[agent] = u
	}
	for i := range s.frameworks {
		v := &s.frameworks[i]
		v.tasks = slices.DeleteFunc(v.tasks, func(t *Task) bool { return !registered[t.AgentID] })
		var seen executors
		for _, t := range v.tasks {
			if Terminal(t.State) {
				continue // it holds no resources any more
			}
			hold(v, t.AgentID, t.Role, t.Resources)
			if t.ExecutorID != "" {
				hold(v, t.AgentID, t.Role, seen.add(t))
			}
		}
		v.executors = seen.list
	}
}

func shuffle[T any](rng *rand.Rand, s []T) {
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

// WriteState writes the body of /master/state as a master at addr has it.
func (c *Cluster) WriteState(w io.Writer, addr netip.AddrPort) error {
	return c.fullState(nil).writeState(w, newIdentity(addr, "", c.now()))
}

// size counts the bytes of the state by writing it to nowhere, which takes no memory.
func (s *fullState) size(id identity) int64 {
	var n countingWriter
	s.writeState(&n, id) // a countingWriter does not fail
	return int64(n)
}

// writeState writes the body of /master/state.
func (s *fullState) writeState(w io.Writer, id identity) error {
	e := newEncoder(w)
	var n counts
	for _, a := range s.agents {
		switch {
		case a.State == AgentUnreachable:
			n.unreachable++
		case a.State == AgentRegistered && a.Deactivated:
			n.deactivated++
		case a.State == AgentRegistered:
			n.active++
		}
	}
	e.open('{')
	e.head(id, s.name, n)
	e.openKey("slaves", '[')
	for _, a := range s.agents {
		if a.State == AgentRegistered {
			e.agent(a, s.used[a.ID].total())
		}
	}
	e.close(']')
	e.openKey("recovered_slaves", '[')
	for _, a := range s.agents {
		if a.State == AgentRecovered {
			e.recoveredAgent(a)
		}
	}
	e.close(']')
	e.openKey("frameworks", '[')
	for _, v := range s.frameworks {
		e.framework(v, true)
	}
	e.close(']')
	e.openKey("completed_frameworks", '[')
	for _, v := range s.completed {
		e.framework(v, false)
	}
	e.close(']')
	e.tail()
	e.close('}')
	return e.flush()
}

// executor runs the tasks of a pod, in the pod's networks. It holds the pod's
// host ports.
type executor struct {
	id, agentID, role string
	networks          []NetworkInfo
	ports             Ports
}

// executorResources is what Marathon adds to a pod for its executor.
var executorResources = Resources{CPUs: 0.1, Mem: 32, Disk: 10}

func (x *executor) resources() Resources {
	r := executorResources
	r.Ports = x.ports
	return r
}

// executors collects the executors of tasks, each once.
type executors struct {
	list []executor
	at   map[executorKey]int
}

type executorKey struct{ id, agentID string }

// add adds the executor of a pod's task. It returns the resources that it adds.
func (x *executors) add(t *Task) Resources {
	key := executorKey{t.ExecutorID, t.AgentID}
	i, known := x.at[key]
	var more Resources
	if !known {
		if x.at == nil {
			x.at = make(map[executorKey]int)
		}
		i = len(x.list)
		x.at[key] = i
		x.list = append(x.list, executor{id: t.ExecutorID, agentID: t.AgentID, role: t.Role, networks: t.Networks})
		more = executorResources
	}
	if len(t.ExecutorPorts) > 0 {
		x.list[i].ports = t.ExecutorPorts
		more.Ports = t.ExecutorPorts
	}
	return more
}

// usage are resources in use, by role. /master/state shows the sum, the operator API the
// parts.
type usage []roleUsage

type roleUsage struct {
	role string
	Resources
}

func (u *usage) add(role string, r Resources) {
	for i := range *u {
		if (*u)[i].role == role {
			(*u)[i].add(r)
			return
		}
	}
	first := roleUsage{role: role}
	first.add(r)
	*u = append(*u, first)
}

func (u usage) total() Resources {
	if len(u) == 1 {
		return u[0].Resources
	}
	var r Resources
	for _, part := range u {
		r.add(part.Resources)
	}
	return r
}
