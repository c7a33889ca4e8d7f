package marathon

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"toponym/sim"
)

// TaskName returns the name that the tasks of an app have in Mesos: "cart.shop"
// for /shop/cart. Of a pod it is the name in the DiscoveryInfo of its tasks.
func (a *App) TaskName() string { return parsePathID(a.ID).taskName() }

// IsPod reports whether the App stands for a pod.
func (a *App) IsPod() bool { return a.pod != nil }

// TaskID returns the id of an instance: "shop_cart.<uuid>" for /shop/cart. That
// of a pod is "shop_cart.instance-<uuid>", and its tasks add a dot and the name
// of their container.
func (a *App) TaskID(uuid string) string {
	if a.pod != nil {
		uuid = "instance-" + uuid
	}
	return parsePathID(a.ID).taskID(uuid)
}

// Resources returns what one instance holds, without its ports.
func (a *App) Resources() sim.Resources {
	if a.pod != nil {
		return a.pod.resources()
	}
	return sim.Resources{CPUs: a.CPUs, Mem: a.Mem, Disk: a.Disk, GPUs: float64(a.GPUs)}
}

// HostPorts returns a number for each host port of an instance; 0 is any port.
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

// Tasks returns what Mesos is told for the instance with an id, in the order of
// the pod's containers. hostPorts has a number for each of HostPorts. The tasks
// have no framework and agent, and their networks have no addresses.
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

// mapping is a port with the numbers that one instance has.
type mapping struct {
	PortMapping
	host uint16
	has  bool // a host port
}

// assigned returns the ports of an instance. A container port of 0 gets the
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

// The labels by which Marathon says where a port is open.
const (
	scopeLabel   = "network-scope"
	networkLabel = "network-name"
)

// discovery returns the ports of the DiscoveryInfo. A port with a host port is
// listed once per protocol with the scope "host", because the agent's port can be
// reached from everywhere. Other ports are listed per protocol and network, with
// the scope "container". On the host network there is no scope to tell.
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

// container returns the ContainerInfo of an instance. The containerizers learn of
// networks in different ways. Docker has a network mode and port mappings beside
// it. Mesos has a NetworkInfo with mappings for each network, and its bridge is a
// network with a name.
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

// forMesos returns a mapping for each protocol, if there is a port to map. A
// protocol that is neither tcp nor udp runs over TCP.
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

// joined returns the networks where the status of a task will have addresses. One
// without a name is the bridge that Docker has on the agent.
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

// check returns the first check that Mesos runs: it knows one per task.
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
			c.Port = ports[*h.PortIndex].ContainerPort // it runs in the container's network
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

// newCheck makes a check with its times in seconds.
func newCheck(grace, interval, timeout int) *sim.HealthCheck {
	return &sim.HealthCheck{
		Grace: time.Duration(grace) * time.Second, Interval: time.Duration(interval) * time.Second, Timeout: time.Duration(timeout) * time.Second,
	}
}

// sortedLabels returns labels in the order of their keys, so that equal apps have
// equal tasks.
func sortedLabels(m map[string]string) []sim.Label {
	var out []sim.Label
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, sim.Label{Key: k, Value: m[k]})
	}
	return out
}

// labelsWith returns labels with pairs of keys and values after them, which
// replace labels that have the same keys.
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
