package records

import (
	"net/netip"
	"slices"

	"toponym/state"
)

// place is where a task and its ports can be reached: what its records are
// made of, beside its names. A maker has one, filled anew for each task.
type place struct {
	addrs []netip.Addr // of the task's names, by IPSources
	from  origin

	reported []netip.Addr // the task's network addresses; on the agent's network, those of the agent
	source   IPSource     // where reported comes from
	own      []netip.Addr // those of reported that are not the agent's
	isolated bool         // the task does not share the agent's network
	closed   bool         // and only port mappings open ports of the agent to it
	hostPort bool         // a port of the task is open on the agent
	mappings []opening

	agentPorts []state.PortRange // those of resources.ports that are open on the agent
	ownPorts   []state.PortRange // those that can only be open on the task's own network

	buf    []netip.Addr // own, where it is a part of reported
	ranges []state.PortRange
}

// look fills the maker's place.
func (m *maker) look(o owner) {
	t, p := o.task, &m.at
	*p = place{mappings: p.mappings[:0], buf: p.buf[:0], ranges: p.ranges[:0]}
	p.reported, p.source = reported(t.Addresses)

	docker, named := "", false
	if c := t.Container; c != nil {
		docker = c.DockerNetwork
		p.openings(c.Mappings, "")
		for _, n := range c.Networks {
			named = named || n.Name != ""
			p.openings(n.Mappings, n.Name)
		}
	}
	for _, n := range t.Addresses.Networks {
		named = named || n.Name != "" && len(n.Addrs) > 0
		p.openings(n.Mappings, n.Name)
	}
	if docker != dockerHost {
		asked := named || docker != "" || len(p.mappings) > 0
		p.findOwn(o.agent.Addrs, asked)
		p.isolated = asked || len(p.own) > 0
		p.closed = asked
		if asked && len(p.own) == 0 && t.State == state.Starting {
			p.reported = nil // it is not on its networks yet
		}
	}
	p.splitPorts(t.Ports)
	p.hostPort = len(p.agentPorts) > 0 || p.discovered(t.Discovery) || p.mapped(t.Discovery)
	p.addrs, p.from = m.addresses(o)
}

// dockerHost is the value of DockerInfo.network that means the agent's network.
const dockerHost = "HOST"

// reported are the addresses that a task's status carries, from the most
// trustworthy place that has any.
func reported(a state.Addresses) ([]netip.Addr, IPSource) {
	switch {
	case len(a.NetInfo) > 0:
		return a.NetInfo, SourceNetInfo
	case len(a.Docker) > 0:
		return a.Docker, SourceDocker
	}
	return a.Mesos, SourceMesos
}

// findOwn takes the agent's addresses out of the reported ones. Where the task
// asked for no network, one of them says that all are: an agent may have others
// beside the one that it registered with.
func (p *place) findOwn(agent []netip.Addr, asked bool) {
	p.own = p.reported
	for _, a := range p.reported {
		if !slices.Contains(agent, a) {
			continue
		}
		p.own = nil
		if asked {
			for _, a := range p.reported {
				if !slices.Contains(agent, a) {
					p.buf = append(p.buf, a)
				}
			}
			p.own = p.buf
		}
		return
	}
}

// splitPorts sorts the ports that the agent gave the task by where they are
// open. A task that asked for networks and not for a mapping of ports can only
// use their numbers there.
func (p *place) splitPorts(ports []state.PortRange) {
	switch {
	case !p.closed:
		p.agentPorts = ports
	case len(p.mappings) == 0:
		p.ownPorts = ports
	default:
		for _, r := range ports {
			for n := int(r.First); n <= int(r.Last); n++ {
				if p.byHost(uint16(n), "") != nil {
					p.ranges = append(p.ranges, state.PortRange{First: uint16(n), Last: uint16(n)})
				}
			}
		}
		p.agentPorts = p.ranges
	}
}

// The values of the label network-scope.
const (
	scopeHost      = "host"
	scopeContainer = "container"
)

// sides are where a port of the DiscoveryInfo is open: the numbers that it has
// on the agent and on the task's own network, 0 where it is not open there, and
// on which side its name means it.
type sides struct {
	agent, own uint16
	onAgent    bool
	mapping    *opening // between the two, if there is one
}

