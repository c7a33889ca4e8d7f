package marathon

import (
	"fmt"
	"slices"
	"strings"
)

// What Marathon says of pods whose rules are broken.
const (
	containerNamesRule = "container names must be unique"
	endpointNamesRule  = "endpoint names must be unique"
	hostPortsRule      = "host ports must be unique"
	needsContainerPort = "is required when using container-mode networking"
	needsHostPort      = "is required when using host-mode networking"
	noContainerPort    = "is not allowed when using host-mode networking"
	checkEndpointRule  = "is not an endpoint of this container"
	severalChecksRule  = "exactly one of http, tcp and exec must be set"
)

// faults checks a pod that has its networks.
func (p *Pod) faults(s Settings) faults {
	var f faults
	id := parsePathID(p.ID)
	for _, reason := range id.faults() {
		f.add("/id", reason)
	}
	on := p.app()
	on.networkFaults(&f, s)
	f.unless(unique(p.Containers, func(c PodContainer) string { return c.Name }), "/containers", containerNamesRule)
	var all []Endpoint
	for i, c := range p.Containers {
		for j, e := range c.Endpoints {
			at := fmt.Sprintf("/containers(%d)/endpoints(%d)", i, j)
			if on.onHost() {
				f.unless(e.HostPort != nil, at+"/hostPort", needsHostPort)
				f.unless(e.ContainerPort == nil, at+"/containerPort", noContainerPort)
			} else {
				f.unless(e.ContainerPort != nil, at+"/containerPort", needsContainerPort)
			}
			several := len(p.Networks) > 1 && p.Networks[0].Mode == ModeContainer
			f.unless(!several || e.HostPort == nil || len(e.NetworkNames) == 1, at, severalRule)
			for _, name := range e.NetworkNames {
				known := slices.ContainsFunc(p.Networks, func(n Network) bool { return n.Name == name })
				f.unless(known, at+"/networkNames", fmt.Sprintf("%s is not a network of the pod", name))
			}
		}
		if c.HealthCheck != nil {
			c.checkFaults(&f, fmt.Sprintf("/containers(%d)/healthCheck", i))
		}
		all = append(all, c.Endpoints...)
	}
	f.unless(unique(all, func(e Endpoint) string { return e.Name }), "/containers", endpointNamesRule)
	f.unless(unique(all, func(e Endpoint) uint16 {
		if e.HostPort == nil {
			return 0
		}
		return *e.HostPort
	}), "/containers", hostPortsRule)
	return f
}

func (c *PodContainer) checkFaults(f *faults, at string) {
	h, kinds := c.HealthCheck, 0
	endpoint := func(name, path string) {
		kinds++
		known := slices.ContainsFunc(c.Endpoints, func(e Endpoint) bool { return e.Name == name })
		f.unless(known, at+path, checkEndpointRule)
	}
	if h.HTTP != nil {
		endpoint(h.HTTP.Endpoint, "/http/endpoint")
	}
	if h.TCP != nil {
		endpoint(h.TCP.Endpoint, "/tcp/endpoint")
	}
	if h.Exec != nil {
		kinds++
	}
	f.unless(kinds == 1, at, severalChecksRule)
}

// needs is what an instance takes of its agent, executor included.
func (p *Pod) needs() Needs {
	x := p.ExecutorResources
	n := Needs{CPUs: x.CPUs, Mem: x.Mem, Disk: x.Disk, GPUs: x.GPUs}
	for _, c := range p.Containers {
		n.CPUs += c.Resources.CPUs
		n.Mem += c.Resources.Mem
		n.Disk += c.Resources.Disk
		n.GPUs += c.Resources.GPUs
		n.HostPorts = append(n.HostPorts, c.hostPorts()...)
	}
	return n
}

func (c *PodContainer) hostPorts() []uint16 {
	var out []uint16
	for _, e := range c.Endpoints {
		if e.HostPort != nil {
			out = append(out, *e.HostPort)
		}
	}
	return out
}

// tasks are those of the instance with that id. All are in the network of
// their executor, which knows the port mappings of all of them, and each has
// the ports of its own container in its DiscoveryInfo, under the pod's name.
func (p *Pod) tasks(id string, hostPorts []uint16) ([]*Task, error) {
	needs := p.needs()
	if len(hostPorts) != len(needs.HostPorts) {
		return nil, fmt.Errorf("marathon: pod %s takes %d host ports, not %d", p.ID, len(needs.HostPorts), len(hostPorts))
	}
	on := p.app()
	name, uuid, _ := cutLastOf(id, ".instance-")
	left := hostPorts
	var out []*Task
	var all []mapping
	for _, c := range p.Containers {
		n := len(c.hostPorts())
		ports := c.mappings(on, left[:n])
		left = left[n:]
		all = append(all, ports...)
		t := &Task{
			ID:       id + "." + c.Name,
			Name:     c.Name,
			Executor: "instance-" + name + "." + uuid,
			Needs:    Needs{CPUs: c.Resources.CPUs, Mem: c.Resources.Mem, Disk: c.Resources.Disk, GPUs: c.Resources.GPUs},
			Labels:   labels(merged(p.Labels, c.Labels)),
			Discovery: Discovery{
				Visibility: "FRAMEWORK", Name: parsePathID(p.ID).taskName(), Ports: on.discovery(ports),
			},
			Container: &TaskContainer{Type: typeMesos},
			Check:     c.check(ports),
		}
		if c.Image != nil {
			t.Container.Image, t.Container.Cached = c.Image.ID, !c.Image.ForcePull
		}
		out = append(out, t)
	}
	out[0].Needs.HostPorts = slices.Clone(hostPorts)
	for _, t := range out {
		t.Networks = on.mesosNetworks(all)
	}
	return out, nil
}

// mappings are the ports of a container with the numbers of one instance.
func (c *PodContainer) mappings(on *App, hostPorts []uint16) []mapping {
	var out []mapping
	for _, e := range c.Endpoints {
		m := mapping{PortMapping: PortMapping{
			Name: e.Name, Protocol: strings.Join(e.Protocol, ","), Labels: e.Labels, NetworkNames: e.NetworkNames,
		}}
		if e.ContainerPort != nil {
			m.ContainerPort = *e.ContainerPort
		}
		if e.HostPort != nil {
			m.host, m.has = hostPorts[0], true
			hostPorts = hostPorts[1:]
		}
		if m.ContainerPort == 0 {
			m.ContainerPort = m.host // on the host they are the same; else 0 asks for that
		}
		out = append(out, m)
	}
	return out
}

func (c *PodContainer) check(ports []mapping) *TaskCheck {
	h := c.HealthCheck
	if h == nil {
		return nil
	}
	t := &TaskCheck{Grace: h.GracePeriodSeconds, Interval: h.IntervalSeconds, Timeout: h.TimeoutSeconds}
	port := func(name string) uint16 {
		i := slices.IndexFunc(ports, func(m mapping) bool { return m.Name == name })
		return ports[i].ContainerPort // checkFaults has seen that it is there
	}
	switch {
	case h.HTTP != nil:
		t.Scheme, t.Path, t.Port = strings.ToLower(h.HTTP.Scheme), h.HTTP.Path, port(h.HTTP.Endpoint)
		if t.Scheme == "" {
			t.Scheme = "http"
		}
	case h.TCP != nil:
		t.Port = port(h.TCP.Endpoint)
	default:
		t.Command = h.Exec.Command.Shell
		if t.Command == "" {
			t.Command = strings.Join(h.Exec.Command.Argv, " ")
		}
	}
	return t
}

// merged are the labels of a pod with those of a container over them.
func merged(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func cutLastOf(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
