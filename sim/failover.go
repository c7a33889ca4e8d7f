package sim

import (
	"fmt"
	"slices"
)

// MarkUnreachable makes an agent stop responding: it leaves the list of agents, and its
// tasks become TASK_UNREACHABLE, or TASK_LOST if their framework lacks the capability
// PARTITION_AWARE. Tasks of a framework that does not checkpoint either have ended.
// Subscribers receive updates of the tasks only.
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

// Reregister brings an unreachable or recovered agent back with its tasks, whose statuses
// show nothing of the absence. Tasks of known frameworks are events before that of the
// agent, and tasks of other frameworks after it.
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

// showWithTasks makes a framework known through its tasks on an agent.
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

// Failover gives the cluster a new leader, which knows only the registry: agents are
// recovered until Reregister, frameworks until SetConnected, and ended tasks and
// frameworks are forgotten. A framework is shown once one of its agents is back. The
// streams of the old leader break.
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

// restored undoes what MarkUnreachable did to a task.
func restored(t *Task) *Task {
	back := *t
	back.Statuses = slices.Clip(t.Statuses[:len(t.Statuses)-1])
	back.State = TaskStaging
	if n := len(back.Statuses); n > 0 {
		back.State = back.Statuses[n-1].State
	}
	return &back
}
