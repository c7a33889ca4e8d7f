package state

import "slices"

// FullState is a full state of the cluster, as `/master/state` gives it.
type FullState struct {
	Leader     Master
	Masters    []Master // every known one, the leader among them, in a stable order
	Agents     []*Agent
	Frameworks []*Framework
	Tasks      []*Task
}

// Event is something that the leading master told us. Exactly one field is
// set.
type Event struct {
	FullState *FullState

	// The task, agent or framework takes the place of the one known by its
	// key. A task may come before its agent and framework.
	Task      *Task
	Agent     *Agent
	Framework *Framework

	// Status is news of a task that is known; of others it says nothing.
	Status *Status

	// What is gone takes with it what belongs to it: an agent and a framework
	// their tasks.
	TaskGone      *TaskKey
	AgentGone     string
	FrameworkGone string

	Masters *Masters
}

// Status is what an update of a task says (mesos.proto, TaskStatus;
// master.proto, Event.TaskUpdated).
type Status struct {
	Task    TaskKey
	AgentID string // empty where the update does not say it
	State   string // the newest, which may be newer than the status itself
	Health  Health
	// Addresses are those of a task that runs or is starting. Empty ones take
	// nothing away, as a status may report health alone, but for those of the
	// time before the task ran.
	Addresses Addresses
}

// Masters are the leading master and all that are known, the leader among
// them, in a stable order.
type Masters struct {
	Leader Master
	All    []Master
}

// Delta says what an event changed. A task, agent or framework is listed once,
// whether it came, went or was replaced.
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

// Join adds what a later event changed. What both list is listed twice until
// Compact.
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

// Compact leaves each task, agent and framework in the list once.
func (d *Delta) Compact() {
	d.Tasks, d.Agents, d.Frameworks = once(d.Tasks), once(d.Agents), once(d.Frameworks)
}

func once[K comparable](keys []K) []K {
	if len(keys) < 2 {
		return keys
	}
	seen := make(map[K]struct{}, len(keys))
	return slices.DeleteFunc(keys, func(k K) bool {
		_, double := seen[k]
		seen[k] = struct{}{}
		return double
	})
}
