package state

import (
	"maps"
	"slices"
)

// index finds tasks by the id of what they are on or of.
type index map[string]map[*Task]struct{}

// list gives the tasks of an id in a list of its own.
func (x index) list(id string) []*Task { return slices.Collect(maps.Keys(x[id])) }

func (x index) add(id string, t *Task) {
	tasks := x[id]
	if tasks == nil {
		tasks = map[*Task]struct{}{}
		x[id] = tasks
	}
	tasks[t] = struct{}{}
}

func (x index) remove(id string, t *Task) {
	tasks := x[id]
	delete(tasks, t)
	if len(tasks) == 0 {
		delete(x, id)
	}
}

// reindex puts a task into the place of another; nil is none.
func (c *Cluster) reindex(before, after *Task) {
	if before != nil {
		c.byAgent.remove(before.AgentID, before)
		c.byFramework.remove(before.Key.Framework, before)
	}
	if after != nil {
		c.byAgent.add(after.AgentID, after)
		c.byFramework.add(after.Key.Framework, after)
	}
}
