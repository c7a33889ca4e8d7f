package sim

import (
	"fmt"
	"net/netip"
	"slices"
)

// node is what runs on an agent, whatever the agent's state.
type node struct {
	tasks list[taskKey, taskKey]
	held  Resources           // resources of its tasks that have not ended, without ports
	ports map[uint16]struct{} // host ports that its tasks hold
	next  int                 // index of the port where the next search for a free one begins
}

// taskKey identifies a task.
type taskKey struct {
	framework *framework
	id        string
}

// AddAgent registers an agent and returns its id.
func (c *Cluster) AddAgent(a Agent) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !a.Addr.Addr().IsValid() {
		return "", fmt.Errorf("sim: agent %q has no address", a.ID)
	}
	if a.Addr.Port() == 0 {
		a.Addr = netip.AddrPortFrom(a.Addr.Addr(), 5051)
	}
	if a.ID == "" {
		a.ID = fmt.Sprintf("%s-S%d", c.id, c.nextAgent)
	}
	if _, ok := c.agents.get(a.ID); ok {
		return "", fmt.Errorf("sim: agent %q is there already", a.ID)
	}
	a.ordinal = c.nextAgent
	c.nextAgent++
	if n := len(c.ordinals); n > 0 {
		a.ordinal = c.ordinals[n-1]
		c.ordinals = c.ordinals[:n-1]
	}
	if a.Hostname == "" {
		a.Hostname = a.Addr.Addr().String()
	}
	if r := a.Resources; r.CPUs == 0 && r.Mem == 0 && r.Disk == 0 && r.GPUs == 0 && r.Ports == nil {
		a.Resources = Resources{CPUs: 16, Mem: 65536, Disk: 524288, Ports: Ports{{31000, 32000}}}
	}
	if a.Registered.IsZero() {
		a.Registered = c.now()
	}
	c.agents.put(a.ID, &a)
	c.nodes[a.ID] = &node{ports: make(map[uint16]struct{})}
	if a.State == AgentRegistered {
		c.agentAdded(&a)
	}
	return a.ID, nil
}

// RemoveAgent unregisters an agent; its tasks are lost. Subscribers receive
// AGENT_REMOVED in this case alone.
func (c *Cluster) RemoveAgent(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(id)
	if !ok {
		return fmt.Errorf("sim: no agent %q", id)
	}
	c.loseTasks(a, Status{
		State: TaskLost, Reason: "REASON_AGENT_REMOVED",
		Message: fmt.Sprintf("Agent %s removed: the agent unregistered", a.Hostname),
	})
	c.removeAgent(a)
	if a.State == AgentRegistered {
		c.agentRemoved(a)
	}
	return nil
}

// MarkGone removes an agent as the operator call MARK_AGENT_GONE does. Subscribers
// receive updates of its tasks only.
func (c *Cluster) MarkGone(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(id)
	if !ok {
		return fmt.Errorf("sim: no agent %q", id)
	}
	c.loseTasks(a, Status{State: TaskGoneByOperator, Reason: "REASON_AGENT_REMOVED_BY_OPERATOR", Message: "Agent has been marked gone"})
	c.removeAgent(a)
	return nil
}

func (c *Cluster) loseTasks(a *Agent, s Status) {
	for _, p := range slices.Clone(c.nodes[a.ID].tasks.keys) {
		if t, ok := p.lookup(); ok {
			c.end(p.framework, t, s)
		}
	}
}

func (c *Cluster) removeAgent(a *Agent) {
	c.agents.remove(a.ID)
	delete(c.nodes, a.ID)
	c.ordinals = append(c.ordinals, a.ordinal)
	for key := range c.shares {
		if key.agent == a.ID {
			delete(c.shares, key)
		}
	}
}

// SetDeactivated changes whether new tasks may run on an agent. There is no event for
// it, and its tasks continue to run.
func (c *Cluster) SetDeactivated(id string, deactivated bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(id)
	if !ok {
		return fmt.Errorf("sim: no agent %q", id)
	}
	next := *a
	next.Deactivated = deactivated
	c.agents.put(id, &next)
	return nil
}

// Agents returns all agents, in any state.
func (c *Cluster) Agents() []Agent {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Agent
	for _, a := range c.agents.values {
		out = append(out, *a)
	}
	return out
}

// lookup finds a task, reachable or not.
func (p taskKey) lookup() (*Task, bool) {
	if t, ok := p.framework.tasks.get(p.id); ok {
		return t, true
	}
	return p.framework.unreachable.get(p.id)
}
