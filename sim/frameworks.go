package sim

import (
	"fmt"
	"slices"
)

// AddFramework registers a framework and returns its id.
func (c *Cluster) AddFramework(f Framework) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.ID == "" {
		f.ID = fmt.Sprintf("%s-%04d", c.id, c.nextFwk)
	}
	if _, ok := c.frameworks.get(f.ID); ok {
		return "", fmt.Errorf("sim: framework %q is there already", f.ID)
	}
	c.nextFwk++
	if f.User == "" {
		f.User = "root"
	}
	if f.Registered.IsZero() {
		f.Registered = c.now()
	}
	added := &framework{Framework: f}
	c.frameworks.put(f.ID, added)
	if !f.Recovered {
		c.showFramework(added)
	}
	return f.ID, nil
}

// RemoveFramework tears a framework down: its tasks are killed, and it becomes a
// completed framework.
func (c *Cluster) RemoveFramework(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(id)
	if !ok {
		return fmt.Errorf("sim: no framework %q", id)
	}
	for _, t := range slices.Concat(f.tasks.values, f.unreachable.values) {
		c.end(f, t, Status{
			State: TaskKilled, Reason: "REASON_FRAMEWORK_REMOVED",
			Message: fmt.Sprintf("Framework %s removed", id),
		})
	}
	f.Unregistered = c.now()
	c.frameworks.remove(id)
	c.completed = append(c.completed, f)
	if len(c.completed) > maxCompletedFrameworks {
		c.completed = slices.Clone(c.completed[1:])
	}
	if f.shown {
		c.frameworkRemoved(f)
	}
	return nil
}

// SetConnected changes whether a framework's scheduler is connected. A disconnected
// framework keeps its tasks and is shown as neither active nor connected. Only its
// return is an event.
func (c *Cluster) SetConnected(frameworkID string, connected bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(frameworkID)
	if !ok {
		return fmt.Errorf("sim: no framework %q", frameworkID)
	}
	away := f.Disconnected || f.Recovered
	if connected && away {
		f.Reregistered = c.now()
		if f.Recovered {
			f.Registered = f.Reregistered
		}
		f.Recovered = false
	}
	f.Disconnected = !connected
	c.tell(f.ID, SchedulerNews{})
	switch {
	case !connected || !away:
	case f.shown:
		c.frameworkUpdated(f)
	default:
		c.showFramework(f)
	}
	return nil
}

// showFramework makes a framework known to the leader, unless it is already.
func (c *Cluster) showFramework(f *framework) {
	if !f.shown {
		f.shown = true
		c.frameworkAdded(f)
	}
}

// Frameworks returns the frameworks that are not completed.
func (c *Cluster) Frameworks() []Framework {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Framework
	for _, f := range c.frameworks.values {
		out = append(out, f.Framework)
	}
	return out
}
