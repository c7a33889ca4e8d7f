package marathon

import (
	"net/http"
	"strings"
)

// pods serves /v2/pods. An id in the path may be followed by a word such as
// "::status".
func (r *request) pods(path string) (int, any, error) {
	path, word, _ := strings.Cut(path, "::")
	path = strings.Trim(path, "/")
	id := parsePathID(path).in(pathID{absolute: true}).String()
	switch {
	case word == "status" && path == "":
		return r.only(http.MethodGet, r.allPodStatuses)
	case word == "status":
		return r.only(http.MethodGet, func() (int, any, error) {
			e, err := r.findPod(id)
			if err != nil {
				return 0, nil, err
			}
			return http.StatusOK, r.s.podStatus(e), nil
		})
	case word == "versions":
		return r.only(http.MethodGet, func() (int, any, error) { return r.podVersions(id) })
	case word != "":
		return 0, nil, apiErrorf(http.StatusNotImplemented, "::%s of a pod is not simulated.", word)
	case path == "":
		return r.by(methods{http.MethodGet: r.listPods, http.MethodPost: r.createPod})
	}
	return r.by(methods{
		http.MethodGet: func() (int, any, error) {
			e, err := r.findPod(id)
			if err != nil {
				return 0, nil, err
			}
			return http.StatusOK, e.app.scaled(), nil
		},
		http.MethodPut:    func() (int, any, error) { return r.putPod(id) },
		http.MethodDelete: func() (int, any, error) { return r.deletePod(id) },
	})
}

func (r *request) findPod(id string) (*entry, error) {
	if e := r.s.apps[id]; e != nil && e.app.pod != nil {
		return e, nil
	}
	return nil, apiErrorf(http.StatusNotFound, "Pod '%s' does not exist", id)
}

// entries returns the apps, or the pods, sorted by id.
func (s *Scheduler) entries(pods bool) []*entry {
	var out []*entry
	for _, id := range sortedKeys(s.apps) {
		if e := s.apps[id]; (e.app.pod != nil) == pods {
			out = append(out, e)
		}
	}
	return out
}

func (r *request) listPods() (int, any, error) {
	list := []*Pod{}
	for _, e := range r.s.entries(true) {
		list = append(list, e.app.scaled())
	}
	return http.StatusOK, list, nil
}

func (r *request) allPodStatuses() (int, any, error) {
	list := []podStatus{}
	for _, e := range r.s.entries(true) {
		list = append(list, r.s.podStatus(e))
	}
	return http.StatusOK, list, nil
}

func (r *request) parsePod() (*App, error) {
	a, ok, err := ParsePod(r.body, r.s.o.Settings)
	if err == nil && !ok {
		var f violations
		f.add("/containers", "error.path.missing")
		err = f.err(invalidJSON)
	}
	return a, err
}

func (r *request) createPod() (int, any, error) {
	a, err := r.parsePod()
	if err != nil {
		return 0, nil, err
	}
	if r.s.apps[a.ID] != nil {
		return 0, nil, apiErrorf(http.StatusConflict, "id [%s] is already in use", a.ID)
	}
	r.w.Header().Set("Location", a.ID)
	return r.changePod(http.StatusCreated, a)
}

func (r *request) putPod(id string) (int, any, error) {
	if _, err := r.findPod(id); err != nil {
		return 0, nil, err
	}
	a, err := r.parsePod()
	if err != nil {
		return 0, nil, err
	}
	if a.ID != id {
		var f violations
		f.add("/id", "is not the id in the path")
		return 0, nil, f.err(notValid)
	}
	return r.changePod(http.StatusOK, a)
}

func (r *request) changePod(status int, a *App) (int, any, error) {
	d, err := r.s.apply(change{a.ID: a}, r.force)
	if err != nil {
		return 0, nil, err
	}
	r.w.Header().Set("Marathon-Deployment-Id", d.id)
	return status, r.s.apps[a.ID].app.scaled(), nil
}

func (r *request) deletePod(id string) (int, any, error) {
	if _, err := r.findPod(id); err != nil {
		return 0, nil, err
	}
	d, err := r.s.apply(change{id: nil}, r.force)
	if err != nil {
		return 0, nil, err
	}
	r.s.settle()
	r.w.Header().Set("Marathon-Deployment-Id", d.id)
	return http.StatusAccepted, nil, nil
}

func (r *request) podVersions(id string) (int, any, error) {
	e, err := r.findPod(id)
	if err != nil {
		return 0, nil, err
	}
	list := []string{}
	for _, a := range e.history {
		list = append(list, a.Version)
	}
	return http.StatusOK, list, nil
}

// podStatus is the answer to /v2/pods/ID::status.
type podStatus struct {
	ID        string              `json:"id"`
	Spec      *Pod                `json:"spec"`
	Status    string              `json:"status"` // STABLE or DEGRADED
	Instances []podInstanceStatus `json:"instances"`
}

type podInstanceStatus struct {
	ID            string              `json:"id"`
	Status        string              `json:"status"` // of its last task, without "TASK_"
	AgentID       string              `json:"agentId"`
	AgentHostname string              `json:"agentHostname"`
	Addresses     []string            `json:"addresses"`
	Containers    []podContainerState `json:"containers"`
}

type podContainerState struct {
	Name        string        `json:"name"`
	ContainerID string        `json:"containerId"` // of the task
	Endpoints   []podEndpoint `json:"endpoints,omitempty"`
}

type podEndpoint struct {
	Name              string  `json:"name"`
	AllocatedHostPort *uint16 `json:"allocatedHostPort,omitzero"`
}

func (s *Scheduler) podStatus(e *entry) podStatus {
	v := podStatus{ID: e.app.ID, Spec: e.app.scaled(), Status: "DEGRADED", Instances: []podInstanceStatus{}}
	if s.settled(e) {
		v.Status = "STABLE"
	}
	for _, in := range e.instances {
		st, ok := s.status(in)
		if !ok {
			continue
		}
		i := podInstanceStatus{
			ID: in.id, Status: strings.TrimPrefix(st.State, "TASK_"), AgentID: in.agentID, AgentHostname: st.Host,
			Addresses: []string{},
		}
		for _, a := range st.Addresses {
			i.Addresses = append(i.Addresses, a.String())
		}
		ports := in.ports
		for _, c := range e.app.pod.Containers {
			state := podContainerState{Name: c.Name, ContainerID: in.id + "." + c.Name}
			for _, endpoint := range c.Endpoints {
				shown := podEndpoint{Name: endpoint.Name}
				if endpoint.HostPort != nil && len(ports) > 0 {
					shown.AllocatedHostPort, ports = &ports[0], ports[1:]
				}
				state.Endpoints = append(state.Endpoints, shown)
			}
			i.Containers = append(i.Containers, state)
		}
		v.Instances = append(v.Instances, i)
	}
	return v
}
