package marathon

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Needs is what an instance takes of an agent.
type Needs struct {
	CPUs, Mem, Disk float64 // Mem and Disk in MB
	GPUs            int
	// HostPorts has an element for each host port; 0 is any port.
	HostPorts []uint16
}

// Label is a label as Mesos has it.
type Label struct{ Key, Value string }

// Task is what Mesos is told for one instance: the parts of TaskInfo
// (mesos.proto) that a master shows again.
type Task struct {
	ID, Name string
	// Executor is the id of the executor that a pod's tasks share, and with it
	// its network; empty for an app.
	Executor  string `json:",omitempty"`
	Needs     Needs  // with the ports that were given; those of a pod are with its first task
	Labels    []Label
	Discovery Discovery
	Container *TaskContainer // nil: only a command on the agent
	// Check is the check that Mesos runs; those of Marathon are not in here.
	Check *TaskCheck
	// Networks are the networks in whose status the task will have its
	// addresses. Empty: the agent's network. One without a name is the bridge
	// that Docker has on the agent.
	Networks []TaskNetwork
}

// Discovery is a DiscoveryInfo.
type Discovery struct {
	Visibility string // always FRAMEWORK
	Name       string
	Ports      []DiscoveryPort
}

// DiscoveryPort is a Port of a DiscoveryInfo.
type DiscoveryPort struct {
	Number         uint16
	Name, Protocol string
	Labels         []Label
}

// TaskContainer is a ContainerInfo.
type TaskContainer struct {
	Type     string      // DOCKER or MESOS
	Docker   *TaskDocker // of DOCKER
	Image    string      // of MESOS, a Docker image; may be empty
	Cached   bool        // of the image of MESOS
	Volumes  []Volume
	Networks []TaskNetwork
}

// TaskDocker is a DockerInfo.
type TaskDocker struct {
	Image        string
	Network      string // HOST, BRIDGE or USER
	PortMappings []TaskPortMapping
	Parameters   []Parameter
	ForcePull    bool
	Privileged   bool
}

// TaskNetwork is a NetworkInfo without addresses.
type TaskNetwork struct {
	Name         string
	Labels       []Label
	PortMappings []TaskPortMapping
}

// TaskPortMapping is a PortMapping of a DockerInfo or a NetworkInfo.
type TaskPortMapping struct {
	HostPort, ContainerPort uint16
	Protocol                string
}

// TaskCheck is a HealthCheck of Mesos. Command is set, or Port.
type TaskCheck struct {
	Command                  string
	Scheme, Path             string // empty for TCP
	Port                     uint16
	Grace, Interval, Timeout int // seconds
}

// TaskName is the name that the tasks of the app have in Mesos: "cart.shop"
// for /shop/cart.
func (a *App) TaskName() string { return parsePathID(a.ID).taskName() }

// IsPod reports whether this stands for a pod.
func (a *App) IsPod() bool { return a.pod != nil }

// TaskID is the id of an instance: "shop_cart.<uuid>" for /shop/cart. That of
// a pod is "shop_cart.instance-<uuid>", and its tasks have the name of their
// container behind that.
func (a *App) TaskID(uuid string) string {
	if a.pod != nil {
		uuid = "instance-" + uuid
	}
	return parsePathID(a.ID).taskID(uuid)
}

// Tasks are the tasks of the instance with that id, and with the host ports
// that it was given, in the order of Needs.
func (a *App) Tasks(id string, hostPorts []uint16) ([]*Task, error) {
	if a.pod != nil {
		return a.pod.tasks(id, hostPorts)
	}
	t, err := a.Task(id, hostPorts)
	if err != nil {
		return nil, err
	}
	return []*Task{t}, nil
}

// mapping is a port with the numbers that one instance has.
type mapping struct {
	PortMapping
	host uint16
	has  bool // a host port
}

// Needs is what each instance of the app takes of its agent.
func (a *App) Needs() Needs {
	if a.pod != nil {
		return a.pod.needs()
	}
	n := Needs{CPUs: a.CPUs, Mem: a.Mem, Disk: a.Disk, GPUs: a.GPUs}
	if a.onHost() {
		for _, p := range a.PortDefinitions {
			port := p.Port
			if !a.RequirePorts {
				port = 0 // it is the service port
			}
			n.HostPorts = append(n.HostPorts, port)
		}
		return n
	}
	for _, m := range a.Container.PortMappings {
		if m.HostPort != nil {
			n.HostPorts = append(n.HostPorts, *m.HostPort)
		}
	}
	return n
}

// Task is the instance of that id with the host ports that it was given, in
// the order of Needs.
func (a *App) Task(id string, hostPorts []uint16) (*Task, error) {
	needs := a.Needs()
	if len(hostPorts) != len(needs.HostPorts) {
		return nil, fmt.Errorf("marathon: app %s takes %d host ports, not %d", a.ID, len(needs.HostPorts), len(hostPorts))
	}
	needs.HostPorts = slices.Clone(hostPorts)
	ports := a.assigned(hostPorts)
	t := &Task{
		ID:     id,
		Name:   a.TaskName(),
		Needs:  needs,
		Labels: labels(a.Labels),
		Check:  a.check(ports),
	}
	t.Discovery = Discovery{Visibility: "FRAMEWORK", Name: t.Name, Ports: a.discovery(ports)}
	t.Container = a.container(id, ports)
	t.Networks = a.joined(t.Container)
	return t, nil
}

// assigned are the ports of an instance. A container port of 0 gets the
// number of the host port; without a host port it stays 0.
func (a *App) assigned(hostPorts []uint16) []mapping {
	var out []mapping
	if a.onHost() {
		for i, p := range a.PortDefinitions {
			out = append(out, mapping{
				PortMapping: PortMapping{ContainerPort: hostPorts[i], Name: p.Name, Protocol: p.Protocol, Labels: p.Labels},
				host:        hostPorts[i], has: true,
			})
		}
		return out
	}
	for _, m := range a.Container.PortMappings {
		p := mapping{PortMapping: m}
		if m.HostPort != nil {
			p.host, p.has = hostPorts[0], true
			hostPorts = hostPorts[1:]
			if m.ContainerPort == 0 {
				p.ContainerPort = p.host
			}
		}
		out = append(out, p)
	}
	return out
}

// check is the first check that Mesos runs: it knows one per task.
func (a *App) check(ports []mapping) *TaskCheck {
	for _, h := range a.HealthChecks {
		c := TaskCheck{Grace: h.GracePeriodSeconds, Interval: h.IntervalSeconds, Timeout: h.TimeoutSeconds}
		switch {
		case h.Protocol == checkCommand && h.Command != nil:
			c.Command = h.Command.Value
			return &c
		case !strings.HasPrefix(h.Protocol, "MESOS_"):
			continue
		case h.Port != nil:
			c.Port = *h.Port
		case h.PortIndex != nil && *h.PortIndex < len(ports):
			c.Port = ports[*h.PortIndex].ContainerPort // it runs in the container's network
		}
		switch h.Protocol {
		case checkMesosHTTP:
			c.Scheme, c.Path = "http", h.Path
		case checkMesosHTTPS:
			c.Scheme, c.Path = "https", h.Path
		}
		return &c
	}
	return nil
}

// labels are a map's entries in order, so that equal apps give equal tasks.
func labels(m map[string]string) []Label {
	var out []Label
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Label{k, m[k]})
	}
	return out
}
