package sim

import (
	"fmt"
	"slices"
	"strings"
)

// App makes tasks of one shape, as Marathon does for an app: each gets host
// ports, addresses and an id of its own.
type App struct {
	// Task is what the instances share. Its networks have no addresses. Where
	// HostPort occurs as a number of a port, each instance has its own.
	Task Task
	// HostPorts is how many host ports an instance has.
	HostPorts int
}

// HostPort stands in an App for the i-th host port of an instance.
func HostPort(i int) uint16 { return markPort + uint16(i) }

// instance is the task that has the given host ports.
func (a *App) instance(ports []uint16) Task {
	t := a.Task
	if len(ports) == 0 {
		return t
	}
	real := func(n uint16) uint16 {
		if i := int(n) - markPort; i >= 0 && i < len(ports) {
			return ports[i]
		}
		return n
	}
	mapped := func(mappings []PortMapping) []PortMapping {
		mappings = slices.Clone(mappings)
		for i := range mappings {
			mappings[i].HostPort = real(mappings[i].HostPort)
			mappings[i].ContainerPort = real(mappings[i].ContainerPort)
		}
		return mappings
	}
	networks := func(infos []NetworkInfo) []NetworkInfo {
		infos = slices.Clone(infos)
		for i := range infos {
			infos[i].PortMappings = mapped(infos[i].PortMappings)
		}
		return infos
	}
	t.Resources.Ports = PortList(ports...)
	t.Networks = networks(t.Networks)
	if t.Discovery != nil {
		d := *t.Discovery
		d.Ports = slices.Clone(d.Ports)
		for i := range d.Ports {
			d.Ports[i].Number = real(d.Ports[i].Number)
		}
		t.Discovery = &d
	}
	if t.Container != nil {
		c := *t.Container
		c.Networks = networks(c.Networks)
		if c.Docker != nil {
			d := *c.Docker
			d.PortMappings = mapped(d.PortMappings)
			c.Docker = &d
		}
		t.Container = &c
	}
	if t.HealthCheck != nil {
		h := *t.HealthCheck
		h.Port = real(h.Port)
		t.HealthCheck = &h
	}
	return t
}

// LaunchApp puts one more instance of an app on an agent and returns the id of
// its task. With atOnce it runs, as with StartTask; else it is in
// TASK_STAGING, as with LaunchTask.
func (c *Cluster) LaunchApp(a *App, agentID string, atOnce bool) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.launch(a, agentID, atOnce)
}

func (c *Cluster) launch(a *App, agentID string, atOnce bool) (string, error) {
	var ports []uint16
	if a.HostPorts > 0 {
		var err error
		if ports, err = c.freePorts(agentID, a.HostPorts); err != nil {
			return "", err
		}
	}
	t := a.instance(ports)
	t.AgentID = agentID
	if t.ExecutorID != "" { // each instance of a pod has an executor of its own
		t.ExecutorID = fmt.Sprintf("instance-%s.%s", t.Name, c.uuid())
	}
	if atOnce {
		return c.start(t)
	}
	_, staged, _, err := c.stage(t)
	if err != nil {
		return "", err
	}
	return staged.ID, nil
}

// named gives a kind's task the name of an app. What differs from instance to
// instance is left to instance.
func (k kind) named(name, framework, uuid string) *App {
	r := strings.NewReplacer("@name@", name, "@idname@", marathonIDName(name), "@uuid@", uuid)
	labels := func(labels []Label) []Label {
		labels = slices.Clone(labels)
		for i := range labels {
			labels[i].Value = r.Replace(labels[i].Value)
		}
		return labels
	}
	t := k.task
	t.ID, t.AgentID, t.State, t.Statuses = "", "", "", nil
	t.Name, t.FrameworkID = name, framework
	t.ExecutorID = r.Replace(t.ExecutorID)
	t.Labels = labels(t.Labels)
	t.Networks = slices.Clone(t.Networks)
	for i := range t.Networks {
		t.Networks[i].Addresses = nil
	}
	if t.Discovery != nil {
		d := *t.Discovery
		d.Name = r.Replace(d.Name)
		t.Discovery = &d
	}
	if t.Container != nil {
		c := *t.Container
		c.Volumes = slices.Clone(c.Volumes)
		for i := range c.Volumes {
			c.Volumes[i].HostPath = r.Replace(c.Volumes[i].HostPath)
		}
		if c.Docker != nil {
			d := *c.Docker
			d.Image = r.Replace(d.Image)
			d.Parameters = labels(d.Parameters)
			c.Docker = &d
		}
		t.Container = &c
	}
	ports := 0
	for range t.Resources.Ports.all() {
		ports++
	}
	return &App{Task: t, HostPorts: ports}
}
