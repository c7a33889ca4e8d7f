package sim

import (
	"net/netip"
	"time"
)

// startup lies between a task's TASK_STARTING and its TASK_RUNNING.
const startup = 250 * time.Millisecond

// firstStatuses makes the statuses of a task that comes up now.
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

// updateID names a status update.
func (c *Cluster) updateID() updateID {
	return updateID{c.updates.Uint64(), c.updates.Uint64()}
}

// firstStatuses writes the two statuses of a task that came up at now.
func firstStatuses(t *Task, agent netip.Addr, container, parent string, now time.Time) []Status {
	starting := startingStatus(t, agent, container, parent)
	running := runningStatus(t, agent, starting.Container)
	starting.Time, running.Time = now.Add(-startup), now
	return []Status{starting, running}
}

// startingStatus is the first one. A Docker container gets its own address
// only once it runs, so it shows the agent's; a pod's network is not there
// yet.
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

// runningStatus is the second one. Docker's has the label that older Mesos
// relied on.
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

// terminalStatus is the last one. What the master says itself has no
// container; and a pod's network is gone by then.
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

// networksOf is where a container of t is once it runs.
func networksOf(t *Task, agent netip.Addr) []NetworkInfo {
	if len(t.Networks) == 0 {
		return hostNetwork(agent)
	}
	return t.Networks
}

func hostNetwork(agent netip.Addr) []NetworkInfo {
	return []NetworkInfo{{Addresses: []netip.Prefix{hostPrefix(agent)}}}
}
