package state

import "slices"

// Event is one change that the leading master reported. Exactly one field is
// set.
type Event struct {
	// The task, agent or framework replaces the known one with its key. A task
	// may come before its agent and framework.
	Task      *Task
	Agent     *Agent
	Framework *Framework

	// Status updates a known task. It is ignored for an unknown one.
	Status *Status

	// An agent or framework that is gone takes its tasks with it.
	TaskGone      *TaskKey
	AgentGone     string
	FrameworkGone string

	Masters *Masters
}

// Status is what an update reports about a task (mesos.proto, TaskStatus;
// master.proto, Event.TaskUpdated).
type Status struct {
	Task    TaskKey
	AgentID string // empty if the update does not name the agent
	State   string // the newest state, which may be newer than the status itself
	Health  Health
	Since   uint32 // when the task entered the state, see Task; 0 if unknown
	// Addresses are those of a task that runs or is starting. Empty ones leave
	// the known addresses in place, since a status may report health alone. The
	// exception is the first TASK_RUNNING: it replaces those of TASK_STARTING.
	Addresses Addresses
}

// Masters are the leading master and all known ones, the leader among them, in
// a stable order.
type Masters struct {
	Leader Master
	All    []Master
}

// Delta lists what changed: the keys of tasks, agents and frameworks that came,
// went or were replaced. A key may be listed more than once until Compact.
type Delta struct {
	Tasks      []TaskKey
	Agents     []string
	Frameworks []string
	Masters    bool // the leader or the set of masters
}

// Empty reports whether nothing changed.
func (d Delta) Empty() bool {
	return len(d.Tasks) == 0 && len(d.Agents) == 0 && len(d.Frameworks) == 0 && !d.Masters
}

// Clone returns a copy that shares no memory with d.
func (d Delta) Clone() Delta {
	d.Tasks, d.Agents, d.Frameworks = slices.Clone(d.Tasks), slices.Clone(d.Agents), slices.Clone(d.Frameworks)
	return d
}

// Join appends what a later event changed.
func (d *Delta) Join(later Delta) {
	if d.Empty() {
		*d = later
		return
	}
	d.Tasks = append(d.Tasks, later.Tasks...)
	d.Agents = append(d.Agents, later.Agents...)
	d.Frameworks = append(d.Frameworks, later.Frameworks...)
	d.Masters = d.Masters || later.Masters
}

// Compact removes repeated keys.
func (d *Delta) Compact() {
	d.Tasks, d.Agents, d.Frameworks = distinct(d.Tasks), distinct(d.Agents), distinct(d.Frameworks)
}

func distinct[K comparable](keys []K) []K {
	if len(keys) < 2 {
		return keys
	}
	seen := make(map[K]struct{}, len(keys))
	return slices.DeleteFunc(keys, func(k K) bool {
		_, repeated := seen[k]
		seen[k] = struct{}{}
		return repeated
	})
}
