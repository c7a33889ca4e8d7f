package records_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"toponym/state"
)

// shape is one combination of container, network and what Mesos and Marathon say
// about them.
type shape struct {
	container string // none, ucr, docker, pod
	network   string // host, bridge, overlay, mapped, two, two-mapped
	dual      bool
	labels    bool // Marathon 1.5 labels ports; 1.4 does not
	discovery bool
	named     bool   // the status names the networks; Docker did not at first
	protocol  string // of the ports: tcp, https, or h3, which UDP carries
}

// transport is what carries the protocol of the ports.
func (s shape) transport() string {
	if s.protocol == "h3" {
		return "udp"
	}
	return "tcp"
}

func (s shape) String() string {
	return fmt.Sprintf("%s on %s, dual %v, labels %v, discovery %v, named %v, %s", s.container, s.network, s.dual, s.labels, s.discovery, s.named, s.protocol)
}

func shapes() (list []shape) {
	for _, container := range []string{"none", "ucr", "docker", "pod"} {
		for _, network := range []string{"host", "bridge", "overlay", "mapped", "two", "two-mapped"} {
			for bits := range 16 {
				s := shape{container, network, bits&1 > 0, bits&2 > 0, bits&4 > 0, bits&8 > 0, "tcp"}
				if !s.named && (container != "docker" || strings.HasPrefix(network, "two")) {
					continue // the Mesos containerizer names its networks
				}
				if network == "two-mapped" && container == "docker" {
					continue // Docker does not say which network its mappings lead to
				}
				list = append(list, s)
				if s.discovery {
					for _, s.protocol = range []string{"https", "h3"} {
						list = append(list, s)
					}
				}
			}
		}
	}
	return list
}

// Ports of a task: the application's own, and those of the agent.
const (
	appPort, adminPort   = 8080, 9090
	hostPort, secondPort = 31000, 31001
)

