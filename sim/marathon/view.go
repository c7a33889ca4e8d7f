package marathon

import (
	"time"
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
func (m *Marathon) view(e *entry, tasks bool) appView {
	v := appView{App: e.app}
	if d := m.locks[e.app.ID]; d != nil {
		v.Deployments = []ref{{d.id}}
	}
	if tasks {
		v.Tasks = []taskView{}
	}
	for _, r := range e.tasks {
		s, ok := m.launcher.Status(r.id)
		if !ok {
			continue
		}
		if s.State == taskRunning {
			v.TasksRunning++
		} else {
			v.TasksStaged++
		}
		if s.Healthy != nil && *s.Healthy {
			v.TasksHealthy++
		} else if s.Healthy != nil {
			v.TasksUnhealthy++
		}
		if tasks {
			v.Tasks = append(v.Tasks, newTaskView(e.app, r, s))
		}
	}
	return v
}

func newTaskView(a *App, r run, s Status) taskView {
	t := taskView{
		ID: r.id, AppID: a.ID, SlaveID: s.AgentID, Host: s.Host, State: s.State, Ports: s.HostPorts,
		ServicePorts: a.servicePorts(), StagedAt: stamp(s.Staged), StartedAt: stamp(s.Started), Version: r.config,
	}
	for _, addr := range s.Addresses {
		protocol := "IPv4"
		if addr.Is6() {
			protocol = "IPv6"
		}
		t.IPAddresses = append(t.IPAddresses, ipView{addr.String(), protocol})
	}
	if s.Healthy != nil {
		h := health{Alive: *s.Healthy, TaskID: r.id}
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
