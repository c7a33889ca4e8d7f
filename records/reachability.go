package records

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"toponym/state"
)

// reachability is where a task and its ports can be reached. find fills it in:
//
//  1. The addresses that the status reports, and the port mappings.
//  2. Whether the task has networks of its own, and which addresses are there.
//  3. On which side the ports of its resources are open.
//  4. The addresses of its names, from the IP sources.
type reachability struct {
	addrs []netip.Addr // of the task's names, from IPSources
	from  addrSource

	reported   []netip.Addr // addresses in the task status; those of the agent on its network
	reportedBy IPSource
	container  []netip.Addr // the reported addresses that are not the agent's
	isolated   bool         // the task does not share the network of the agent
	mappedOnly bool         // ports of the agent only lead to it through port mappings
	onAgent    bool         // a port of the task is open on the agent
	mappings   []hostPortMapping

	agentPorts     []state.PortRange // of resources.ports, those that are open on the agent
	containerPorts []state.PortRange // those that can only be open on the task's own network

	// Buffers that are reused.
	containerBuf []netip.Addr
	portsBuf     []state.PortRange
}

// hostPortMapping is a port mapping that opens a port of the agent, and the
// network that it leads to, if that has a name.
type hostPortMapping struct {
	state.PortMapping
	network string
}

var errNoNetworkAddr = errors.New("no address is known on the network of this port")

// dockerHost is the value of DockerInfo.network for the network of the agent.
const dockerHost = "HOST"

// find finds out where a task on an agent can be reached.
func (r *reachability) find(t *state.Task, agent *state.Agent, sources []IPSource) {
	*r = reachability{mappings: r.mappings[:0], containerBuf: r.containerBuf[:0], portsBuf: r.portsBuf[:0]}
	r.reported, r.reportedBy = reportedAddrs(t.Addresses)

	docker, named := "", false
	if c := t.Container; c != nil {
		docker = c.DockerNetwork
		r.addMappings(c.Mappings, "")
		for _, n := range c.Networks {
			named = named || n.Name != ""
			r.addMappings(n.Mappings, n.Name)
		}
	}
	for _, n := range t.Addresses.Networks {
		named = named || n.Name != "" && len(n.Addrs) > 0
		r.addMappings(n.Mappings, n.Name)
	}
	if docker != dockerHost {
		wantsNetwork := named || docker != "" || len(r.mappings) > 0
		r.findContainerAddrs(agent.Addrs, wantsNetwork)
		r.isolated = wantsNetwork || len(r.container) > 0
		r.mappedOnly = wantsNetwork
		if wantsNetwork && len(r.container) == 0 && t.State == state.Starting {
			r.reported = nil // the task is not on its networks yet
		}
	}
	r.splitPorts(t.Ports)
	r.onAgent = len(r.agentPorts) > 0 || r.discoveryOnAgent(t.Discovery) || r.discoveryMapped(t.Discovery)
	r.addrs, r.from = r.fromSources(t, agent, sources)
}

// reportedAddrs returns the addresses in the status of a task, from the most
// trustworthy source that has any.
func reportedAddrs(a state.Addresses) ([]netip.Addr, IPSource) {
	switch {
	case len(a.NetInfo) > 0:
		return a.NetInfo, SourceNetInfo
	case len(a.Docker) > 0:
		return a.Docker, SourceDocker
	}
	return a.Mesos, SourceMesos
}

// findContainerAddrs finds the reported addresses that are not the agent's. If
// the task did not ask for a network, one address of the agent means that all are
// the agent's, which may have more than those that it registered with.
func (r *reachability) findContainerAddrs(agent []netip.Addr, wantsNetwork bool) {
	ofAgent := func(a netip.Addr) bool { return slices.Contains(agent, a) }
	if !slices.ContainsFunc(r.reported, ofAgent) {
		r.container = r.reported
		return
	}
	if !wantsNetwork {
		return
	}
	for _, a := range r.reported {
		if !ofAgent(a) {
			r.containerBuf = append(r.containerBuf, a)
		}
	}
	r.container = r.containerBuf
}

// splitPorts finds the side on which each port of the resources is open. A task
// that asked for networks but for no port mapping can only use the numbers there.
func (r *reachability) splitPorts(ports []state.PortRange) {
	switch {
	case !r.mappedOnly:
		r.agentPorts = ports
	case len(r.mappings) == 0:
		r.containerPorts = ports
	default:
		for _, p := range ports {
			for n := int(p.First); n <= int(p.Last); n++ {
				if r.byHostPort(uint16(n), "") != nil {
					r.portsBuf = append(r.portsBuf, state.PortRange{First: uint16(n), Last: uint16(n)})
				}
			}
		}
		r.agentPorts = r.portsBuf
	}
}

