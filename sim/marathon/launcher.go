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
	// with the host ports it chooses there; Instance.Tasks tells the rest. An
	// error means that there is no such agent now: it is tried again later.
	Launch(Instance) error
	// Kill ends an instance. One that is not there is none of its business.
	Kill(id string)
	// Status says how an instance fares. ok is false once it has ended,
	// however it did: then another takes its place.
	Status(id string) (s Status, ok bool)
}

// Instance is an instance of an app or of a pod that shall be started.
type Instance struct {
	ID  string // of an app the id of its task, of a pod the beginning of those of its tasks
	app *App
}

// App is the app. It must not be changed.
func (i Instance) App() *App { return i.app }

// Needs is what the instance takes of its agent.
func (i Instance) Needs() Needs { return i.app.Needs() }

// Tasks are what Mesos is told, with one port for each of Needs().HostPorts:
// one task, or those of a pod, which run together or not at all.
func (i Instance) Tasks(hostPorts []uint16) ([]*Task, error) { return i.app.Tasks(i.ID, hostPorts) }

// Status is what is known of an instance that has not ended.
type Status struct {
	State           string // as in Mesos, such as TASK_RUNNING; of a pod that of its last task
	AgentID, Host   string
	HostPorts       []uint16
	Addresses       []netip.Addr
	Healthy         *bool // nil without a result
	Staged, Started time.Time
}

const taskRunning = "TASK_RUNNING"
