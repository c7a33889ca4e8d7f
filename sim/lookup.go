package sim

import "math/rand/v2"

// whereabouts is where a task is.
type whereabouts uint8

const (
	taskGone  whereabouts = iota
	taskThere             // on an agent that the leader knows
	taskAway              // on one that is unreachable, or only recovered
)

func (c *Cluster) whereabouts(frameworkID, taskID string) whereabouts {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(frameworkID)
	if !ok {
		return taskGone
	}
	if t, ok := f.tasks.get(taskID); ok {
		if a, ok := c.agents.get(t.AgentID); ok && a.State == AgentRegistered {
			return taskThere
		}
		return taskAway
	}
	if _, ok := f.unreachable.get(taskID); ok {
		return taskAway
	}
	return taskGone
}

// anyAgent draws an agent in the given state. It tries a few times only, so
// that a cluster without any costs little.
func (c *Cluster) anyAgent(rng *rand.Rand, state AgentState) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.agents.values)
	if n == 0 {
		return "", false
	}
	for range 20 {
		if a := c.agents.values[rng.IntN(n)]; a.State == state && !a.Deactivated {
			return a.ID, true
		}
	}
	return "", false
}