// fromSources returns the addresses of the first IP source that has any.
func (r *reachability) fromSources(t *state.Task, agent *state.Agent, sources []IPSource) ([]netip.Addr, addrSource) {
	for _, source := range sources {
		var addrs []netip.Addr
		from := addrSource{source: source}
		switch source {
		case SourceHost:
			addrs = agent.Addrs
		case SourceNetInfo:
			addrs = t.Addresses.NetInfo
		case SourceDocker:
			addrs = t.Addresses.Docker
		case SourceMesos:
			addrs = t.Addresses.Mesos
		case SourceAuto:
			addrs, from.source = r.autoAddrs(agent)
			from.auto = true
		}
		if len(addrs) > 0 {
			return addrs, from
		}
	}
	return nil, addrSource{}
}

// autoAddrs returns the addresses of the agent if a port of the task is open
// there, else those of the task itself, else those of the agent.
func (r *reachability) autoAddrs(agent *state.Agent) ([]netip.Addr, IPSource) {
	if r.onAgent || len(r.reported) == 0 {
		return agent.Addrs, SourceHost
	}
	return r.reported, r.reportedBy
}

// addMappings adds the mappings that open a port of the agent.
func (r *reachability) addMappings(mappings []state.PortMapping, network string) {
	for _, m := range mappings {
		if m.HostPort == 0 || m.ContainerPort == 0 {
			continue
		}
		if h := (hostPortMapping{m, network}); !slices.Contains(r.mappings, h) {
			r.mappings = append(r.mappings, h)
		}
	}
}

// matchesProtocol reports whether a mapping can be that of a port with a protocol.
// Protocols of a DiscoveryInfo other than TCP and UDP match every mapping.
func (m *hostPortMapping) matchesProtocol(protocol string) bool {
	switch {
	case strings.EqualFold(protocol, "tcp"):
		return !strings.EqualFold(m.Protocol, "udp")
	case strings.EqualFold(protocol, "udp"):
		return strings.EqualFold(m.Protocol, "udp")
	}
	return true
}

// byHostPort returns the mapping of a port of the agent, preferably one with the
// same protocol.
func (r *reachability) byHostPort(n uint16, protocol string) *hostPortMapping {
	var found *hostPortMapping
	for i := range r.mappings {
		switch m := &r.mappings[i]; {
		case m.HostPort != n:
		case m.matchesProtocol(protocol):
			return m
		case found == nil:
			found = m
		}
	}
	return found
}

// byContainerPort returns the mapping that leads to a port of the container. The
// same number by another protocol or on another network is another port.
func (r *reachability) byContainerPort(n uint16, protocol, network string) *hostPortMapping {
	for i := range r.mappings {
		m := &r.mappings[i]
		if m.ContainerPort == n && m.matchesProtocol(protocol) && (network == "" || m.network == "" || m.network == network) {
			return m
		}
	}
	return nil
}

// The values of the port label network-scope.
const (
	scopeHost      = "host"
	scopeContainer = "container"
)

// portSides is where a port of the DiscoveryInfo is open: its number on the agent
// and on the task's own network, 0 where it is not open.
type portSides struct {
	agent, container uint16
	meansAgent       bool             // the DiscoveryInfo means the side of the agent
	mapping          *hostPortMapping // between the two sides, if there is one
}

// sidesOf returns where a port of the DiscoveryInfo is open, for one of its
// protocols. Without the label network-scope the port is one of the agent, as
// Marathon means it, unless the task has addresses of its own and no mapping leads
// to the port.
func (r *reachability) sidesOf(p *state.DiscoveryPort, protocol string) portSides {
	n := p.Number
	if !r.isolated {
		return portSides{n, n, true, nil}
	}
	if p.Protocol == "" {
		protocol = "" // the mapping may have either
	}
	host, container := r.byHostPort(n, protocol), r.byContainerPort(n, protocol, p.Network)
	switch {
	case p.Scope == scopeContainer && container != nil:
		return portSides{container.HostPort, n, false, container}
	case p.Scope == scopeContainer && host != nil && r.byContainerPort(n, "", "") == nil:
		return portSides{n, host.ContainerPort, false, host}
	case p.Scope == scopeContainer:
		return portSides{0, n, false, nil}
	case host != nil:
		return portSides{n, host.ContainerPort, true, host}
	case container != nil:
		return portSides{container.HostPort, n, true, container}
	case r.byContainerPort(n, "", "") != nil:
		return portSides{0, n, false, nil} // what is mapped has another protocol
	case p.Scope == scopeHost, len(r.container) == 0, !r.mappedOnly && inRanges(r.agentPorts, n):
		return portSides{n, 0, true, nil}
	}
	return portSides{0, n, false, nil}
}

