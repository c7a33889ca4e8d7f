package sim

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
)

// Instance is what LaunchInstance starts: the tasks of one instance of an app or
// a pod, which run on one agent.
type Instance struct {
	FrameworkID string
	Needs       Resources // its Ports are not looked at
	HostPorts   []uint16  // one for each host port; 0 is any port
	// AgentID is the agent to run on. When empty, the agent with room that has
	// the lowest Others is chosen, and among those the one with the fewest tasks.
	AgentID string
	NotOn   string         // an agent that is not chosen
	Others  map[string]int // number of other instances of the app, by agent
	Running bool           // the tasks are in TASK_RUNNING at once, else in TASK_STAGING
	// Tasks returns the tasks, with a number for each of HostPorts.
	Tasks func(hostPorts []uint16) ([]Task, error)
}

// LaunchInstance starts the tasks of an instance and returns their ids. After an
// error nothing of the instance runs.
func (c *Cluster) LaunchInstance(i Instance) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(i.FrameworkID)
	if !ok {
		return nil, fmt.Errorf("sim: no framework %q", i.FrameworkID)
	}
	if f.Disconnected || f.Recovered {
		return nil, fmt.Errorf("sim: the scheduler of framework %q is away", f.Name)
	}
	agent, err := c.choose(&i)
	if err != nil {
		return nil, err
	}
	ports, err := c.numberPorts(agent, i.HostPorts)
	if err != nil {
		return nil, err
	}
	tasks, err := i.Tasks(ports)
	if err != nil {
		return nil, err
	}
	var first *Task
	var ids []string
	for _, t := range tasks {
		t.FrameworkID, t.AgentID = i.FrameworkID, agent.ID
		c.describeNetworks(t.Networks)
		if first != nil { // the tasks of a pod share what their executor has
			t.Networks, t.parent = first.Networks, first.parent
		} else if t.ExecutorID != "" {
			t.parent = c.uuid()
		}
		started, err := c.startOrStage(t, i.Running)
		if err != nil {
			for _, id := range ids {
				if t, ok := f.tasks.get(id); ok {
					c.end(f, t, terminalStatus(t, TaskKilled))
				}
			}
			return nil, err
		}
		if first == nil {
			first = started
		}
		ids = append(ids, started.ID)
	}
	return ids, nil
}

