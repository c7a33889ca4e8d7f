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
	protocol  string // of the ports, as in a DiscoveryInfo
}

// carriers is the transport of each protocol that the ports can have.
var carriers = map[string]string{"tcp": "tcp", "udp": "udp", "http": "tcp", "https": "tcp", "h2c": "tcp", "wss": "tcp", "h3": "udp", "quic": "udp"}

// protocols returns the labels under which the ports have SRV records: what is
// announced, and the transports.
func (s shape) protocols() (list []string) {
	if s.protocol != "" {
		list = strings.Split(s.protocol, ",")
	}
	for _, t := range s.transports() {
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// transports returns what carries the protocols of the ports.
func (s shape) transports() (list []string) {
	if s.protocol == "" {
		return []string{"tcp", "udp"} // nobody knows, so a server may use both
	}
	for one := range strings.SplitSeq(s.protocol, ",") {
		if t := carriers[one]; !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

func (s shape) String() string {
	return fmt.Sprintf("%s on %s, dual %v, labels %v, discovery %v, named %v, protocol %q", s.container, s.network, s.dual, s.labels, s.discovery, s.named, s.protocol)
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
				if !s.discovery {
					continue
				}
				protocols := []string{"https", "h3"}
				if s.labels && !s.dual { // the others are like one of these, so fewer shapes do
					protocols = append(protocols, "", "udp", "http", "h2c", "wss", "quic", "https,h3", "tcp,udp")
				}
				for _, s.protocol = range protocols {
					list = append(list, s)
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
	frontPort            = 80 // of a VIP alone
)

// frameworksOfShapes have one name, so their tasks are told apart by their ids.
var frameworksOfShapes = []*state.Framework{{ID: "f", Name: "marathon"}, {ID: "g", Name: "marathon"}}

// pick returns one of a list, by the number of a shape.
func pick(n int, of ...string) string { return of[n%len(of)] }

// locate gives a task a role, and its agent a fault domain. The world has the subsets
// that follow from them.
func (w *world) locate(n int, t *state.Task, agent *state.Agent) {
	role := pick(n/2, "*", "prod", "eng/web")
	t.Details = &state.TaskDetails{Role: role}
	agent.Zone, agent.Region = pick(n/3, "", "eu-1a", "eu-1b"), pick(n/5, "", "eu", "us")
	w.subsets = []string{t.Key.Framework + ".framework"}
	if label := map[string]string{"prod": "prod", "eng/web": "eng-web"}[role]; label != "" {
		w.subsets = append(w.subsets, label+".role")
	}
	if agent.Zone != "" {
		w.subsets = append(w.subsets, agent.Zone+".zone")
	}
	if agent.Region != "" {
		w.subsets = append(w.subsets, agent.Region+".region")
	}
}

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
	w := &world{agent: agent.Addrs, listens: map[string]map[netip.AddrPort]bool{"tcp": {}, "udp": {}}, opening: s.transports(), networks: map[string][]netip.Addr{}}
	t := &state.Task{Key: state.TaskKey{Framework: pick(n, "f", "g"), ID: fmt.Sprintf("t.%d", n)}, Name: fmt.Sprintf("app%d", n), AgentID: agent.ID, State: state.Running}
	w.locate(n, t, agent)
	c := &state.Container{}
	var mapping []state.PortMapping
	for _, transport := range s.transports() {
		mapping = append(mapping, state.PortMapping{HostPort: hostPort, ContainerPort: appPort, Protocol: transport})
	}

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
		p := state.DiscoveryPort{Number: number, Name: name, Protocol: s.protocol, Labels: []state.Label{
			{Key: "VIP_0", Value: fmt.Sprintf("/%s:%d", t.Name, number)},
			{Key: "VIP_1", Value: fmt.Sprintf("%s-front:%d", t.Name, frontPort)},
		}}
		if s.labels {
			p.Scope, p.Network = scope, network
		}
		t.Discovery.Ports = append(t.Discovery.Ports, p)
		w.ports, w.numbers = append(w.ports, name), append(w.numbers, number)
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
			w.opening = []string{"udp"}
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