// discoveryMapped reports whether a port of the agent leads to a port of the task.
// If the DiscoveryInfo lists ports, only these count: in a pod the mappings are
// those of all its tasks.
func (r *reachability) discoveryMapped(d *state.Discovery) bool {
	if d == nil || len(d.Ports) == 0 {
		return len(r.mappings) > 0
	}
	for i := range d.Ports {
		p := &d.Ports[i]
		if r.byHostPort(p.Number, p.Protocol) != nil || r.byContainerPort(p.Number, p.Protocol, p.Network) != nil {
			return true
		}
	}
	return false
}

// discoveryOnAgent reports whether a port of the DiscoveryInfo is open on the
// agent.
func (r *reachability) discoveryOnAgent(d *state.Discovery) bool {
	if d == nil {
		return false
	}
	for i := range d.Ports {
		p := &d.Ports[i]
		if sides := r.sidesOf(p, p.Protocol); sides.meansAgent && sides.agent != 0 && p.Scope != scopeContainer {
			return true
		}
	}
	return false
}

func inRanges(ranges []state.PortRange, n uint16) bool {
	for _, r := range ranges {
		if r.First <= n && n <= r.Last {
			return true
		}
	}
	return false
}

// networks iterates over the named networks on which the task has addresses. If
// the status names none, as early versions of the Docker executor did, the only
// network that the task asked for has all of its addresses.
func (r *reachability) networks(t *state.Task) func(yield func(string, []netip.Addr) bool) {
	return func(yield func(string, []netip.Addr) bool) {
		named := false
		for i, n := range t.Addresses.Networks {
			if n.Name == "" || len(n.Addrs) == 0 {
				continue
			}
			named = true
			if listsNetwork(t.Addresses.Networks[:i], n.Name) {
				continue
			}
			if !yield(n.Name, addrsOn(t.Addresses.Networks, n.Name)) {
				return
			}
		}
		if c := t.Container; !named && c != nil && len(c.Networks) == 1 && c.Networks[0].Name != "" && len(r.container) > 0 {
			yield(c.Networks[0].Name, r.container)
		}
	}
}

func listsNetwork(list []state.Network, name string) bool {
	return slices.ContainsFunc(list, func(n state.Network) bool { return n.Name == name && len(n.Addrs) > 0 })
}

// addrsOn returns all addresses on the network with a name, which mostly is listed
// once.
func addrsOn(list []state.Network, name string) []netip.Addr {
	var addrs []netip.Addr
	for _, n := range list {
		switch {
		case n.Name != name || len(n.Addrs) == 0:
		case addrs == nil:
			addrs = n.Addrs[:len(n.Addrs):len(n.Addrs)]
		default:
			for _, a := range n.Addrs {
				if !slices.Contains(addrs, a) {
					addrs = append(addrs, a)
				}
			}
		}
	}
	return addrs
}

// networkAddrs returns the addresses on a network, and the name of the network if
// all of them are there. A network of which the status says nothing has the
// addresses that no named network has.
func (r *reachability) networkAddrs(t *state.Task, network string) ([]netip.Addr, string) {
	if network == "" {
		return r.container, ""
	}
	anyNamed := false
	for name, addrs := range r.networks(t) {
		if name == network {
			return addrs, network
		}
		anyNamed = true
	}
	if !anyNamed {
		return r.container, ""
	}
	var unnamed []netip.Addr
	for _, a := range r.container {
		if !slices.ContainsFunc(t.Addresses.Networks, func(n state.Network) bool { return n.Name != "" && slices.Contains(n.Addrs, a) }) {
			unnamed = append(unnamed, a)
		}
	}
	return unnamed, ""
}

// mappedAddrs returns the addresses that a mapping leads to. It returns the name
// of their network if the task is on other networks as well.
func (r *reachability) mappedAddrs(m *hostPortMapping, t *state.Task) ([]netip.Addr, string) {
	if m.network == "" {
		return r.container, ""
	}
	addrs, network := r.networkAddrs(t, m.network)
	if sameAddrs(addrs, r.container) {
		return r.container, ""
	}
	return addrs, network
}

// sameAddrs reports whether two lists without duplicates hold the same addresses
// in any order.
func sameAddrs(a, b []netip.Addr) bool {
	if len(a) != len(b) {
		return false
	}
	for _, one := range a {
		if !slices.Contains(b, one) {
			return false
		}
	}
	return true
}
