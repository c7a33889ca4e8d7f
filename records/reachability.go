package records

import (
	"errors"
	"net/netip"
	"slices"

	"toponym/state"
)

// reachability is where a task and its ports can be reached. find fills it in:
//
//  1. The addresses that the status reports, and the port mappings.
//  2. Whether the task has networks of its own, and which addresses are there.
//  3. On which side the ports of its resources are open.
//  4. The addresses of its names, from the IP sources.
type reachability struct {
	addrs          []netip.Addr // of the task's names, from IPSources
	from           addrSource
	addrsAreAgents bool    // they are those of the agent
	reported       addrSet // addresses in the task status; those of the agent on its network
	reportedBy     IPSource
	container      addrSet   // the reported addresses that are not the agent's
	networks       []addrSet // the named networks on which the task has addresses
	unnamed        addrSet   // the container addresses that are on none of these
	unnamedFound   bool
	isolated       bool   // the task does not share the network of the agent
	mappedOnly     bool   // ports of the agent only lead to it through port mappings
	onAgent        bool   // a port of the task is open on the agent
	hasOwnAddrs    bool   // the task has addresses that are not the agent's, even if they are withheld
	withheld       bool   // it has addresses that only the agent reaches, see withholdAgentNetworks
	agentNetwork   string // where they are, if that has a name
	mappings       mappingTable

	discoveryPorts []state.DiscoveryPort // of the DiscoveryInfo, up to the limit
	resourcePorts  []state.PortRange     // of the resources, up to the limit
	agentPorts     []state.PortRange     // of resourcePorts, those that are open on the agent
	containerPorts []state.PortRange     // those that can only be open on the task's own network
	agentPortSet   portSet               // of agentPorts

	// Buffers that are reused.
	containerBuf []netip.Addr
	limitedBuf   []state.PortRange
	mappedBuf    []state.PortRange
}

// addrSet is a set of addresses of a task on which its ports can be open.
type addrSet struct {
	name  string // of the network, if all of them are on one that has a name
	addrs []netip.Addr

	// Of the identity that is being made, see containerTarget.
	target    numberedName
	hasTarget bool
}

var errNoNetworkAddr = errors.New("no address is known on the network of this port")

// Values of DockerInfo.network: for the network of the agent, and for docker0.
const (
	dockerHost   = "HOST"
	dockerBridge = "BRIDGE"
)

// find finds out where a task on an agent can be reached. It returns which limits
// the task exceeds.
func (r *reachability) find(t *state.Task, agent *state.Agent, o *Options) (exceeded []LimitError) {
	*r = reachability{networks: r.networks[:0], mappings: r.mappings.reset(), agentPortSet: r.agentPortSet.reset(),
		containerBuf: r.containerBuf[:0], limitedBuf: r.limitedBuf[:0], mappedBuf: r.mappedBuf[:0]}
	limits := &o.Limits
	check := func(wasCut bool, e LimitError) {
		if wasCut {
			exceeded = append(exceeded, e)
		}
	}
	var wasCut bool
	if t.Discovery != nil {
		r.discoveryPorts, wasCut = cut(t.Discovery.Ports, limits.TaskPorts)
		check(wasCut, limits.ports("ports in its DiscoveryInfo"))
	}
	r.resourcePorts, wasCut = cutPorts(t.Ports, r.limitedBuf, limits.TaskPorts)
	check(wasCut, limits.ports("ports in its resources"))
	addresses := t.Addresses
	for _, list := range [...]*[]netip.Addr{&addresses.NetInfo, &addresses.Docker, &addresses.Mesos} {
		*list, wasCut = cut(*list, limits.TaskAddrs)
		check(wasCut, limits.addrs("addresses"))
	}
	addresses.Networks, wasCut = cut(addresses.Networks, limits.TaskAddrs)
	check(wasCut, limits.addrs("networks"))
	r.reported.addrs, r.reportedBy = reportedAddrs(addresses)

	docker, named := "", false
	wasCut = false
	add := func(mappings []state.PortMapping, network string) {
		wasCut = !r.mappings.add(mappings, network, limits.TaskPorts) || wasCut
	}
	if c := t.Container; c != nil {
		docker = c.DockerNetwork
		add(c.Mappings, "")
		for _, n := range c.Networks {
			named = named || n.Name != ""
			add(n.Mappings, n.Name)
		}
	}
	for _, n := range addresses.Networks {
		named = named || n.Name != "" && len(n.Addrs) > 0
		add(n.Mappings, n.Name)
	}
	check(wasCut, limits.ports("port mappings"))
	r.mappings.buildIndex()
	if docker != dockerHost {
		wantsNetwork := named || docker != "" || len(r.mappings.list) > 0
		r.findContainerAddrs(agent.Addrs, wantsNetwork)
		r.isolated = wantsNetwork || len(r.container.addrs) > 0
		r.mappedOnly = wantsNetwork
		if wantsNetwork && len(r.container.addrs) == 0 && t.State == state.Starting {
			r.reported.addrs = nil // the task is not on its networks yet
		}
	}
	check(r.findNetworks(addresses.Networks, t.Container, limits.TaskAddrs), limits.addrs("addresses on a network"))
	r.hasOwnAddrs = len(r.container.addrs) > 0
	if o.Scope != ScopeCompat {
		r.withholdAgentNetworks(docker)
	}
	r.splitPorts()
	r.onAgent = len(r.agentPorts) > 0 || r.discoveryOnAgent() || r.discoveryMapped()
	r.addrs, r.from = r.fromSources(addresses, agent, o.IPSources)
	r.addrsAreAgents = sameAddrs(r.addrs, agent.Addrs)
	return exceeded
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
	if !slices.ContainsFunc(r.reported.addrs, ofAgent) {
		r.container.addrs = r.reported.addrs
		return
	}
	if !wantsNetwork {
		return
	}
	for _, a := range r.reported.addrs {
		if !ofAgent(a) {
			r.containerBuf = append(r.containerBuf, a)
		}
	}
	r.container.addrs = r.containerBuf
}

