package marathon

import (
	"net/netip"
	"time"
)

// Launcher has the agents. It is what Mesos is to Marathon, without the
// offers: it chooses an agent by itself. A Marathon calls it with its own lock
// held, so it must not call back.
type Launcher interface {
	// Launch starts an instance on an agent that has what Instance.Needs says,
	// with the host ports it chooses there; Instance.Task tells the rest. An
	// error means that there is no such agent now: it is tried again later.
	Launch(Instance) error
	// Kill ends a task. One that is not there is none of its business.
	Kill(taskID string)
	// Status says how a task fares. ok is false once the task has ended,
	// however it did: then another instance takes its place.
	Status(taskID string) (s Status, ok bool)
}

// Instance is an instance of an app that shall be started.
type Instance struct {
	ID  string
	app *App
}

// App is the app. It must not be changed.
func (i Instance) App() *App { return i.app }

// Needs is what the instance takes of its agent.
func (i Instance) Needs() Needs { return i.app.Needs() }

// Task is what Mesos is told, with one port for each of Needs().HostPorts.
func (i Instance) Task(hostPorts []uint16) (*Task, error) { return i.app.Task(i.ID, hostPorts) }

// Status is what is known of a task that has not ended.
type Status struct {
	State           string // as in Mesos, such as TASK_RUNNING
	AgentID, Host   string
	HostPorts       []uint16
	Addresses       []netip.Addr
	Healthy         *bool // nil without a result
	Staged, Started time.Time
}

const taskRunning = "TASK_RUNNING"
