package marathon

import (
	"slices"
	"strings"
)

// mesosBridge is the CNI network that is the bridge of the Mesos
// containerizer, by Marathon's default for --mesos_bridge_name.
const mesosBridge = "mesos-bridge"

// container is the ContainerInfo of an instance. The two containerizers are
// told of networks in different ways: Docker has a network mode, and mappings
// beside it; Mesos has a NetworkInfo for each network, with the mappings in
// it, and its bridge is a network by name.
func (a *App) container(taskID string, ports []mapping) *TaskContainer {
	c := a.Container
	if c == nil {
		return nil
	}
	t := &TaskContainer{Type: c.Type}
	for _, v := range c.Volumes {
		if v.HostPath != "" {
			t.Volumes = append(t.Volumes, Volume{ContainerPath: v.ContainerPath, HostPath: v.HostPath, Mode: v.Mode})
		}
	}
	if c.Type != typeDocker {
		if c.Docker != nil {
			t.Image, t.Cached = c.Docker.Image, !c.Docker.ForcePullImage
		}
		t.Networks = a.mesosNetworks(ports)
		return t
	}
	t.Docker = &TaskDocker{
		Image:      c.Docker.Image,
		ForcePull:  c.Docker.ForcePullImage,
		Privileged: c.Docker.Privileged,
		Parameters: append(slices.Clone(c.Docker.Parameters), Parameter{"label", "MESOS_TASK_ID=" + taskID}),
	}
	switch a.Networks[0].Mode {
	case ModeHost:
		t.Docker.Network = dockerHost
		return t
	case ModeBridge:
		t.Docker.Network = dockerBridge
	case ModeContainer:
		t.Docker.Network = dockerUser
		t.Networks = []TaskNetwork{{Name: a.Networks[0].Name, Labels: labels(a.Networks[0].Labels)}}
	}
	for _, p := range ports {
		t.Docker.PortMappings = append(t.Docker.PortMappings, p.forMesos()...)
	}
	return t
}

// mesosNetworks are the NetworkInfos of the Mesos containerizer.
func (a *App) mesosNetworks(ports []mapping) []TaskNetwork {
	if a.onHost() {
		return nil
	}
	var out []TaskNetwork
	for _, n := range a.Networks {
		t := TaskNetwork{Name: n.Name, Labels: labels(n.Labels)}
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

// forMesos is a mapping of each protocol of IP, where there is something to map.
// An endpoint of a pod may name any other, which is one over TCP then.
func (p mapping) forMesos() []TaskPortMapping {
	if !p.has {
		return nil
	}
	var out []TaskPortMapping
	for protocol := range strings.SplitSeq(p.Protocol, ",") {
		if protocol != "udp" {
			protocol = "tcp"
		}
		if m := (TaskPortMapping{p.host, p.ContainerPort, protocol}); !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// joined are the networks where a task's status will have addresses.
func (a *App) joined(c *TaskContainer) []TaskNetwork {
	if a.onHost() {
		return nil
	}
	if a.Networks[0].Mode == ModeBridge && c.Type == typeDocker {
		return []TaskNetwork{{}}
	}
	return c.Networks
}
