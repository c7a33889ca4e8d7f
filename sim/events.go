package sim

import "strconv"

// The events of the operator API's streams. Each is rendered once, under the
// cluster's lock and only if there is a subscriber, and all subscribers share
// its bytes. What Mesos does not tell, such as an agent that stops answering,
// has no function here.

// feed is who is told about changes.
type feed struct {
	subscribers []*subscriber // the oldest first
	scratch     encoder
}

// publish renders an event about a framework, or about none, and hands it on.
func (c *Cluster) publish(f *framework, event, key string, write func(*encoder)) {
	if len(c.feed.subscribers) == 0 {
		return
	}
	e := &c.feed.scratch
	e.buf, e.comma = e.buf[:0], false
	e.open('{')
	e.stringField("type", event)
	e.openKey(key, '{')
	write(e)
	e.close('}')
	e.close('}')
	r := record(e.buf)
	name := ""
	if f != nil {
		name = f.Name
	}
	kept := c.feed.subscribers[:0]
	for _, s := range c.feed.subscribers {
		if f != nil && s.sees != nil && !s.sees(name) || s.push(r) {
			kept = append(kept, s)
		}
	}
	clear(c.feed.subscribers[len(kept):])
	c.feed.subscribers = kept
}

// record frames a message as RecordIO: its length, a line feed, its bytes.
func record(message []byte) []byte {
	r := make([]byte, 0, len(message)+8)
	r = strconv.AppendInt(r, int64(len(message)), 10)
	r = append(r, '\n')
	return append(r, message...)
}

// breakAll ends all streams as a process does that ends.
func (f *feed) breakAll() {
	for _, s := range f.subscribers {
		s.finish(streamBroken)
	}
	f.subscribers = nil
}

func (c *Cluster) taskAdded(f *framework, t *Task) {
	c.tell(f.ID, SchedulerNews{Task: t})
	c.publish(f, "TASK_ADDED", "task_added", func(e *encoder) {
		e.key("task")
		e.taskV1(t)
	})
}

// taskUpdated tells of a status. The state beside it is the task's own, which
// may be newer. Of tasks on agents that it does not know a master says nothing.
func (c *Cluster) taskUpdated(f *framework, t *Task, s *Status) {
	c.tell(f.ID, SchedulerNews{t, s})
	if a, ok := c.agents.get(t.AgentID); !ok || a.State != AgentRegistered {
		return
	}
	c.publish(f, "TASK_UPDATED", "task_updated", func(e *encoder) {
		e.idField("framework_id", f.ID)
		e.key("status")
		e.statusV1(t, s)
		e.stringField("state", t.State)
	})
}

func (c *Cluster) frameworkAdded(f *framework) {
	c.publish(f, "FRAMEWORK_ADDED", "framework_added", func(e *encoder) { e.frameworkEvent(f) })
}

func (c *Cluster) frameworkUpdated(f *framework) {
	c.publish(f, "FRAMEWORK_UPDATED", "framework_updated", func(e *encoder) { e.frameworkEvent(f) })
}

func (e *encoder) frameworkEvent(f *framework) {
	e.openKey("framework", '{')
	e.frameworkV1(&f.Framework, true)
	e.nanosField("unregistered_time", f.Unregistered)
	e.close('}')
}

func (c *Cluster) frameworkRemoved(f *framework) {
	c.publish(f, "FRAMEWORK_REMOVED", "framework_removed", func(e *encoder) {
		e.key("framework_info")
		e.frameworkInfo(&f.Framework)
	})
}

func (c *Cluster) agentAdded(a *Agent) {
	c.tell("", SchedulerNews{})
	c.publish(nil, "AGENT_ADDED", "agent_added", func(e *encoder) {
		var used usage
		var seen executors
		for _, p := range c.nodes[a.ID].tasks.keys {
			t, ok := p.framework.tasks.get(p.id)
			if !ok || Terminal(t.State) {
				continue
			}
			used.add(t.Role, t.Resources)
			if t.ExecutorID != "" {
				used.add(t.Role, seen.add(t))
			}
		}
		e.key("agent")
		e.agentV1(a, used, false)
	})
}

func (c *Cluster) agentRemoved(a *Agent) {
	c.publish(nil, "AGENT_REMOVED", "agent_removed", func(e *encoder) { e.idField("agent_id", a.ID) })
}
