package sim

import (
	"net/netip"
	"slices"

	"toponym/sim/marathon"
)

// launcher is a Scheduler as its Marathon knows it.
type launcher Scheduler

// Launch implements marathon.Launcher.
func (n *launcher) Launch(i marathon.Instance) error {
	s := (*Scheduler)(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	atOnce := s.options.Startup <= 0
	app := i.App().ID
	others := func(agentID string) int { return s.spread[spreadKey{app, agentID}] }
	tasks, err := s.cluster.startInstance(s.framework, i, others, atOnce)
	if err != nil {
		nudge(s.wake) // there may be room later
		return err
	}
	l := s.take(i.App(), i.ID, tasks)
	if atOnce {
		s.becomesHealthy(l)
	} else {
		s.plan(s.options.Startup/2, l, (*Scheduler).comeUp)
	}
	return nil
}

// Kill implements marathon.Launcher.
func (n *launcher) Kill(id string) {
	s := (*Scheduler)(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.running[id]; ok {
		s.giveUp(l)
	}
}

// Status implements marathon.Launcher. An instance that was found to have
// ended stays so, even if its agent returns.
func (n *launcher) Status(id string) (marathon.Status, bool) {
	s := (*Scheduler)(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.running[id]
	if !ok {
		return marathon.Status{}, false
	}
	out := marathon.Status{State: TaskRunning, HostPorts: l.ports, Staged: l.staged}
	var results []*bool
	if l.checked {
		results = append(results, l.healthy)
	}
	for i, id := range l.tasks {
		t, ok := s.cluster.Task(s.framework, id)
		if !ok || terminal(t.State) {
			s.giveUp(l) // without one of them a pod is no pod
			return marathon.Status{}, false
		}
		if i == 0 {
			out.AgentID, out.Host = t.AgentID, s.cluster.hostname(t.AgentID)
		}
		if t.State != TaskRunning {
			out.State = t.State
			continue
		}
		last := t.Statuses[len(t.Statuses)-1]
		if t.HealthCheck != nil {
			results = append(results, last.Healthy)
		}
		if last.Time.After(out.Started) {
			out.Started = last.Time
		}
		if i == 0 {
			out.Addresses = addressesOf(last.Container)
		}
	}
	if out.State == TaskRunning {
		out.Healthy = worst(results)
	}
	return out, true
}

// worst is what several results of health checks come to: unhealthy if one is,
// and nothing as long as one is missing.
func worst(results []*bool) *bool {
	var out *bool
	for i, r := range results {
		switch {
		case r != nil && !*r:
			return r
		case r == nil, i == 0:
			out = r
		case out != nil:
			out = r
		}
	}
	return out
}

func addressesOf(c *ContainerStatus) []netip.Addr {
	var out []netip.Addr
	if c == nil {
		return nil
	}
	for _, n := range c.Networks {
		for _, p := range n.Addresses {
			out = append(out, p.Addr())
		}
	}
	return out
}

// giveUp ends an instance, as far as it can be reached.
func (s *Scheduler) giveUp(l *launched) {
	s.drop(l)
	if s.end(l) {
		s.lost[l.id] = l
	}
}

// end kills the tasks of an instance that have not ended. It reports whether
// some of them are on an agent that is away, where no word reaches them.
func (s *Scheduler) end(l *launched) (away bool) {
	l.tasks = slices.DeleteFunc(l.tasks, func(id string) bool {
		switch s.cluster.whereabouts(s.framework, id) {
		case taskThere:
			if s.cluster.KillTask(s.framework, id) == nil { // an error: it has ended
				s.cluster.EndTask(s.framework, id, TaskKilled)
			}
		case taskAway:
			return false
		}
		return true
	})
	return len(l.tasks) > 0
}

// hostname is the agent's, or nothing for one that is not there.
func (c *Cluster) hostname(agentID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.agents.get(agentID); ok {
		return a.Hostname
	}
	return ""
}
