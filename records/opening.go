package records

import (
	"net/netip"
	"strings"

	"toponym/state"
)

// opening is a port mapping that opens a port of the agent, and the network
// that it leads to, where that has a name.
type opening struct {
	state.PortMapping
	network string
}

// openings keeps the mappings that open a port of the agent.
func (p *place) openings(mappings []state.PortMapping, network string) {
	for _, m := range mappings {
		if m.HostPort == 0 || m.ContainerPort == 0 {
			continue
		}
		if o := (opening{m, network}); !p.has(o) {
			p.mappings = append(p.mappings, o)
		}
	}
}

func (p *place) has(o opening) bool {
	for i := range p.mappings {
		if p.mappings[i] == o {
			return true
		}
	}
	return false
}

// carries reports whether a mapping can be that of a port with a protocol, as
// written. Protocols of a DiscoveryInfo may be others than those of IP, or
// several; those say nothing.
func (o *opening) carries(protocol string) bool {
	switch {
	case strings.EqualFold(protocol, "tcp"):
		return !strings.EqualFold(o.Protocol, "udp")
	case strings.EqualFold(protocol, "udp"):
		return strings.EqualFold(o.Protocol, "udp")
	}
	return true
}

// byHost is the mapping of a port of the agent. It is that of the port whatever
// the protocol is: no other has the number.
func (p *place) byHost(n uint16, protocol string) *opening {
	var found *opening
	for i := range p.mappings {
		switch o := &p.mappings[i]; {
		case o.HostPort != n:
		case o.carries(protocol):
			return o
		case found == nil:
			found = o
		}
	}
	return found
}

// byContainer is the mapping that leads to a container's port. The same number
// may stand for others by another protocol, and on another network.
func (p *place) byContainer(n uint16, protocol, network string) *opening {
	for i := range p.mappings {
		o := &p.mappings[i]
		if o.ContainerPort == n && o.carries(protocol) && (network == "" || o.network == "" || o.network == network) {
			return o
		}
	}
	return nil
}

// inward are the addresses that a mapping leads to, and their network, where a
// task is on others as well.
func (p *place) inward(o *opening, t *state.Task) ([]netip.Addr, string) {
	if o.network == "" {
		return p.own, ""
	}
	addrs, network := p.inside(t, o.network)
	if sameAddrs(addrs, p.own) {
		return p.own, ""
	}
	return addrs, network
}
