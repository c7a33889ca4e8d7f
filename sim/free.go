package sim

import "fmt"

// Free is what is left on an agent, for a scheduler that looks for room. The
// cluster itself keeps tasks from sharing a port, and lets them share the rest.
func (c *Cluster) Free(agentID string) (Resources, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(agentID)
	if !ok || a.State != AgentRegistered {
		return Resources{}, fmt.Errorf("sim: no agent %q to run on", agentID)
	}
	node := c.nodes[agentID]
	free := c.freeScalars(a)
	for port := range a.Resources.Ports.merged().all() {
		if _, held := node.ports[port]; held {
			continue
		}
		if n := len(free.Ports); n > 0 && free.Ports[n-1].Last+1 == port {
			free.Ports[n-1].Last = port
		} else {
			free.Ports = append(free.Ports, PortRange{port, port})
		}
	}
	return free, nil
}

// freeScalars is what is left without looking at the ports.
func (c *Cluster) freeScalars(a *Agent) Resources {
	free := a.Resources
	free.Ports = nil
	for _, p := range c.nodes[a.ID].tasks.keys {
		t, ok := p.task()
		if !ok || terminal(t.State) {
			continue
		}
		free.CPUs -= t.Resources.CPUs
		free.Mem -= t.Resources.Mem
		free.Disk -= t.Resources.Disk
		free.GPUs -= t.Resources.GPUs
	}
	return free
}
