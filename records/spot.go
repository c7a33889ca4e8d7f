package records

import (
	"net/netip"
	"slices"

	"toponym/state"
)

// spot is where a port can be connected to: a name and a number. It has no
// target where nothing can connect.
type spot struct {
	target Name
	port   uint16
}

// spots are where one port can be connected to, by who asks.
type spots struct {
	tasks     spot // under F.D
	agent     spot // under F.slave.D and agentip
	container spot // under containerip
	auto      spot // under autoip
}

// spots finds where a port of the DiscoveryInfo can be connected to by one of
// its protocols, or by all.
func (m *maker) spots(o owner, s *suffixes, p *state.DiscoveryPort, protocol string, views bool) (at spots) {
	side := m.at.sides(p, protocol)
	onAgent := side.onAgent
	if side.agent != 0 && m.onAgent != "" {
		at.agent = spot{m.onAgent, side.agent}
	}
	compat := m.o.Scope == ScopeCompat
	if side.own != 0 && (views || !onAgent && !compat) {
		addrs, network := m.at.reported, ""
		switch {
		case m.at.isolated && p.Network == "" && side.mapping != nil:
			addrs, network = m.at.inward(side.mapping, o.task)
		case m.at.isolated:
			addrs, network = m.at.inside(o.task, p.Network)
		}
		if target := m.ownTarget(o, s, addrs, network); target != "" {
			at.container = spot{target, side.own}
		}
	}
	at.auto = at.container
	if onAgent || at.auto.target == "" {
		at.auto = at.agent
	}
	if onAgent && p.Scope == "" && at.agent.target != "" && sameAddrs(m.at.addrs, o.agent.Addrs) {
		// Both names are as good. This is the one that Mesos-DNS gives.
		at.auto.target = m.onTask
	}
	at.tasks = at.auto
	if compat {
		at.tasks = spot{m.onTask, p.Number}
		if m.onAgent != "" {
			at.agent = spot{m.onAgent, p.Number}
		}
	}
	if at.tasks.target == "" && m.explain {
		m.sink.omit(Omission{Task: o.task.Key, Value: p.Name, Reason: errNowhere})
	}
	return at
}

// ownTarget is a name of the task alone that has exactly the given addresses of
// its own. It is made where there is none: T-H-S.F.<network>.network.D, or
// T-H-S.F.containerip.D.
func (m *maker) ownTarget(o owner, s *suffixes, addrs []netip.Addr, network string) Name {
	switch {
	case len(addrs) == 0:
		return ""
	case sameAddrs(addrs, m.at.addrs):
		return m.onTask
	case sameAddrs(addrs, o.agent.Addrs):
		return m.onAgent
	}
	var b []byte
	var err error
	if network != "" {
		b, err = m.networkName(m.canonical, s, network)
	} else if joined, ok := m.join(m.canonical, s.inside); ok && s.inside != "" {
		b = joined
	} else {
		err = ErrNameLength
	}
	if err != nil {
		m.sink.omit(Omission{Task: o.task.Key, Value: network, Reason: err})
		return ""
	}
	target := m.sink.target(b)
	if !slices.Contains(m.made, target) {
		m.made = append(m.made, target)
		m.from = origin{source: m.at.source}
		m.addrsAt([]byte(target), addrs)
	}
	return target
}
