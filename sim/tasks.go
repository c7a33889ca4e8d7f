package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// StartTask runs a task at once and returns its id. Its State becomes TASK_RUNNING.
// Subscribers receive all of its updates in a row, and already the first one has the
// state TASK_RUNNING, as with a master that lags behind.
func (c *Cluster) StartTask(t Task) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start(t)
}

// LaunchTask puts a task on its agent and returns its id. Its State becomes
// TASK_STAGING, it has no status, and AdvanceTask takes it further.
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

// AdvanceTask takes a task from TASK_STAGING to TASK_STARTING, and from there to
// TASK_RUNNING. It returns the new state; a task in any other state keeps it.
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

// stage checks a task, fills in what is missing, and stores it.
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
	key := taskKey{f, t.ID}
	c.nodes[a.ID].tasks.put(key, &key)
	c.showFramework(f)
	c.taskAdded(f, &t)
	return f, &t, a, nil
}

// marathonID returns an id as Marathon gives it to an instance of an app whose tasks
// are called name: ids of "cart.shop", the app /shop/cart, begin with "shop_cart".
func marathonID(name, uuid string) string {
	return marathonIDName(name) + ".instance-" + uuid + "._app.1"
}

func marathonIDName(name string) string {
	parts := strings.Split(name, ".")
	slices.Reverse(parts)
	return strings.Join(parts, "_")
}

// EndTask ends a task with a terminal state such as TaskFinished, but not TaskError:
// a task that a master refuses is never shown.
func (c *Cluster) EndTask(frameworkID, taskID, state string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.ending(frameworkID, taskID, state)
	if err != nil {
		return err
	}
	c.end(f, t, terminalStatus(t, state))
	return nil
}

// FinishTask is EndTask for a scheduler that does not acknowledge the update: the task
// stays in the list of tasks with its terminal state. When its framework is torn down,
// the update has the status TASK_KILLED beside that state.
func (c *Cluster) FinishTask(frameworkID, taskID, state string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.ending(frameworkID, taskID, state)
	if err != nil {
		return err
	}
	c.update(f, t, terminalStatus(t, state))
	return nil
}

// ending finds a task that is to end with a state.
func (c *Cluster) ending(frameworkID, taskID, state string) (*framework, *Task, error) {
	f, t, err := c.find(frameworkID, taskID)
	if err == nil && (!Terminal(state) || state == TaskError) {
		err = fmt.Errorf("sim: no task that was seen ends in %q", state)
	}
	return f, t, err
}

// KillTask requests the end of a task: its state becomes TASK_KILLING if its framework
// has that capability. EndTask ends it.
func (c *Cluster) KillTask(frameworkID, taskID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.find(frameworkID, taskID)
	if err != nil {
		return err
	}
	if Terminal(t.State) {
		return fmt.Errorf("sim: task %q has ended in %s", taskID, t.State)
	}
	c.killing(f, t)
	return nil
}

func (c *Cluster) killing(f *framework, t *Task) *Task {
	if !f.has("TASK_KILLING_STATE") || len(t.Statuses) == 0 {
		return t
	}
	return c.update(f, t, Status{State: TaskKilling, Container: t.Statuses[len(t.Statuses)-1].Container})
}

// SetHealth adds the result of a health check. The status repeats the state of the last
// one and replaces it, as in Mesos. Every result is an event, even without a change.
func (c *Cluster) SetHealth(frameworkID, taskID string, healthy bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.find(frameworkID, taskID)
	if err != nil {
		return err
	}
	if t.State != TaskRunning {
		return fmt.Errorf("sim: task %q is in %s: only running tasks have health checks", taskID, t.State)
	}
	last := t.Statuses[len(t.Statuses)-1]
	last.Healthy, last.Reason, last.Message = &healthy, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED", ""
	c.update(f, t, last)
	return nil
}

// Tasks returns the tasks that have not ended and whose agent is reachable.
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

