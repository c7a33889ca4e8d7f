package records

import "net/netip"

// addresses are the task's addresses by the first IP source that has one.
func (m *maker) addresses(o owner) []netip.Addr {
	for _, source := range m.o.IPSources {
		var addrs []netip.Addr
		switch source {
		case SourceHost:
			addrs = o.agent.Addrs
		case SourceNetInfo:
			addrs = o.task.Addresses.NetInfo
		case SourceDocker:
			addrs = o.task.Addresses.Docker
		case SourceMesos:
			addrs = o.task.Addresses.Mesos
		}
		if len(addrs) > 0 {
			return addrs
		}
	}
	return nil
}
