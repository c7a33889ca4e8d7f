package sim

import (
	"fmt"
	"slices"
)

// EndTask ends a task with a terminal state such as TaskFinished. TaskError is
// not one of them: a task that a master refuses is never seen.
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

// FinishTask is EndTask for a scheduler that does not acknowledge the update:
// the task stays in the list of tasks with its terminal state, and when its
// framework is torn down the update says TASK_KILLED beside that state.
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

// ending finds a task that shall end with a state.
func (c *Cluster) ending(frameworkID, taskID, state string) (*framework, *Task, error) {
	f, t, err := c.find(frameworkID, taskID)
	if err == nil && (!Terminal(state) || state == TaskError) {
		err = fmt.Errorf("sim: no task that was seen ends in %q", state)
	}
	return f, t, err
}

// KillTask asks for a task's end: its state becomes TASK_KILLING, where its
// framework knows that state, and EndTask does the rest.
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

// SetHealth adds the result of a health check. The status repeats the state
// of the last one, and as in Mesos takes its place. Subscribers hear of every
// result, also of one that is no news.
func (c *Cluster) SetHealth(frameworkID, taskID string, healthy bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, t, err := c.find(frameworkID, taskID)
	if err != nil {
		return err
	}
	if t.State != TaskRunning {
		return fmt.Errorf("sim: task %q is in %s: nobody checks its health", taskID, t.State)
	}
	last := t.Statuses[len(t.Statuses)-1]
	last.Healthy, last.Reason, last.Message = &healthy, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED", ""
	c.update(f, t, last)
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

// Task gives one of them, if it is there.
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

// update stores a task with one more status, or with one in the place of the
// last, where that has the same state.
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

// end moves a task to the completed ones, of which the oldest are forgotten.
// A task that had ended before keeps its state.
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
		n.tasks.remove(placed{f, t.ID})
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
