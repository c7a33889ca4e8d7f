package sim

import (
	"errors"
	"fmt"
	"slices"

	"toponym/sim/marathon"
)

// startInstance puts the tasks of an instance on an agent that has room for
// them: the one with the fewest others of its kind, and of these the one with
// the fewest tasks. With atOnce they run, else they are in TASK_STAGING. An
// error says that nothing of it was started.
func (c *Cluster) startInstance(frameworkID string, i marathon.Instance, others func(agentID string) int, atOnce bool) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(frameworkID)
	if !ok {
		return nil, fmt.Errorf("sim: no framework %q", frameworkID)
	}
	if f.Disconnected || f.Recovered {
		return nil, fmt.Errorf("sim: the scheduler of framework %q is away", f.Name)
	}
	needs := i.Needs()
	agent, ok := c.room(needs, others)
	if !ok {
		return nil, errors.New("sim: no agent has room")
	}
	ports, err := c.takePorts(agent, needs.HostPorts)
	if err != nil {
		return nil, err
	}
	list, err := i.Tasks(ports)
	if err != nil {
		return nil, err
	}
	var first *Task
	var ids []string
	for _, mt := range list {
		t := FromMarathon(mt)
		t.FrameworkID, t.AgentID = frameworkID, agent.ID
		c.knowNetworks(t.Networks)
		if first != nil { // what belongs to their executor is the same
			t.Networks, t.parent = first.Networks, first.parent
		} else if t.ExecutorID != "" {
			t.parent = c.uuid()
		}
		if first, err = c.startOrStage(t, atOnce); err != nil {
			for _, id := range ids {
				if t, ok := f.tasks.get(id); ok {
					c.end(f, t, terminalStatus(t, TaskKilled))
				}
			}
			return nil, err
		}
		ids = append(ids, first.ID)
	}
	return ids, nil
}

func (c *Cluster) startOrStage(t Task, atOnce bool) (*Task, error) {
	if !atOnce {
		_, staged, _, err := c.stage(t)
		return staged, err
	}
	id, err := c.start(t)
	if err != nil {
		return nil, err
	}
	_, started, err := c.find(t.FrameworkID, id)
	return started, err
}

// room finds the agent for startInstance.
func (c *Cluster) room(n marathon.Needs, others func(agentID string) int) (*Agent, bool) {
	var best *Agent
	var fewest [2]int
	for _, a := range c.agents.values {
		if a.State != AgentRegistered || a.Deactivated {
			continue
		}
		there := [2]int{others(a.ID), len(c.nodes[a.ID].tasks.keys)}
		if (best == nil || slices.Compare(there[:], fewest[:]) < 0) && c.fits(a, n) {
			best, fewest = a, there
		}
	}
	return best, best != nil
}

// fits reports whether an agent has room. Sums of fractions may be off by the
// least bit, which must not keep a task away.
func (c *Cluster) fits(a *Agent, n marathon.Needs) bool {
	const least = 1e-6
	free := c.freeScalars(a)
	if free.CPUs+least < n.CPUs || free.Mem+least < n.Mem || free.Disk+least < n.Disk || free.GPUs+least < float64(n.GPUs) {
		return false
	}
	ranges, held := a.Resources.Ports.merged(), c.nodes[a.ID].ports
	total := 0
	for _, r := range ranges {
		total += int(r.Last) - int(r.First) + 1
	}
	if total-len(held) < len(n.HostPorts) {
		return false
	}
	for _, p := range n.HostPorts {
		if p == 0 {
			continue
		}
		offered := slices.ContainsFunc(ranges, func(r PortRange) bool { return r.First <= p && p <= r.Last })
		if _, taken := held[p]; taken || !offered {
			return false
		}
	}
	return true
}

// takePorts gives a number to each port that is 0. The agent has to fit.
func (c *Cluster) takePorts(a *Agent, wanted []uint16) ([]uint16, error) {
	out := slices.Clone(wanted)
	for i := range out {
		for out[i] == 0 {
			next, err := c.freePorts(a.ID, 1)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(out, next[0]) { // the definition names it
				out[i] = next[0]
			}
		}
	}
	return out, nil
}

// knowNetworks makes up networks that nobody has described.
func (c *Cluster) knowNetworks(list []NetworkInfo) {
	for _, n := range list {
		if _, ok := c.networks[n.Name]; !ok {
			c.networks[n.Name] = ExampleNetwork(n.Name, c.unknown)
			c.unknown++
		}
	}
}

// tellSchedulers lets schedulers know that something of a framework ended or
// came back, or with nil that an agent is there. They are called with the
// lock held: all that they may do is make a note of it.
func (c *Cluster) tellSchedulers(f *framework) {
	for _, tell := range c.schedulers {
		tell(f)
	}
}
