package sim

import (
	"fmt"
	"slices"
)

// MarkUnreachable makes an agent stop answering: it leaves the list of
// agents, and its tasks become TASK_UNREACHABLE, or TASK_LOST for a framework
// without the PARTITION_AWARE capability.
func (c *Cluster) MarkUnreachable(agentID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(agentID)
	if !ok || a.State != AgentRegistered {
		return fmt.Errorf("sim: agent %q is not registered", agentID)
	}
	gone := *a
	gone.State = AgentUnreachable
	c.agents.put(a.ID, &gone)
	for _, f := range c.frameworks.values {
		state := TaskLost
		if f.has("PARTITION_AWARE") {
			state = TaskUnreachable
		}
		for _, t := range slices.Clone(f.tasks.values) {
			if t.AgentID != agentID {
				continue
			}
			lost := *t
			lost.State = state
			lost.Statuses = append(slices.Clone(t.Statuses), Status{State: state, Time: c.now()})
			f.tasks.remove(t.ID)
			f.unreachable.put(t.ID, &lost)
		}
	}
	return nil
}

// Reregister brings an unreachable or recovered agent back, with the tasks
// that ran on it. Nothing of the time between stays in their statuses.
func (c *Cluster) Reregister(agentID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(agentID)
	if !ok || a.State == AgentRegistered {
		return fmt.Errorf("sim: agent %q is not away", agentID)
	}
	back := *a
	back.State = AgentRegistered
	back.Reregistered = c.now()
	c.agents.put(a.ID, &back)
	for _, f := range c.frameworks.values {
		for _, t := range slices.Clone(f.unreachable.values) {
			if t.AgentID == agentID {
				f.unreachable.remove(t.ID)
				f.tasks.put(t.ID, reachable(t))
			}
		}
	}
	return nil
}

// Failover makes a new leader of the cluster, which knows only what the
// registry keeps: agents are recovered until they reregister, frameworks until
// SetConnected, and what has ended is forgotten. A framework is shown once
// one of its agents is back.
func (c *Cluster) Failover() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range slices.Clone(c.agents.values) {
		if a.State != AgentRegistered {
			continue
		}
		recovered := *a
		recovered.State = AgentRecovered
		c.agents.put(a.ID, &recovered)
	}
	for _, f := range c.frameworks.values {
		f.Recovered, f.Disconnected = true, true
		f.completed = nil
	}
	c.completed = nil
}

// reachable undoes what MarkUnreachable did to a task.
func reachable(t *Task) *Task {
	back := *t
	back.Statuses = t.Statuses[:len(t.Statuses)-1]
	back.State = back.Statuses[len(back.Statuses)-1].State
	return &back
}
