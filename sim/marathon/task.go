package marathon

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"toponym/sim"
)

// TaskName returns the name of an app's tasks in Mesos: "cart.shop" for /shop/cart.
// For a pod it is the name in the DiscoveryInfo of its tasks.
func (a *App) TaskName() string { return parsePathID(a.ID).taskName() }

// IsPod reports whether the App stands for a pod.
func (a *App) IsPod() bool { return a.pod != nil }

// TaskID returns the id of an instance, which is that of its task:
// "shop_cart.<uuid>" for /shop/cart. The id of a pod's instance is
// "shop_cart.instance-<uuid>"; its tasks add a dot and the container's name.
func (a *App) TaskID(uuid string) string {
	if a.pod != nil {
		uuid = "instance-" + uuid
	}
	return parsePathID(a.ID).taskID(uuid)
}

// Resources returns the resources of one instance, without its ports.
func (a *App) Resources() sim.Resources {
	if a.pod != nil {
		return a.pod.resources()
	}
	return sim.Resources{CPUs: a.CPUs, Mem: a.Mem, Disk: a.Disk, GPUs: float64(a.GPUs)}
}

// HostPorts returns the host ports that an instance asks for; 0 is any port.
func (a *App) HostPorts() []uint16 {
	var out []uint16
	switch {
	case a.pod != nil:
		return a.pod.hostPorts()
	case a.onHost():
		for _, p := range a.PortDefinitions {
			port := p.Port
			if !a.RequirePorts {
				port = 0 // it is the service port
			}
			out = append(out, port)
		}
	default:
		for _, m := range a.Container.PortMappings {
			if m.HostPort != nil {
				out = append(out, *m.HostPort)
			}
		}
	}
	return out
}

// Tasks returns the tasks of the instance with an id, those of a pod in the order of
// its containers. hostPorts has a number for each of HostPorts. Framework, agent and
// addresses are left to sim.Cluster.LaunchInstance.
func (a *App) Tasks(id string, hostPorts []uint16) ([]sim.Task, error) {
	if want := len(a.HostPorts()); len(hostPorts) != want {
		return nil, fmt.Errorf("marathon: an instance of %s takes %d host ports, not %d", a.ID, want, len(hostPorts))
	}
	if a.pod != nil {
		return a.pod.tasks(id, hostPorts), nil
	}
	ports := a.assigned(hostPorts)
	t := sim.Task{
		ID:          id,
		Name:        a.TaskName(),
		Resources:   a.Resources(),
		Labels:      a.taskLabels,
		Discovery:   &sim.Discovery{Name: a.TaskName(), Ports: a.discovery(ports)},
		Container:   a.container(id, ports),
		HealthCheck: a.check(ports),
	}
	t.Resources.Ports = sim.PortList(hostPorts...)
	t.Networks = a.joined(t.Container)
	return []sim.Task{t}, nil
}

// mapping is a port of one instance.
type mapping struct {
	PortMapping
	host uint16
	has  bool // it has a host port
}

// assigned returns the ports of an instance. A container port of 0 becomes the host
// port, if there is one.
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

// The labels with which Marathon tells on which networks a port is open.
const (
	scopeLabel   = "network-scope"
	networkLabel = "network-name"
)

// discovery returns the ports of the DiscoveryInfo, as Marathon lists them: with a
// host port once per protocol, with the scope "host"; without one per protocol and
// network, with the scope "container"; on the host network without a scope.
func (a *App) discovery(ports []mapping) []sim.DiscoveryPort {
	var out []sim.DiscoveryPort
	for _, p := range ports {
		for protocol := range strings.SplitSeq(p.Protocol, ",") {
			d := sim.DiscoveryPort{Name: p.Name, Protocol: protocol}
			switch {
			case a.onHost():
				d.Number, d.Labels = p.host, sortedLabels(p.Labels)
				out = append(out, d)
			case p.has:
				d.Number, d.Labels = p.host, labelsWith(p.Labels, scopeLabel, "host")
				out = append(out, d)
			default:
				d.Number = p.ContainerPort
				for _, n := range a.networksOf(p.PortMapping) {
					d.Labels = labelsWith(p.Labels, scopeLabel, "container", networkLabel, n)
					out = append(out, d)
				}
			}
		}
	}
	return out
}

// networksOf returns the names of the networks that a port is open on.
func (a *App) networksOf(m PortMapping) []string {
	if len(m.NetworkNames) > 0 {
		return m.NetworkNames
	}
	var names []string
	for _, n := range a.Networks {
		names = append(names, n.Name)
	}
	return names
}

// mesosBridge is the CNI network that is the bridge of the Mesos containerizer:
// Marathon's default for --mesos_bridge_name.
const mesosBridge = "mesos-bridge"

