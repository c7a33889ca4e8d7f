package sim

import (
	"fmt"
	"slices"
)

// MarkUnreachable makes an agent stop answering: it leaves the list of
// agents, and its tasks become TASK_UNREACHABLE, or TASK_LOST for a framework
// without the PARTITION_AWARE capability. Those of a framework that does not
// checkpoint either are over with that. Subscribers hear of the tasks only.
func (c *Cluster) MarkUnreachable(agentID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(agentID)
	if !ok || a.State != AgentRegistered {
		return fmt.Errorf("sim: agent %q is not registered", agentID)
	}
	for _, p := range slices.Clone(c.nodes[agentID].tasks.keys) {
		f := p.framework
		t, ok := f.tasks.get(p.id)
		if !ok || Terminal(t.State) {
			continue
		}
		lost := Status{State: TaskUnreachable, Reason: "REASON_AGENT_REMOVED", Message: "health check timed out"}
		if !f.has("PARTITION_AWARE") {
			lost.State = TaskLost
			if !f.Checkpoint {
				lost.Reason, lost.Message = "REASON_AGENT_DISCONNECTED", fmt.Sprintf("Agent %s disconnected", a.Hostname)
				c.end(f, t, lost)
				continue
			}
		}
		away := c.update(f, t, lost)
		f.tasks.remove(t.ID)
		f.unreachable.put(t.ID, away)
	}
	gone := *a
	gone.State = AgentUnreachable
	c.agents.put(a.ID, &gone)
	return nil
}

// Reregister brings an unreachable or recovered agent back, with the tasks
// that ran on it. Nothing of the time between stays in their statuses.
// Subscribers hear of the tasks of frameworks that are known before they hear
// of the agent, and of the others after.
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
	node := c.nodes[agentID]
	for _, p := range node.tasks.keys {
		if t, ok := p.framework.unreachable.get(p.id); ok {
			p.framework.unreachable.remove(p.id)
			if Terminal(t.State) { // it was lost, and holds its resources again
				node.held.add(t.Resources.scalars(1))
			}
			p.framework.tasks.put(p.id, restored(t))
		}
		if p.framework.shown {
			c.taskReturned(p)
		}
	}
	c.agentAdded(&back)
	for _, p := range node.tasks.keys {
		if !p.framework.shown {
			c.showWithTasks(p.framework, agentID)
		}
	}
	return nil
}

// learnOf makes a framework known by its tasks on an agent.
func (c *Cluster) showWithTasks(f *framework, agentID string) {
	c.showFramework(f)
	for _, p := range c.nodes[agentID].tasks.keys {
		if p.framework == f {
			c.taskReturned(p)
		}
	}
}

func (c *Cluster) taskReturned(p taskKey) {
	if t, ok := p.framework.tasks.get(p.id); ok {
		c.taskAdded(p.framework, t)
	}
}

// Failover makes a new leader of the cluster, which knows only what the
// registry keeps: agents are recovered until they reregister, frameworks until
// SetConnected, and what has ended is forgotten. A framework is shown once
// one of its agents is back. The streams of the old leader break.
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
		f.Recovered, f.Disconnected, f.shown = true, true, false
		f.completed = nil
	}
	c.completed = nil
	c.feed.breakAll()
}

// reachable undoes what MarkUnreachable did to a task.
func restored(t *Task) *Task {
	back := *t
	back.Statuses = slices.Clip(t.Statuses[:len(t.Statuses)-1])
	back.State = TaskStaging
	if n := len(back.Statuses); n > 0 {
		back.State = back.Statuses[n-1].State
	}
	return &back
}