// splitPorts finds the side on which each port of the resources is open. A task
// that asked for networks but for no port mapping can only use the numbers there.
func (r *reachability) splitPorts() {
	switch {
	case !r.mappedOnly:
		r.agentPorts = r.resourcePorts
	case len(r.mappings.list) == 0:
		r.containerPorts = r.resourcePorts
	default:
		for _, p := range r.resourcePorts {
			for n := int(p.First); n <= int(p.Last); n++ {
				if r.mappings.byHostPort(uint16(n), "") != nil {
					r.mappedBuf = append(r.mappedBuf, state.PortRange{First: uint16(n), Last: uint16(n)})
				}
			}
		}
		r.agentPorts = r.mappedBuf
	}
}

// fromSources returns the addresses of the first IP source that has any.
func (r *reachability) fromSources(a state.Addresses, agent *state.Agent, sources []IPSource) ([]netip.Addr, addrSource) {
	for _, source := range sources {
		var addrs []netip.Addr
		from := addrSource{source: source}
		switch source {
		case SourceHost:
			addrs = agent.Addrs
		case SourceNetInfo:
			addrs = a.NetInfo
		case SourceDocker:
			addrs = a.Docker
		case SourceMesos:
			addrs = a.Mesos
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
	if r.onAgent || len(r.reported.addrs) == 0 {
		return agent.Addrs, SourceHost
	}
	return r.reported.addrs, r.reportedBy
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
	meansAgent       bool         // the DiscoveryInfo means the side of the agent
	mapping          *portMapping // between the two sides, if there is one
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
	m := &r.mappings
	host, container := m.byHostPort(n, protocol), m.byContainerPort(n, protocol, p.Network)
	switch {
	case p.Scope == scopeContainer && container != nil:
		return portSides{container.HostPort, n, false, container}
	case p.Scope == scopeContainer && host != nil && m.byContainerPort(n, "", "") == nil:
		return portSides{n, host.ContainerPort, false, host}
	case p.Scope == scopeContainer:
		return portSides{0, n, false, nil}
	case host != nil:
		return portSides{n, host.ContainerPort, true, host}
	case container != nil:
		return portSides{container.HostPort, n, true, container}
	case m.byContainerPort(n, "", "") != nil:
		return portSides{0, n, false, nil} // what is mapped has another protocol
	case p.Scope == scopeHost, !r.hasOwnAddrs, !r.mappedOnly && r.agentPortSet.contains(r.agentPorts, n):
		return portSides{n, 0, true, nil}
	}
	return portSides{0, n, false, nil}
}

// discoveryMapped reports whether a port of the agent leads to a port of the task.
// If the DiscoveryInfo lists ports, only these count: in a pod the mappings are
// those of all its tasks.
func (r *reachability) discoveryMapped() bool {
	if len(r.discoveryPorts) == 0 {
		return len(r.mappings.list) > 0
	}
	for i := range r.discoveryPorts {
		p := &r.discoveryPorts[i]
		if r.mappings.byHostPort(p.Number, p.Protocol) != nil || r.mappings.byContainerPort(p.Number, p.Protocol, p.Network) != nil {
			return true
		}
	}
	return false
}

// discoveryOnAgent reports whether a port of the DiscoveryInfo is open on the
// agent.
func (r *reachability) discoveryOnAgent() bool {
	for i := range r.discoveryPorts {
		p := &r.discoveryPorts[i]
		if sides := r.sidesOf(p, p.Protocol); sides.meansAgent && sides.agent != 0 && p.Scope != scopeContainer {
			return true
		}
	}
	return false
}

// findNetworks finds the addresses on each named network. If the status names
// none, as early versions of the Docker executor did, the only network that the
// task asked for has all of its addresses. It reports whether a network has more
// addresses than the limit.
func (r *reachability) findNetworks(networks []state.Network, c *state.Container, limit int) (exceeded bool) {
	for _, n := range networks {
		if n.Name == "" || len(n.Addrs) == 0 {
			continue
		}
		addrs, wasCut := cut(n.Addrs, limit)
		exceeded = exceeded || wasCut
		i := slices.IndexFunc(r.networks, func(s addrSet) bool { return s.name == n.Name })
		if i < 0 {
			r.networks = append(r.networks, addrSet{name: n.Name, addrs: slices.Clip(addrs)})
			continue
		}
		known := &r.networks[i].addrs // a network is rarely listed twice
		for _, a := range addrs {
			switch {
			case slices.Contains(*known, a):
			case limit > 0 && len(*known) == limit:
				exceeded = true
			default:
				*known = append(*known, a)
			}
		}
	}
	if len(r.networks) == 0 && c != nil && len(c.Networks) == 1 && c.Networks[0].Name != "" && len(r.container.addrs) > 0 {
		r.networks = append(r.networks, addrSet{name: c.Networks[0].Name, addrs: r.container.addrs})
		r.unnamedFound = true // there are none
		r.unnamed.addrs = r.container.addrs
	}
	return exceeded
}

// network returns the addresses on a network. A network that the status does not
// mention has the addresses that no named network has.
func (r *reachability) network(name string) *addrSet {
	if name == "" {
		return &r.container
	}
	for i := range r.networks {
		if r.networks[i].name == name {
			return &r.networks[i]
		}
	}
	if len(r.networks) == 0 {
		return &r.container
	}
	if !r.unnamedFound {
		r.unnamedFound = true
		named := map[netip.Addr]struct{}{}
		for i := range r.networks {
			for _, a := range r.networks[i].addrs {
				named[a] = struct{}{}
			}
		}
		for _, a := range r.container.addrs {
			if _, ok := named[a]; !ok {
				r.unnamed.addrs = append(r.unnamed.addrs, a)
			}
		}
	}
	return &r.unnamed
}

// mapped returns the addresses that a mapping leads to. It returns those of the
// network only if the task is on other networks as well.
func (r *reachability) mapped(m *portMapping) *addrSet {
	if m.network == "" || len(r.networks) == 0 {
		return &r.container
	}
	set := r.network(m.network)
	if sameAddrs(set.addrs, r.container.addrs) {
		return &r.container
	}
	return set
}

// ownAddrs returns the addresses of the task itself on which a port of the
// DiscoveryInfo is open, for its sides.
func (r *reachability) ownAddrs(p *state.DiscoveryPort, sides portSides) *addrSet {
	switch {
	case r.isolated && p.Network == "" && sides.mapping != nil:
		return r.mapped(sides.mapping)
	case r.isolated:
		return r.network(p.Network)
	}
	return &r.reported
}

// forgetTargets forgets the SRV targets of all addresses.
func (r *reachability) forgetTargets() {
	r.reported.hasTarget, r.container.hasTarget, r.unnamed.hasTarget = false, false, false
	for i := range r.networks {
		r.networks[i].hasTarget = false
	}
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
