package sim

import (
	"fmt"
	"slices"
	"strings"
)

// StartTask runs a task at once and returns its id. Its State becomes
// TASK_RUNNING. Subscribers hear of its steps in a row, and the first update
// says that the task runs already, as a master says that is behind.
func (c *Cluster) StartTask(t Task) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start(t)
}

// LaunchTask puts a task on its agent and returns its id. Its State becomes
// TASK_STAGING, it has no status, and AdvanceTask takes it on from there.
func (c *Cluster) LaunchTask(t Task) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Statuses = nil
	_, staged, _, err := c.stage(t)
	if err != nil {
		return "", err
	}
	return staged.ID, nil
}

// AdvanceTask takes a task from TASK_STAGING to TASK_STARTING, and from there
// to TASK_RUNNING. It returns the state that the task is in then, which is
// the one before where there is no next.
func (c *Cluster) AdvanceTask(frameworkID, taskID string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.find(frameworkID, taskID)
	if err != nil {
		return "", err
	}
	a, ok := c.agents.get(t.AgentID)
	if !ok || a.State != AgentRegistered {
		return "", fmt.Errorf("sim: the agent of task %q is away", taskID)
	}
	switch t.State {
	case TaskStaging:
		c.update(f, t, c.firstStatuses(t, a)[0])
		return TaskStarting, nil
	case TaskStarting:
		c.update(f, t, runningStatus(t, a.Addr.Addr(), t.Statuses[len(t.Statuses)-1].Container))
		return TaskRunning, nil
	}
	return t.State, nil
}

func (c *Cluster) start(t Task) (string, error) {
	statuses := t.Statuses
	t.Statuses = nil
	f, staged, a, err := c.stage(t)
	if err != nil {
		return "", err
	}
	if len(statuses) == 0 {
		statuses = c.firstStatuses(staged, a)
	} else {
		statuses = slices.Clone(statuses)
		for i := range statuses {
			if statuses[i].Container != nil {
				statuses[i].uuid = c.updateID()
			}
		}
	}
	running := *staged
	running.State, running.Statuses = TaskRunning, statuses
	f.tasks.put(running.ID, &running)
	for i := range statuses {
		c.taskUpdated(f, &running, &statuses[i])
	}
	return running.ID, nil
}

// stage checks a task, gives it what it lacks, and stores it.
func (c *Cluster) stage(t Task) (*framework, *Task, *Agent, error) {
	f, ok := c.frameworks.get(t.FrameworkID)
	if !ok {
		return nil, nil, nil, fmt.Errorf("sim: task %q: no framework %q", t.Name, t.FrameworkID)
	}
	a, ok := c.agents.get(t.AgentID)
	if !ok || a.State != AgentRegistered {
		return nil, nil, nil, fmt.Errorf("sim: task %q: no agent %q to run on", t.Name, t.AgentID)
	}
	if t.ID == "" {
		t.ID = marathonID(t.Name, c.uuid())
	}
	if _, ok := f.tasks.get(t.ID); ok {
		return nil, nil, nil, fmt.Errorf("sim: task %q is there already", t.ID)
	}
	t.State = TaskStaging
	if t.Role == "" {
		t.Role = f.role()
	}
	if port, taken := c.nodes[a.ID].taken(&t); taken {
		return nil, nil, nil, fmt.Errorf("sim: task %q: port %d of agent %q is taken", t.Name, port, a.ID)
	}
	networks, err := c.assign(t.Networks, a)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("sim: task %q: %w", t.Name, err)
	}
	shuffle(c.updates, networks) // Mesos does not keep the order of the request
	t.Networks = networks
	c.hold(&t)
	f.tasks.put(t.ID, &t)
	key := placed{f, t.ID}
	c.nodes[a.ID].tasks.put(key, &key)
	c.show(f)
	c.taskAdded(f, &t)
	return f, &t, a, nil
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
