package sim

import (
	"time"

	"toponym/sim/marathon"
)

// FromMarathon is a task as Marathon would have Mesos start it. FrameworkID
// and AgentID are left to the caller. Networks lack their addresses; one
// without a name is the bridge that Docker has on the agent. The host ports of
// a pod are its executor's.
func FromMarathon(t *marathon.Task) Task {
	d := &Discovery{Visibility: t.Discovery.Visibility, Name: t.Discovery.Name}
	for _, p := range t.Discovery.Ports {
		d.Ports = append(d.Ports, DiscoveryPort{Number: p.Number, Name: p.Name, Protocol: p.Protocol, Labels: marathonLabels(p.Labels)})
	}
	n := t.Needs
	var ports, executorPorts Ports
	if list := PortList(n.HostPorts...); t.Executor == "" {
		ports = list
	} else {
		executorPorts = list
	}
	return Task{
		ID:            t.ID,
		Name:          t.Name,
		ExecutorID:    t.Executor,
		ExecutorPorts: executorPorts,
		Resources: Resources{
			CPUs: n.CPUs, Mem: n.Mem, Disk: n.Disk, GPUs: float64(n.GPUs), Ports: ports,
		},
		Labels:      marathonLabels(t.Labels),
		Discovery:   d,
		Container:   marathonContainer(t.Container),
		HealthCheck: marathonCheck(t.Check),
		Networks:    marathonNetworks(t.Networks),
	}
}

func marathonContainer(c *marathon.TaskContainer) *Container {
	if c == nil {
		return nil
	}
	out := &Container{Type: c.Type, Image: c.Image, Cached: c.Cached, Networks: marathonNetworks(c.Networks)}
	for i := range out.Networks {
		out.Networks[i].AsksIPv4 = c.Docker == nil
	}
	for _, v := range c.Volumes {
		out.Volumes = append(out.Volumes, Volume{v.Mode, v.ContainerPath, v.HostPath})
	}
	if c.Docker != nil {
		out.Docker = &Docker{
			Image: c.Docker.Image, Network: c.Docker.Network, ForcePull: c.Docker.ForcePull,
			PortMappings: marathonMappings(c.Docker.PortMappings),
		}
		for _, p := range c.Docker.Parameters {
			out.Docker.Parameters = append(out.Docker.Parameters, Label{Key: p.Key, Value: p.Value})
		}
	}
	return out
}

func marathonNetworks(list []marathon.TaskNetwork) []NetworkInfo {
	var out []NetworkInfo
	for _, n := range list {
		out = append(out, NetworkInfo{Name: n.Name, Labels: marathonLabels(n.Labels), PortMappings: marathonMappings(n.PortMappings)})
	}
	return out
}

func marathonMappings(list []marathon.TaskPortMapping) []PortMapping {
	var out []PortMapping
	for _, m := range list {
		out = append(out, PortMapping(m))
	}
	return out
}

func marathonLabels(list []marathon.Label) []Label {
	var out []Label
	for _, l := range list {
		out = append(out, Label{Key: l.Key, Value: l.Value})
	}
	return out
}

func marathonCheck(c *marathon.TaskCheck) *HealthCheck {
	if c == nil {
		return nil
	}
	return &HealthCheck{
		Grace: time.Duration(c.Grace) * time.Second, Interval: time.Duration(c.Interval) * time.Second,
		Timeout: time.Duration(c.Timeout) * time.Second, Port: c.Port, Path: c.Path, Command: c.Command,
		Scheme: c.Scheme, TCP: c.Scheme == "" && c.Command == "",
	}
}