// container returns the ContainerInfo of an instance. For Docker it has a network
// mode and port mappings. For the Mesos containerizer it has a NetworkInfo with
// port mappings for each network, and the bridge is a named network.
func (a *App) container(taskID string, ports []mapping) *sim.Container {
	c := a.Container
	if c == nil {
		return nil
	}
	t := &sim.Container{Type: c.Type}
	for _, v := range c.Volumes {
		if v.HostPath != "" {
			t.Volumes = append(t.Volumes, sim.Volume{Mode: v.Mode, ContainerPath: v.ContainerPath, HostPath: v.HostPath})
		}
	}
	if c.Type != typeDocker {
		if c.Docker != nil {
			t.Image, t.Cached = c.Docker.Image, !c.Docker.ForcePullImage
		}
		t.Networks = a.mesosNetworks(ports)
		for i := range t.Networks {
			t.Networks[i].AsksIPv4 = true
		}
		return t
	}
	t.Docker = &sim.Docker{Image: c.Docker.Image, ForcePull: c.Docker.ForcePullImage, Privileged: c.Docker.Privileged}
	for _, p := range c.Docker.Parameters {
		t.Docker.Parameters = append(t.Docker.Parameters, sim.Label{Key: p.Key, Value: p.Value})
	}
	t.Docker.Parameters = append(t.Docker.Parameters, sim.Label{Key: "label", Value: "MESOS_TASK_ID=" + taskID})
	switch a.Networks[0].Mode {
	case ModeHost:
		t.Docker.Network = dockerHost
		return t
	case ModeBridge:
		t.Docker.Network = dockerBridge
	case ModeContainer:
		t.Docker.Network = dockerUser
		t.Networks = []sim.NetworkInfo{{Name: a.Networks[0].Name, Labels: sortedLabels(a.Networks[0].Labels)}}
	}
	for _, p := range ports {
		t.Docker.PortMappings = append(t.Docker.PortMappings, p.forMesos()...)
	}
	return t
}

// mesosNetworks returns the NetworkInfos of the Mesos containerizer.
func (a *App) mesosNetworks(ports []mapping) []sim.NetworkInfo {
	if a.onHost() {
		return nil
	}
	var out []sim.NetworkInfo
	for _, n := range a.Networks {
		t := sim.NetworkInfo{Name: n.Name, Labels: sortedLabels(n.Labels)}
		if n.Mode == ModeBridge {
			t.Name = mesosBridge
		}
		for _, p := range ports {
			if len(p.NetworkNames) == 0 || slices.Contains(p.NetworkNames, n.Name) {
				t.PortMappings = append(t.PortMappings, p.forMesos()...)
			}
		}
		out = append(out, t)
	}
	return out
}

// forMesos returns a mapping for each protocol, or none without a host port. A
// protocol that is neither tcp nor udp counts as tcp.
func (p mapping) forMesos() []sim.PortMapping {
	if !p.has {
		return nil
	}
	var out []sim.PortMapping
	for protocol := range strings.SplitSeq(p.Protocol, ",") {
		if protocol != "udp" {
			protocol = "tcp"
		}
		if m := (sim.PortMapping{HostPort: p.host, ContainerPort: p.ContainerPort, Protocol: protocol}); !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// joined returns the networks on which the task gets addresses. A network without a
// name is Docker's bridge of the agent.
func (a *App) joined(c *sim.Container) []sim.NetworkInfo {
	switch {
	case a.onHost():
		return nil
	case a.Networks[0].Mode == ModeBridge && c.Type == typeDocker:
		return []sim.NetworkInfo{{}}
	case c.Type == typeDocker:
		return c.Networks
	}
	networks := slices.Clone(c.Networks)
	for i := range networks {
		networks[i].AsksIPv4 = false
	}
	return networks
}

// check returns the first health check that Mesos runs: a task can have one only.
func (a *App) check(ports []mapping) *sim.HealthCheck {
	for _, h := range a.HealthChecks {
		c := newCheck(h.GracePeriodSeconds, h.IntervalSeconds, h.TimeoutSeconds)
		switch {
		case h.Protocol == checkCommand && h.Command != nil:
			c.Command = h.Command.Value
			return c
		case !strings.HasPrefix(h.Protocol, "MESOS_"):
			continue
		case h.Port != nil:
			c.Port = *h.Port
		case h.PortIndex != nil && *h.PortIndex < len(ports):
			c.Port = ports[*h.PortIndex].ContainerPort // the check runs in the container's network
		}
		switch h.Protocol {
		case checkMesosHTTP:
			c.Scheme, c.Path = "http", h.Path
		case checkMesosHTTPS:
			c.Scheme, c.Path = "https", h.Path
		default:
			c.TCP = true
		}
		return c
	}
	return nil
}

// newCheck returns a check with times in seconds.
func newCheck(grace, interval, timeout int) *sim.HealthCheck {
	return &sim.HealthCheck{
		Grace: time.Duration(grace) * time.Second, Interval: time.Duration(interval) * time.Second, Timeout: time.Duration(timeout) * time.Second,
	}
}

// sortedLabels returns labels sorted by key, so that equal apps have equal tasks.
func sortedLabels(m map[string]string) []sim.Label {
	var out []sim.Label
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, sim.Label{Key: k, Value: m[k]})
	}
	return out
}

// labelsWith returns labels followed by pairs of keys and values, which replace
// labels with the same keys.
func labelsWith(m map[string]string, pairs ...string) []sim.Label {
	out := make([]sim.Label, 0, len(m)+len(pairs)/2)
	for _, l := range sortedLabels(m) {
		replaced := false
		for i := 0; i < len(pairs); i += 2 {
			replaced = replaced || pairs[i] == l.Key
		}
		if !replaced {
			out = append(out, l)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, sim.Label{Key: pairs[i], Value: pairs[i+1]})
	}
	return out
}
