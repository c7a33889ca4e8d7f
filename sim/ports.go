package sim

import (
	"fmt"
	"iter"
	"slices"
)

// FreePorts gives n host ports of an agent that no task holds. It walks
// through the agent's ranges in a circle, so that a port comes back as late as
// possible. The ports are held only once a task that has them is started.
func (c *Cluster) FreePorts(agentID string, n int) ([]uint16, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.freePorts(agentID, n)
}

func (c *Cluster) freePorts(agentID string, n int) ([]uint16, error) {
	a, ok := c.agents.get(agentID)
	if !ok || a.State != AgentRegistered {
		return nil, fmt.Errorf("sim: no agent %q to take ports from", agentID)
	}
	node := c.nodes[agentID]
	ranges := a.Resources.Ports.merged()
	total := 0
	for _, r := range ranges {
		total += int(r.Last) - int(r.First) + 1
	}
	var out []uint16
	for range total {
		if len(out) == n {
			break
		}
		port := nth(ranges, node.next%total)
		node.next = (node.next + 1) % total
		if _, held := node.ports[port]; !held {
			out = append(out, port)
		}
	}
	if len(out) < n {
		return nil, fmt.Errorf("sim: agent %q has %d ports left, and not %d", agentID, len(out), n)
	}
	return out, nil
}

// nth gives a port by its place in the ranges, which has to be below their
// number of ports.
func nth(ranges Ports, place int) uint16 {
	for _, r := range ranges {
		size := int(r.Last) - int(r.First) + 1
		if place < size {
			return r.First + uint16(place)
		}
		place -= size
	}
	return 0
}

// taken finds a port that another task of the agent has.
func (c *Cluster) taken(a *Agent, t *Task) (uint16, bool) {
	held := c.nodes[a.ID].ports
	for port := range t.hostPorts() {
		if _, ok := held[port]; ok {
			return port, true
		}
	}
	return 0, false
}

// hostPorts are those of the task, and of its executor.
func (t *Task) hostPorts() iter.Seq[uint16] {
	if len(t.ExecutorPorts) == 0 {
		return t.Resources.Ports.all()
	}
	return slices.Concat(t.Resources.Ports, t.ExecutorPorts).all()
}
