package records

import (
	"net/netip"
	"slices"
)

// addresses are the task's addresses by the first IP source that has one, and
// which one that is.
func (m *maker) addresses(o owner) ([]netip.Addr, origin) {
	for _, source := range m.o.IPSources {
		var addrs []netip.Addr
		from := origin{source: source}
		switch source {
		case SourceHost:
			addrs = o.agent.Addrs
		case SourceNetInfo:
			addrs = o.task.Addresses.NetInfo
		case SourceDocker:
			addrs = o.task.Addresses.Docker
		case SourceMesos:
			addrs = o.task.Addresses.Mesos
		case SourceAuto:
			addrs, from.source = m.auto(o)
			from.auto = true
		}
		if len(addrs) > 0 {
			return addrs, from
		}
	}
	return nil, origin{}
}

// auto are the agent's addresses if one of the task's ports is open there; else
// the task's own; else the agent's.
func (m *maker) auto(o owner) ([]netip.Addr, IPSource) {
	if m.at.hostPort || len(m.at.reported) == 0 {
		return o.agent.Addrs, SourceHost
	}
	return m.at.reported, m.at.source
}

// origin is where addresses come from, for those who ask why.
type origin struct {
	source IPSource
	auto   bool // source is what auto chose
}

func (f origin) String() string {
	if f.auto {
		return "auto, which is " + f.source.String() + " here"
	}
	return f.source.String()
}

// sameAddrs reports whether two lists hold the same addresses in any order.
// Neither has repetitions.
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