// Task returns one of them, if it is there.
func (c *Cluster) Task(frameworkID, taskID string) (Task, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, t, err := c.find(frameworkID, taskID)
	if err != nil {
		return Task{}, false
	}
	return *t, true
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

// update stores a task with one more status, which replaces the last one if the state
// is the same.
func (c *Cluster) update(f *framework, t *Task, s Status) *Task {
	next := c.withStatus(t, s)
	if n, ok := c.nodes[t.AgentID]; ok && Terminal(s.State) && !Terminal(t.State) {
		n.held.add(t.Resources.scalars(-1))
	}
	f.tasks.put(next.ID, next)
	c.taskUpdated(f, next, &next.Statuses[len(next.Statuses)-1])
	return next
}

func (c *Cluster) withStatus(t *Task, s Status) *Task {
	s.Time = c.now()
	if s.Container != nil {
		s.uuid = c.updateID()
	}
	n := len(t.Statuses)
	kept := t.Statuses
	if n > 0 && t.Statuses[n-1].State == s.State {
		kept = t.Statuses[:n-1]
	}
	next := *t
	next.State = s.State
	next.Statuses = append(slices.Clip(kept), s)
	return &next
}

// end moves a task to the completed tasks, of which the oldest are dropped. A task that
// had ended before keeps its state.
func (c *Cluster) end(f *framework, t *Task, s Status) {
	done := c.withStatus(t, s)
	if Terminal(t.State) {
		done.State = t.State
	}
	c.taskUpdated(f, done, &done.Statuses[len(done.Statuses)-1])
	f.tasks.remove(t.ID)
	f.unreachable.remove(t.ID)
	c.release(t)
	if n, ok := c.nodes[t.AgentID]; ok {
		n.tasks.remove(taskKey{f, t.ID})
	}
	if len(f.completed) == maxCompleted {
		f.completed = f.completed[1:]
	}
	f.completed = append(f.completed, done)
}

// CountTasks returns how many tasks Tasks would return.
func (c *Cluster) CountTasks() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frameworks.values {
		n += len(f.tasks.values)
	}
	return n
}

// startup is the time between TASK_STARTING and TASK_RUNNING of a task.
const startup = 250 * time.Millisecond

// firstStatuses makes the statuses of a task that starts now.
func (c *Cluster) firstStatuses(t *Task, a *Agent) []Status {
	container, parent := c.uuid(), t.parent
	if t.ExecutorID != "" && parent == "" {
		parent = c.uuid()
	}
	s := firstStatuses(t, a.Addr.Addr(), container, parent, c.now())
	for i := range s {
		s[i].uuid = c.updateID()
	}
	return s
}

// updateID makes the id of a status update.
func (c *Cluster) updateID() updateID {
	return updateID{c.updates.Uint64(), c.updates.Uint64()}
}

// firstStatuses makes the two statuses of a task that runs since now.
func firstStatuses(t *Task, agent netip.Addr, container, parent string, now time.Time) []Status {
	starting := startingStatus(t, agent, container, parent)
	running := runningStatus(t, agent, starting.Container)
	starting.Time, running.Time = now.Add(-startup), now
	return []Status{starting, running}
}

// startingStatus makes the first one. A Docker container gets its own address only once
// it runs, so the agent's is shown; a pod's network does not exist yet.
func startingStatus(t *Task, agent netip.Addr, container, parent string) Status {
	c := &ContainerStatus{ID: container, ParentID: parent}
	switch {
	case t.docker():
		c.Networks = hostNetwork(agent)
	case parent == "":
		c.Networks = networksOf(t, agent)
	}
	return Status{State: TaskStarting, Container: c}
}

// runningStatus makes the second one. That of Docker has the label that schedulers of
// older versions of Mesos rely on.
func runningStatus(t *Task, agent netip.Addr, first *ContainerStatus) Status {
	s := Status{State: TaskRunning, Container: first}
	if t.docker() || first.ParentID != "" {
		s.Container = &ContainerStatus{ID: first.ID, ParentID: first.ParentID, Networks: networksOf(t, agent)}
	}
	if t.docker() && len(t.Networks) > 0 {
		ip := t.Networks[0].Addresses[0].Addr().String()
		s.Labels = []Label{{Key: "Docker.NetworkSettings.IPAddress", Value: ip}}
	}
	return s
}

// terminalStatus makes the last one. A status that the master makes itself has no
// container, and a pod's network does not exist any more.
func terminalStatus(t *Task, state string) Status {
	s := Status{State: state}
	switch state {
	case TaskFinished:
		s.Message = "Command exited with status 0"
	case TaskFailed:
		s.Message = "Command exited with status 1"
	case TaskKilled:
		s.Message = "Command terminated with signal Terminated"
	case TaskLost:
		s.Reason, s.Message = "REASON_RECONCILIATION", "Reconciliation: Task is unknown to the agent"
		return s
	}
	if n := len(t.Statuses); n > 0 {
		s.Container = t.Statuses[n-1].Container
		if c := s.Container; c != nil && c.ParentID != "" {
			s.Container = &ContainerStatus{ID: c.ID, ParentID: c.ParentID}
		}
	}
	return s
}

// Terminal reports whether a task that is in a state has ended.
func Terminal(state string) bool {
	switch state {
	case TaskFinished, TaskFailed, TaskKilled, TaskLost, TaskError, TaskDropped, TaskGone, TaskGoneByOperator:
		return true
	}
	return false
}

// networksOf returns the networks of a running container.
func networksOf(t *Task, agent netip.Addr) []NetworkInfo {
	if len(t.Networks) == 0 {
		return hostNetwork(agent)
	}
	return t.Networks
}

func hostNetwork(agent netip.Addr) []NetworkInfo {
	return []NetworkInfo{{Addresses: []netip.Prefix{hostPrefix(agent)}}}
}