func (c *Cluster) startOrStage(t Task, running bool) (*Task, error) {
	if !running {
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

// choose finds the agent of an instance.
func (c *Cluster) choose(i *Instance) (*Agent, error) {
	if i.AgentID != "" {
		a, ok := c.agents.get(i.AgentID)
		if !ok || a.State != AgentRegistered {
			return nil, fmt.Errorf("sim: no agent %q to run on", i.AgentID)
		}
		return a, nil
	}
	var best *Agent
	var fewest [2]int
	for _, a := range c.agents.values {
		if a.State != AgentRegistered || a.Deactivated || a.ID == i.NotOn {
			continue
		}
		load := [2]int{i.Others[a.ID]}
		if best != nil && load[0] > fewest[0] {
			continue
		}
		n := c.nodes[a.ID]
		load[1] = len(n.tasks.keys)
		if (best == nil || slices.Compare(load[:], fewest[:]) < 0) && n.fits(a, i) {
			best, fewest = a, load
		}
	}
	if best == nil {
		return nil, errors.New("sim: no agent has room")
	}
	return best, nil
}

// fits reports whether an agent has room for an instance. Sums of fractions have
// rounding errors, which must not keep an instance away.
func (n *node) fits(a *Agent, i *Instance) bool {
	const rounding = 1e-6
	need, total := i.Needs, a.Resources
	if n.held.CPUs+need.CPUs > total.CPUs+rounding || n.held.Mem+need.Mem > total.Mem+rounding ||
		n.held.Disk+need.Disk > total.Disk+rounding || n.held.GPUs+need.GPUs > total.GPUs+rounding {
		return false
	}
	ranges := total.Ports.merged()
	if ranges.len()-len(n.ports) < len(i.HostPorts) {
		return false
	}
	for _, p := range i.HostPorts {
		if p == 0 {
			continue
		}
		offered := slices.ContainsFunc(ranges, func(r PortRange) bool { return r.First <= p && p <= r.Last })
		if _, taken := n.ports[p]; taken || !offered {
			return false
		}
	}
	return true
}

// numberPorts gives a number to each port that is 0.
func (c *Cluster) numberPorts(a *Agent, wanted []uint16) ([]uint16, error) {
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

// describeNetworks makes up the networks that nobody has described.
func (c *Cluster) describeNetworks(list []NetworkInfo) {
	for _, n := range list {
		if _, ok := c.networks[n.Name]; !ok {
			c.networks[n.Name] = ExampleNetwork(n.Name, c.unknown)
			c.unknown++
		}
	}
}

// FreePorts returns n host ports of an agent that no task holds. It walks
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
	total := ranges.len()
	var out []uint16
	for range total {
		if len(out) == n {
			break
		}
		port := ranges.at(node.next % total)
		node.next = (node.next + 1) % total
		if _, held := node.ports[port]; !held {
			out = append(out, port)
		}
	}
	if len(out) < n {
		return nil, fmt.Errorf("sim: agent %q has %d free ports, not %d", agentID, len(out), n)
	}
	return out, nil
}

// taken finds a port of a task that another task of the agent holds.
func (n *node) taken(t *Task) (uint16, bool) {
	for port := range t.HostPorts() {
		if _, ok := n.ports[port]; ok {
			return port, true
		}
	}
	return 0, false
}

// hold counts the resources, addresses and ports of a task as used.
func (c *Cluster) hold(t *Task) {
	for _, n := range t.Networks {
		for _, p := range n.Addresses {
			c.inUse[c.addressKey(n.Name, t.AgentID, p.Addr())]++
		}
	}
	if n, ok := c.nodes[t.AgentID]; ok {
		n.held.add(t.Resources.scalars(1))
		for port := range t.HostPorts() {
			n.ports[port] = struct{}{}
		}
	}
}

// release gives back what a task held.
func (c *Cluster) release(t *Task) {
	for _, n := range t.Networks {
		for _, p := range n.Addresses {
			key := c.addressKey(n.Name, t.AgentID, p.Addr())
			if c.inUse[key]--; c.inUse[key] <= 0 {
				delete(c.inUse, key)
			}
		}
	}
	if n, ok := c.nodes[t.AgentID]; ok {
		if !Terminal(t.State) { // else update has given them back
			n.held.add(t.Resources.scalars(-1))
		}
		for port := range t.HostPorts() {
			delete(n.ports, port)
		}
	}
}

// HostPorts iterates over the host ports of the task and of its executor.
func (t *Task) HostPorts() iter.Seq[uint16] {
	if len(t.ExecutorPorts) == 0 {
		return t.Resources.Ports.all()
	}
	return slices.Concat(t.Resources.Ports, t.ExecutorPorts).all()
}

// Presence says where a task is.
type Presence uint8

// The values of Presence.
const (
	TaskEnded   Presence = iota
	TaskPresent          // on an agent that the leader knows
	TaskAway             // on an agent that is unreachable, or only recovered
)

// Presence returns where a task is.
func (c *Cluster) Presence(frameworkID, taskID string) Presence {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(frameworkID)
	if !ok {
		return TaskEnded
	}
	if t, ok := f.tasks.get(taskID); ok {
		if a, ok := c.agents.get(t.AgentID); ok && a.State == AgentRegistered {
			return TaskPresent
		}
		return TaskAway
	}
	if _, ok := f.unreachable.get(taskID); ok {
		return TaskAway
	}
	return TaskEnded
}

// RandomAgent draws a registered agent. It tries a few times only, so that a
// cluster without any costs little.
func (c *Cluster) RandomAgent(rng *rand.Rand) (id string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.agents.values)
	if n == 0 {
		return "", false
	}
	for range 20 {
		if a := c.agents.values[rng.IntN(n)]; a.State == AgentRegistered && !a.Deactivated {
			return a.ID, true
		}
	}
	return "", false
}

// Agent returns an agent, if it is there.
func (c *Cluster) Agent(id string) (Agent, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agents.get(id)
	if !ok {
		return Agent{}, false
	}
	return *a, true
}

// SchedulerNews is what the scheduler of a framework hears: a task that was
// launched (Status nil), a status update, or neither when an agent or the
// scheduler itself has come back and there may be room.
type SchedulerNews struct {
	Task   *Task
	Status *Status
}

// listener is a scheduler that hears of its tasks.
type listener struct {
	frameworkID string
	hear        func(SchedulerNews)
}

// Listen calls hear with everything that the scheduler of a framework learns.
// The cluster is locked meanwhile, so hear must return at once and must not call
// the cluster.
func (c *Cluster) Listen(frameworkID string, hear func(SchedulerNews)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners = append(c.listeners, listener{frameworkID, hear})
}

// tell passes news to the scheduler of a framework, or with an empty id to all
// schedulers.
func (c *Cluster) tell(frameworkID string, n SchedulerNews) {
	for _, l := range c.listeners {
		if frameworkID == "" || l.frameworkID == frameworkID {
			l.hear(n)
		}
	}
}