// build returns the task of a shape as a master describes it, its agent, and the
// world in which it runs. n makes its addresses unique.
func (s shape) build(n int) (*state.Task, *state.Agent, *world) {
	v4 := func(a, b byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, byte(n >> 8), byte(n)}) }
	addrs := func(a, b byte) []netip.Addr {
		list := []netip.Addr{v4(a, b)}
		if s.dual {
			list = append(list, netip.AddrFrom16([16]byte{0: 0xfd, 1: a, 2: b, 14: byte(n >> 8), 15: byte(n)}))
		}
		return list
	}
	agent := &state.Agent{ID: fmt.Sprintf("a-S%d", n), Addrs: []netip.Addr{v4(10, 0)}}
	w := &world{agent: agent.Addrs, listens: map[string]map[netip.AddrPort]bool{"tcp": {}, "udp": {}}, opening: s.transport(), networks: map[string][]netip.Addr{}}
	t := &state.Task{Key: state.TaskKey{Framework: "f", ID: fmt.Sprintf("t.%d", n)}, Name: fmt.Sprintf("app%d", n), AgentID: agent.ID, State: state.Running}
	c := &state.Container{}
	mapping := []state.PortMapping{{HostPort: hostPort, ContainerPort: appPort, Protocol: s.transport()}}

	attach := func(name string, addrs []netip.Addr, mappings []state.PortMapping) {
		w.own = append(w.own, addrs...)
		w.networks[name] = addrs
		t.Addresses.NetInfo = append(t.Addresses.NetInfo, addrs...)
		inStatus := state.Network{Addrs: addrs}
		asked := state.Network{Name: name}
		if s.named && (name != "bridge" || s.container != "docker") {
			inStatus.Name = name
		}
		if s.container != "docker" {
			inStatus.Mappings, asked.Mappings = mappings, mappings
		}
		if inStatus.Name != "" || len(inStatus.Mappings) > 0 {
			t.Addresses.Networks = append(t.Addresses.Networks, inStatus)
		}
		if s.container == "docker" {
			c.DockerNetwork, c.Mappings = "USER", mappings
			if name == "bridge" {
				c.DockerNetwork = "BRIDGE"
				return
			}
		}
		c.Networks = append(c.Networks, asked)
	}
	port := func(number uint16, name, scope, network string) {
		if !s.discovery {
			return
		}
		p := state.DiscoveryPort{Number: number, Name: name, Protocol: s.protocol}
		if s.labels {
			p.Scope, p.Network = scope, network
		}
		t.Discovery.Ports = append(t.Discovery.Ports, p)
		w.ports = append(w.ports, name)
		if scope != "container" || s.network == "mapped" && name == "http" {
			w.outside = append(w.outside, name)
		}
		if s.network != "bridge" {
			w.inside = append(w.inside, name)
		}
	}
	if s.discovery {
		t.Discovery = &state.Discovery{Name: t.Name, Visibility: "FRAMEWORK"}
	}
	switch s.network {
	case "host":
		own := agent.Addrs
		if s.dual { // only the status has the second address of the agent
			own = append(slices.Clone(own), addrs(10, 0)[1])
		}
		t.Addresses.NetInfo = own
		w.own, w.onAgent = own, true
		w.open(own, hostPort)
		w.open(own, secondPort)
		if !s.discovery { // nobody knows which transport it uses
			w.opening = "udp"
			w.open(own, hostPort)
			w.open(own, secondPort)
		}
		if s.container == "docker" {
			c.DockerNetwork = "HOST"
		}
		if s.container != "pod" { // the executor has a pod's
			t.Ports = []state.PortRange{{First: hostPort, Last: secondPort}}
		}
		port(hostPort, "http", "", "")
		port(secondPort, "admin", "", "")
	case "bridge":
		attach("bridge", addrs(172, 17), mapping)
		w.open(w.agent, hostPort) // from elsewhere, nothing reaches the task itself
		w.onAgent = true
		if s.container != "pod" {
			t.Ports = []state.PortRange{{First: hostPort, Last: hostPort}}
		}
		port(hostPort, "http", "host", "")
	case "overlay":
		attach("dcos", addrs(9, 0), nil)
		w.open(w.own, appPort)
		port(appPort, "http", "container", "dcos")
	case "mapped": // an overlay, with one of its ports on the agent as well
		attach("dcos", addrs(9, 0), mapping)
		w.open(w.own, appPort)
		w.open(w.own, adminPort)
		w.open(w.agent, hostPort)
		w.onAgent = true
		if s.container != "pod" {
			t.Ports = []state.PortRange{{First: hostPort, Last: hostPort}}
		}
		if s.labels {
			port(appPort, "http", "container", "dcos")
		} else {
			port(hostPort, "http", "host", "")
		}
		port(adminPort, "admin", "container", "dcos")
	case "two-mapped": // the same port on two networks; the port of the agent leads to one of them
		attach("dcos", addrs(9, 0), nil)
		attach("storage", addrs(9, 1), mapping)
		w.open(w.networks["storage"], appPort)
		w.open(w.agent, hostPort)
		w.onAgent = true
		if s.container != "pod" {
			t.Ports = []state.PortRange{{First: hostPort, Last: hostPort}}
		}
		port(hostPort, "http", "host", "")
		if s.labels {
			port(appPort, "admin", "container", "dcos")
			if s.discovery {
				w.open(w.networks["dcos"], appPort)
			}
		}
	case "two":
		attach("dcos", addrs(9, 0), nil)
		attach("storage", addrs(9, 1), nil)
		port(appPort, "http", "container", "dcos")
		port(adminPort, "admin", "container", "storage")
		if s.labels {
			w.open(w.networks["dcos"], appPort)
			w.open(w.networks["storage"], adminPort)
		} else {
			w.open(w.own, appPort)
			w.open(w.own, adminPort)
		}
	}
	if s.container == "docker" {
		t.Addresses.Docker = t.Addresses.NetInfo[:1]
	}
	if s.container == "pod" || s.container == "none" && s.network == "host" {
		c = nil // a pod's is in its executor
	}
	t.Container = c
	return t, agent, w
}
