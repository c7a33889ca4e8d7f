package sim

import (
	"io"
	"math/rand/v2"
	"slices"
)

// snapshot is what one answer shows. It shares the cluster's values, which
// never change, and so costs a few words per task.
type snapshot struct {
	name       string
	agents     []*Agent
	used       map[string]Resources // by agent
	frameworks []view
	completed  []view
}

// view is a framework with the tasks that the master shows.
type view struct {
	*Framework
	tasks, unreachable, completed []*Task
	executors                     []executor
	used                          Resources
}

// executor runs the tasks of a pod.
type executor struct{ id, agentID, role string }

// executorResources is what Marathon adds to a pod for its executor.
var executorResources = Resources{CPUs: 0.1, Mem: 32, Disk: 10}

// snapshot takes the present state. Agents, frameworks and tasks change their
// order from one to the next, as they do in Mesos.
func (c *Cluster) snapshot() *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &snapshot{name: c.name, agents: slices.Clone(c.agents.values), used: make(map[string]Resources)}
	for _, f := range c.frameworks.values {
		if v := c.view(f); !f.Recovered || len(v.tasks) > 0 {
			s.frameworks = append(s.frameworks, v)
		}
	}
	for _, f := range c.completed {
		s.completed = append(s.completed, c.view(f))
	}
	for _, v := range s.frameworks {
		for _, t := range v.tasks {
			s.used[t.AgentID] = s.used[t.AgentID].plus(t.Resources)
		}
		for _, x := range v.executors {
			s.used[x.agentID] = s.used[x.agentID].plus(executorResources)
		}
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

func (c *Cluster) view(f *framework) view {
	info := f.Framework
	v := view{Framework: &info, completed: slices.Clone(f.completed)}
	seen := make(map[executor]bool)
	for _, t := range f.tasks.values {
		if a, ok := c.agents.get(t.AgentID); !ok || a.State != AgentRegistered {
			continue
		}
		v.tasks = append(v.tasks, t)
		v.used = v.used.plus(t.Resources)
		if x := (executor{t.ExecutorID, t.AgentID, t.Role}); x.id != "" && !seen[x] {
			seen[x] = true
			v.executors = append(v.executors, x)
			v.used = v.used.plus(executorResources)
		}
	}
	if !f.Recovered { // a new leader does not know what ran on agents lost before
		v.unreachable = slices.Clone(f.unreachable.values)
	}
	return v
}

func shuffle[T any](rng *rand.Rand, s []T) {
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func (c *Cluster) state() body { return c.snapshot() }

// size writes the state to nowhere: that takes time, but no memory.
func (s *snapshot) size(id identity) int64 {
	var n countingWriter
	s.writeState(&n, id) // a countingWriter does not fail
	return int64(n)
}

// writeState writes the body of /master/state.
func (s *snapshot) writeState(w io.Writer, id identity) error {
	e := newEncoder(w)
	var n counts
	for _, a := range s.agents {
		switch a.State {
		case AgentRegistered:
			n.active++
		case AgentUnreachable:
			n.unreachable++
		}
	}
	e.open('{')
	e.head(id, s.name, n)
	e.openKey("slaves", '[')
	for _, a := range s.agents {
		if a.State == AgentRegistered {
			e.agent(a, s.used[a.ID])
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
