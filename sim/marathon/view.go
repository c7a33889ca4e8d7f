package marathon

import (
	"net/netip"
	"time"

	"toponym/sim"
)

// ref names a deployment.
type ref struct {
	ID string `json:"id"`
}

// appView is an app as GET answers it.
type appView struct {
	*App           `json:",embed"`
	TasksStaged    int        `json:"tasksStaged"`
	TasksRunning   int        `json:"tasksRunning"`
	TasksHealthy   int        `json:"tasksHealthy"`
	TasksUnhealthy int        `json:"tasksUnhealthy"`
	Deployments    []ref      `json:"deployments"`
	Tasks          []taskView `json:"tasks,omitzero"`
}

// taskView is a task as GET answers it.
type taskView struct {
	ID           string   `json:"id"`
	AppID        string   `json:"appId"`
	SlaveID      string   `json:"slaveId"`
	Host         string   `json:"host"`
	State        string   `json:"state"`
	Ports        []uint16 `json:"ports"`
	ServicePorts []uint16 `json:"servicePorts"`
	IPAddresses  []ipView `json:"ipAddresses"`
	StagedAt     string   `json:"stagedAt,omitempty"`
	StartedAt    string   `json:"startedAt,omitempty"`
	Version      string   `json:"version"`
	Health       []health `json:"healthCheckResults,omitempty"`
}

type ipView struct {
	IPAddress string `json:"ipAddress"`
	Protocol  string `json:"protocol"`
}

type health struct {
	Alive               bool   `json:"alive"`
	ConsecutiveFailures int    `json:"consecutiveFailures"`
	TaskID              string `json:"taskId"`
}

// view is an app with its counts, and with its tasks where they are wanted.
func (s *Scheduler) view(e *entry, tasks bool) appView {
	v := appView{App: e.app}
	if d := s.locks[e.app.ID]; d != nil {
		v.Deployments = []ref{{d.id}}
	}
	if tasks {
		v.Tasks = []taskView{}
	}
	for _, i := range e.instances {
		st, ok := s.status(i)
		if !ok {
			continue
		}
		if st.State == sim.TaskRunning {
			v.TasksRunning++
		} else {
			v.TasksStaged++
		}
		if st.Healthy != nil && *st.Healthy {
			v.TasksHealthy++
		} else if st.Healthy != nil {
			v.TasksUnhealthy++
		}
		if tasks {
			v.Tasks = append(v.Tasks, newTaskView(e.app, i, st))
		}
	}
	return v
}

func newIPView(a netip.Addr) ipView {
	if a.Is6() {
		return ipView{a.String(), "IPv6"}
	}
	return ipView{a.String(), "IPv4"}
}

func newTaskView(a *App, i *instance, s status) taskView {
	t := taskView{
		ID: i.id, AppID: a.ID, SlaveID: i.on.agentID, Host: s.Host, State: s.State, Ports: i.ports,
		ServicePorts: a.servicePorts(), StagedAt: stamp(i.staged), StartedAt: stamp(s.Started), Version: i.config,
	}
	for _, addr := range s.Addresses {
		t.IPAddresses = append(t.IPAddresses, newIPView(addr))
	}
	if s.Healthy != nil {
		h := health{Alive: *s.Healthy, TaskID: i.id}
		if !h.Alive {
			h.ConsecutiveFailures = 1
		}
		t.Health = []health{h}
	}
	return t
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}