// sides finds them for one of the port's protocols, or for all. Without a label
// the port is the agent's, as Marathon means it, unless the task has addresses
// of its own and no mapping leads to the port.
func (p *place) sides(d *state.DiscoveryPort, protocol string) sides {
	n := d.Number
	if !p.isolated {
		return sides{n, n, true, nil}
	}
	if d.Protocol == "" {
		protocol = "" // nothing tells which one it has
	}
	host, container := p.byHost(n, protocol), p.byContainer(n, protocol, d.Network)
	switch {
	case d.Scope == scopeContainer && container != nil:
		return sides{container.HostPort, n, false, container}
	case d.Scope == scopeContainer && host != nil && p.byContainer(n, "", "") == nil:
		return sides{n, host.ContainerPort, false, host}
	case d.Scope == scopeContainer:
		return sides{0, n, false, nil}
	case host != nil:
		return sides{n, host.ContainerPort, true, host}
	case container != nil:
		return sides{container.HostPort, n, true, container}
	case p.byContainer(n, "", "") != nil:
		return sides{0, n, false, nil} // what is mapped has another protocol
	case d.Scope == scopeHost, len(p.own) == 0, !p.closed && inRanges(p.agentPorts, n):
		return sides{n, 0, true, nil}
	}
	return sides{0, n, false, nil}
}

// mapped reports whether a port of the agent leads to a port of the task. Where
// the DiscoveryInfo tells its ports these count alone: in a pod the mappings are
// those of all its tasks.
func (p *place) mapped(d *state.Discovery) bool {
	if d == nil || len(d.Ports) == 0 {
		return len(p.mappings) > 0
	}
	for i := range d.Ports {
		at := &d.Ports[i]
		if p.byHost(at.Number, at.Protocol) != nil || p.byContainer(at.Number, at.Protocol, at.Network) != nil {
			return true
		}
	}
	return false
}

// discovered reports whether a port of the DiscoveryInfo is open on the agent.
func (p *place) discovered(d *state.Discovery) bool {
	if d == nil {
		return false
	}
	for i := range d.Ports {
		if at := p.sides(&d.Ports[i], d.Ports[i].Protocol); at.onAgent && at.agent != 0 && d.Ports[i].Scope != scopeContainer {
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

// networks gives the networks that the task has addresses on, by name. Docker
// did not name them in the status at first: it is the one that was asked for
// then.
func (p *place) networks(t *state.Task) func(yield func(string, []netip.Addr) bool) {
	return func(yield func(string, []netip.Addr) bool) {
		named := false
		for i, n := range t.Addresses.Networks {
			if n.Name == "" || len(n.Addrs) == 0 {
				continue
			}
			named = true
			if earlier(t.Addresses.Networks[:i], n.Name) {
				continue
			}
			if !yield(n.Name, onNetwork(t.Addresses.Networks, n.Name)) {
				return
			}
		}
		if c := t.Container; !named && c != nil && len(c.Networks) == 1 && c.Networks[0].Name != "" && len(p.own) > 0 {
			yield(c.Networks[0].Name, p.own)
		}
	}
}

func earlier(list []state.Network, name string) bool {
	return slices.ContainsFunc(list, func(n state.Network) bool { return n.Name == name && len(n.Addrs) > 0 })
}

// onNetwork are all addresses on the network of a name: mostly it is listed
// once.
func onNetwork(list []state.Network, name string) []netip.Addr {
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

// inside are the addresses where a port with container scope listens, and the
// network that all of them are on, where one has that name. Those of a network
// that nothing tells the addresses of are the ones that no other has.
func (p *place) inside(t *state.Task, network string) ([]netip.Addr, string) {
	if network == "" {
		return p.own, ""
	}
	known := false
	for name, addrs := range p.networks(t) {
		if name == network {
			return addrs, network
		}
		known = true
	}
	if !known {
		return p.own, ""
	}
	var rest []netip.Addr
	for _, a := range p.own {
		if !slices.ContainsFunc(t.Addresses.Networks, func(n state.Network) bool { return n.Name != "" && slices.Contains(n.Addrs, a) }) {
			rest = append(rest, a)
		}
	}
	return rest, ""
}
