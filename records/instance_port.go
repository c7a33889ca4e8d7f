package records

import (
	"net/netip"
	"slices"
	"strconv"

	"toponym/state"
)

// InstancePort is a port of an instance for one protocol. It is listed if its
// number is known and minVisibility allows it.
type InstancePort struct {
	// Index is the position of the port among those that the framework announced,
	// as Marathon-LB and Traefik count: a port with several protocols counts once.
	// It is -1 for a port that only the resources have although others are
	// announced.
	Index    int    `json:"index"`
	Name     string `json:"name"`     // empty if it has none
	Number   uint16 `json:"number"`   // as the DiscoveryInfo or the resources have it
	Protocol string `json:"protocol"` // as announced, in lower case, such as "tcp" or "https"; empty if none is
	// Transport carries the protocol: "tcp", "udp", or empty if the port may be open
	// by both.
	Transport string `json:"transport"`
	Network   string `json:"network"` // label network-name of the port
	// SRVName is the name of the SRV records for this port of all instances: by
	// the name of the port if it has one, else for all ports of the protocol. It
	// is empty if the name belongs to others or is impossible.
	SRVName string `json:"srvName"`
	// Side is the side that DNS names point to: "agent" or "container", or empty if
	// nothing can connect.
	Side      PortSide      `json:"side"`
	Agent     Endpoint      `json:"agent"`     // on the agent
	Container Endpoint      `json:"container"` // on the network of the task itself
	Labels    []state.Label `json:"labels"`
}

// PortSide is a side of a port.
type PortSide string

// The sides on which a port may be open; SideNone means that nothing can connect.
const (
	SideNone      PortSide = ""
	SideAgent     PortSide = "agent"
	SideContainer PortSide = "container"
)

// Endpoint is where a port can be connected to: a port at any of the addresses. It
// has no addresses if nothing can connect there.
type Endpoint struct {
	Addrs []netip.Addr
	Port  uint16
}

// Connect returns the endpoint of the side that DNS names point to.
func (p *InstancePort) Connect() Endpoint {
	if p.Side == SideContainer {
		return p.Container
	}
	return p.Agent
}

// Carries reports whether the port may be open by a transport, "tcp" or "udp".
func (p *InstancePort) Carries(transport string) bool {
	return p.Transport == "" || p.Transport == transport
}

// TCP reports whether the port may be open by TCP.
func (p *InstancePort) TCP() bool { return p.Carries(tcpLabel) }

// First returns the address that clients with room for only one should use: the
// first IPv4 address, else the first of all. It is invalid if there is none.
func (e Endpoint) First() netip.AddrPort {
	for _, a := range e.Addrs {
		if a.Is4() {
			return netip.AddrPortFrom(a, e.Port)
		}
	}
	if len(e.Addrs) == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(e.Addrs[0], e.Port)
}

// MarshalJSON writes a list of "address:port", with brackets around IPv6 addresses.
func (e Endpoint) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, a := range e.Addrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(netip.AddrPortFrom(a, e.Port).AppendTo(append(b, '"')), '"')
	}
	return append(b, ']'), nil
}

// Label returns the value of the first label of a port with that key.
func (p *InstancePort) Label(key string) (value string, ok bool) { return findLabel(p.Labels, key) }

// Port returns the port that a label of the task selects: by its name, or by a
// number on either side. A number that is not announced is a port at the task's own
// addresses, but never one of the agent, which may be another task's. It returns
// false if there is no such port of a transport, "tcp" or "udp".
func (i *Instance) Port(wanted, transport string) (InstancePort, bool) {
	number, err := strconv.ParseUint(wanted, 10, 16)
	n := uint16(number)
	isNumber := err == nil && n != 0
	for k := range i.Ports {
		p := &i.Ports[k]
		if p.Carries(transport) && (p.Name == wanted || isNumber && slices.Contains([]uint16{p.Number, p.Agent.Port, p.Container.Port}, n)) {
			return *p, true
		}
	}
	if !isNumber || len(i.Addresses.Container) == 0 {
		return InstancePort{}, false
	}
	return InstancePort{
		Index: -1, Number: n, Transport: transport, Side: SideContainer, Labels: []state.Label{},
		Container: Endpoint{Addrs: i.Addresses.Container, Port: n},
	}, true
}
