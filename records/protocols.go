package records

import (
	"slices"
	"strings"

	"toponym/state"
)

// The protocol of a port in a DiscoveryInfo becomes a label of SRV names. Frameworks
// write there what a proxy needs to know, such as "https" or "h2c", while clients
// ask for the transport (RFC 2782): such a port has records for both.

// The transports that ports of the resources and port mappings can have.
const (
	tcpLabel = "tcp"
	udpLabel = "udp"
)

var bothProtocols = [...]string{tcpLabel, udpLabel}

// transportOf returns the transport that carries a protocol: the protocol itself if
// it is a transport (RFC 6335, section 5.2), UDP for HTTP/3 and QUIC, else TCP.
func transportOf(protocol string) string {
	switch protocol {
	case tcpLabel, udpLabel, "sctp", "dccp":
		return protocol
	case "quic", "h3", "http3":
		return udpLabel
	}
	return tcpLabel
}

// portProtocol is a protocol of a port, as a label, and its transport.
type portProtocol struct {
	label, transport string
}

// protocolsOf returns the protocols of a port of the DiscoveryInfo. protocol may
// list several, separated by commas; none means both TCP and UDP. The transport of
// each follows it, unless the scope is compat. The result is valid until the next
// call.
func (r *taskRecords) protocolsOf(protocol string) []portProtocol {
	list := r.protocols[:0]
	if r.o.Scope == ScopeCompat {
		if l := r.o.Rule.Label(protocol); l != "" {
			list = append(list, portProtocol{l, l})
		}
	} else {
		announced := 0
		for one := range strings.SplitSeq(protocol, ",") {
			l := r.o.Rule.Label(one)
			if l == "" || hasProtocol(list, l) {
				continue
			}
			if announced == maxProtocols {
				r.omit(protocol[:min(len(protocol), maxOmittedValue)], LimitError{What: "protocols", Limit: maxProtocols})
				break
			}
			announced++
			transport := transportOf(l)
			list = append(list, portProtocol{l, transport})
			if !hasProtocol(list, transport) {
				list = append(list, portProtocol{transport, transport})
			}
		}
	}
	if len(list) == 0 {
		for _, p := range bothProtocols {
			list = append(list, portProtocol{p, p})
		}
	}
	r.protocols = list
	return list
}

func hasProtocol(list []portProtocol, label string) bool {
	return slices.ContainsFunc(list, func(p portProtocol) bool { return p.label == label })
}

// announces reports whether the ports of a task's DiscoveryInfo have records. One
// without a name announces its ports under the name of the task; Mesos-DNS ignores
// it.
func (o *Options) announces(t *state.Task) bool {
	return t.Discovery != nil && (t.Discovery.Name != "" || o.Scope != ScopeCompat && len(t.Discovery.Ports) > 0)
}

// findAnnounced finds the ports of the agent that the DiscoveryInfo lists. It says
// more about them than the resources do, so those make no records for them.
// Mesos-DNS makes the records of both.
func (r *taskRecords) findAnnounced() {
	t := r.owner.task
	r.announced = r.announced[:0]
	if !r.o.announces(t) || len(r.reach.resourcePorts) == 0 || r.o.Scope == ScopeCompat {
		return
	}
	for i := range r.reach.discoveryPorts {
		p := &r.reach.discoveryPorts[i]
		if !r.o.publishesPort(t, p) {
			continue
		}
		for _, proto := range r.protocolsOf(p.Protocol) {
			r.announced = append(r.announced, r.reach.sidesOf(p, proto.transport).agent)
		}
	}
	slices.Sort(r.announced)
}

// isAnnounced reports whether findAnnounced has found a port.
func (r *taskRecords) isAnnounced(port int) bool {
	_, found := slices.BinarySearch(r.announced, uint16(port))
	return found
}

// opensOnAgent reports whether a port of the agent that the resources list may be
// open by a protocol. A port that is mapped is open by the protocols of its
// mappings only.
func (r *taskRecords) opensOnAgent(port uint16, protocol string) bool {
	if r.o.Scope == ScopeCompat || !r.reach.mappedOnly {
		return true
	}
	m := r.reach.mappings.byHostPort(port, protocol)
	return m == nil || m.protocol() == parseProtocol(protocol)
}
