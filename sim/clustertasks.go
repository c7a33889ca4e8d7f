package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// startup lies between a task's TASK_STARTING and its TASK_RUNNING.
const startup = 250 * time.Millisecond

// StartTask runs a task at once and returns its id. Its State becomes
// TASK_RUNNING.
func (c *Cluster) StartTask(t Task) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start(t)
}

func (c *Cluster) start(t Task) (string, error) {
	f, ok := c.frameworks.get(t.FrameworkID)
	if !ok {
		return "", fmt.Errorf("sim: task %q: no framework %q", t.Name, t.FrameworkID)
	}
	a, ok := c.agents.get(t.AgentID)
	if !ok || a.State != AgentRegistered {
		return "", fmt.Errorf("sim: task %q: no agent %q to run on", t.Name, t.AgentID)
	}
	if t.ID == "" {
		t.ID = marathonID(t.Name, c.uuid())
	}
	if _, ok := f.tasks.get(t.ID); ok {
		return "", fmt.Errorf("sim: task %q is there already", t.ID)
	}
	t.State = TaskRunning
	if t.Role == "" {
		t.Role = f.role()
	}
	networks, err := c.assign(t.Networks, a)
	if err != nil {
		return "", fmt.Errorf("sim: task %q: %w", t.Name, err)
	}
	t.Networks = networks
	if len(t.Statuses) == 0 {
		container, parent := c.uuid(), ""
		if t.ExecutorID != "" {
			parent = c.uuid()
		}
		t.Statuses = firstStatuses(&t, a.Addr.Addr(), container, parent, c.now())
	}
	c.hold(&t, 1)
	f.tasks.put(t.ID, &t)
	return t.ID, nil
}

// firstStatuses writes the two statuses of a task that came up at now. A
// Docker container gets its own address only once it runs, so TASK_STARTING
// shows the agent's; and it has the label that older Mesos relied on.
func firstStatuses(t *Task, agent netip.Addr, container, parent string, now time.Time) []Status {
	host := []NetworkInfo{{Addresses: []netip.Prefix{hostPrefix(agent)}}}
	networks := t.Networks
	if len(networks) == 0 {
		networks = host
	}
	docker := t.Container != nil && t.Container.Docker != nil
	starting := Status{State: TaskStarting, Time: now.Add(-startup)}
	starting.Container = &ContainerStatus{ID: container, ParentID: parent, Networks: networks}
	running := Status{State: TaskRunning, Time: now, Container: starting.Container}
	switch {
	case docker:
		starting.Container = &ContainerStatus{ID: container, ParentID: parent, Networks: host}
		if len(t.Networks) > 0 {
			ip := t.Networks[0].Addresses[0].Addr().String()
			running.Labels = []Label{{Key: "Docker.NetworkSettings.IPAddress", Value: ip}}
		}
	case parent != "": // a pod's network is not there yet
		starting.Container = &ContainerStatus{ID: container, ParentID: parent}
	}
	return []Status{starting, running}
}

// EndTask ends a task with a terminal state such as TaskFinished.
func (c *Cluster) EndTask(frameworkID, taskID, state string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.find(frameworkID, taskID)
	if err != nil {
		return err
	}
	c.end(f, t, state)
	return nil
}

// MoveTask kills an instance and starts another of the same shape on agentID.
// The new one has an id of its own, and a fresh address on each network that
// AddNetwork has made known; others, such as Docker's bridge, repeat their
// addresses on every agent. It returns the new id. After an error the old
// instance is still there.
func (c *Cluster) MoveTask(frameworkID, taskID, agentID string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, old, err := c.find(frameworkID, taskID)
	if err != nil {
		return "", err
	}
	next := *old
	next.ID, next.AgentID, next.Statuses = "", agentID, nil
	next.Networks = slices.Clone(old.Networks)
	for i, n := range next.Networks {
		if _, ok := c.networks[n.Name]; ok {
			next.Networks[i].Addresses = nil
		}
	}
	id, err := c.start(next)
	if err != nil {
		return "", err
	}
	c.end(f, old, TaskKilled)
	return id, nil
}

// SetHealth adds the result of a health check. The status repeats the state
// of the last one, and as in Mesos takes its place.
func (c *Cluster) SetHealth(frameworkID, taskID string, healthy bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.find(frameworkID, taskID)
	if err != nil {
		return err
	}
	last := t.Statuses[len(t.Statuses)-1]
	last.Healthy, last.Time = &healthy, c.now()
	next := *t
	next.Statuses = append(slices.Clone(t.Statuses[:len(t.Statuses)-1]), last)
	f.tasks.put(t.ID, &next)
	return nil
}

// Tasks gives the tasks that have not ended and whose agent is reachable.
func (c *Cluster) Tasks() []Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Task
	for _, f := range c.frameworks.values {
		for _, t := range f.tasks.values {
			out = append(out, *t)
		}
	}
	return out
}

func (c *Cluster) find(frameworkID, taskID string) (*framework, *Task, error) {
	f, ok := c.frameworks.get(frameworkID)
	if !ok {
		return nil, nil, fmt.Errorf("sim: no framework %q", frameworkID)
	}
	t, ok := f.tasks.get(taskID)
	if !ok {
		return nil, nil, fmt.Errorf("sim: framework %q has no task %q", frameworkID, taskID)
	}
	return f, t, nil
}

// end moves a task to the completed ones, of which the oldest are forgotten.
func (c *Cluster) end(f *framework, t *Task, state string) {
	f.tasks.remove(t.ID)
	f.unreachable.remove(t.ID)
	c.hold(t, -1)
	done := *t
	done.State = state
	status := Status{State: state, Time: c.now()}
	if state != TaskLost && len(t.Statuses) > 0 { // what the master says itself has no container
		status.Container = t.Statuses[len(t.Statuses)-1].Container
	}
	done.Statuses = append(slices.Clone(t.Statuses), status)
	if len(f.completed) == maxCompleted {
		f.completed = f.completed[1:]
	}
	f.completed = append(f.completed, &done)
}

// marathonID is the id that Marathon gives an instance of an app whose task is
// called name: "cart.shop" is the app /shop/cart, its ids begin "shop_cart".
func marathonID(name, uuid string) string {
	return marathonIDName(name) + ".instance-" + uuid + "._app.1"
}

func marathonIDName(name string) string {
	parts := strings.Split(name, ".")
	slices.Reverse(parts)
	return strings.Join(parts, "_")
}
