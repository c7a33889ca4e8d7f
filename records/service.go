package records

import (
	"net/netip"
	"slices"
	"strings"

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

// services makes the SRV records of the prefix that is set.
func (m *maker) services(o owner, s *suffixes, domain, views bool) {
	t := o.task
	if len(t.Ports) == 0 && (!hasDiscovery(t) || len(t.Discovery.Ports) == 0) {
		return
	}
	if len(m.service) == 0 {
		m.sink.omit(Omission{Task: t.Key, What: "_" + t.Name, Reason: ErrLabelLength})
		return
	}
	m.announce(t)
	m.resources(o, s, domain, views)
	if !hasDiscovery(t) {
		return
	}
	for i := range t.Discovery.Ports {
		p := &t.Discovery.Ports[i]
		if !m.shows(t, p) {
			continue
		}
		if len(p.Labels) > 0 {
			m.set = m.steer(t, p.Labels, m.base, true)
		}
		m.port(o, s, p, domain, views)
		m.set = m.base
	}
}

// shows reports whether a port of the DiscoveryInfo has records.
func (m *maker) shows(t *state.Task, p *state.DiscoveryPort) bool {
	return m.visible(p.Visibility, t.Discovery.Visibility) && (p.Number != 0 || m.o.Scope == ScopeCompat)
}

// service is a port of the agent with a protocol.
type service struct {
	port  uint16
	proto string
}

// announce notes which ports of the agent the DiscoveryInfo tells of. It knows
// more of them than the resources do, so that those say nothing of the same.
// Mesos-DNS lets both say it.
func (m *maker) announce(t *state.Task) {
	m.announced = m.announced[:0]
	if !hasDiscovery(t) || len(t.Ports) == 0 || m.o.Scope == ScopeCompat {
		return
	}
	for i := range t.Discovery.Ports {
		p := &t.Discovery.Ports[i]
		if !m.shows(t, p) {
			continue
		}
		port, _, _ := m.at.sides(p)
		for _, proto := range m.protocols(p.Protocol) {
			m.announced = append(m.announced, service{port, proto})
		}
	}
}

// visible reports whether something is to be seen from as far as the options
// ask for. A value that Mesos does not know is that of the narrowest.
func (m *maker) visible(values ...string) bool {
	if m.o.MinVisibility == VisibleFramework {
		return true
	}
	for _, s := range values {
		if s != "" {
			v, err := ParseVisibility(s)
			return err == nil && v >= m.o.MinVisibility
		}
	}
	return false
}

var bothProtocols = [...]string{"tcp", "udp"}

// resources makes the records of the ports that the agent gave to the task.
// Under F.D and in the views there are none when a DiscoveryInfo says which
// ports the task has.
func (m *maker) resources(o owner, s *suffixes, domain, views bool) {
	t, p := o.task, &m.at
	if len(t.Ports) == 0 {
		return
	}
	agent, own := p.agentPorts, p.ownPorts
	if m.o.Scope == ScopeCompat {
		agent, own = t.Ports, nil
	}
	bare := !hasDiscovery(t)
	var inner Name
	if bare && len(own) > 0 {
		inner = m.ownTarget(o, s, p.own, "")
	}
	for _, proto := range bothProtocols {
		if domain {
			for _, r := range agent {
				if bare {
					m.plain(t, m.onAgent, r, s.tasks, proto)
				}
				m.unannounced(t, r, s.slave, proto)
			}
			for _, r := range own {
				m.plain(t, inner, r, s.tasks, proto)
			}
		}
		if views && bare {
			m.viewResources(o, s, proto)
		}
	}
}

// unannounced makes the records of the ports of a range, on the agent's side,
// that the DiscoveryInfo does not tell of.
func (m *maker) unannounced(t *state.Task, r state.PortRange, suffix Name, proto string) {
	told := func(n int) bool { return slices.Contains(m.announced, service{uint16(n), proto}) }
	for first := int(r.First); first <= int(r.Last); first++ {
		if told(first) {
			continue
		}
		last := first
		for last < int(r.Last) && !told(last+1) {
			last++
		}
		m.plain(t, m.onAgent, state.PortRange{First: uint16(first), Last: uint16(last)}, suffix, proto)
		first = last
	}
}

// viewResources makes the records of these ports in the views.
func (m *maker) viewResources(o owner, s *suffixes, proto string) {
	t, p := o.task, &m.at
	var inner Name
	if !p.isolated {
		inner = m.ownTarget(o, s, p.reported, "")
	} else if len(p.ownPorts) > 0 || len(p.mappings) > 0 {
		inner = m.ownTarget(o, s, p.own, "")
	}
	for i := range s.views {
		v := &s.views[i]
		for _, r := range p.agentPorts {
			m.plain(t, m.onAgent, r, v[viewAgent], proto)
			m.plain(t, m.onAgent, r, v[viewAuto], proto)
			if !p.isolated {
				m.plain(t, inner, r, v[viewContainer], proto)
			} else if n, ok := p.byHost(r.First); ok { // mapped ports are ranges of one
				m.plain(t, inner, state.PortRange{First: n, Last: n}, v[viewContainer], proto)
			}
		}
		for _, r := range p.ownPorts {
			m.plain(t, inner, r, v[viewContainer], proto)
			m.plain(t, inner, r, v[viewAuto], proto)
		}
	}
}

// port makes the records of one port of the DiscoveryInfo.
func (m *maker) port(o owner, s *suffixes, p *state.DiscoveryPort, domain, views bool) {
	t := o.task
	at := m.spots(o, s, p, views)
	name := m.o.Rule.Label(p.Name)
	for _, proto := range m.protocols(p.Protocol) {
		if domain {
			m.single(t, at.tasks, s.tasks, proto)
			m.single(t, at.agent, s.slave, proto)
			if name != "" {
				m.named(t, at.tasks, s.tasks, name, proto)
				m.named(t, at.agent, s.slave, name, proto)
				m.rfc2782(t, at.tasks, s.tasks, name, proto)
			}
		}
		if !views {
			continue
		}
		for i := range s.views {
			v := &s.views[i]
			for i, where := range [allViews]spot{at.agent, at.container, at.auto} {
				m.single(t, where, v[i], proto)
				if name != "" {
					m.rfc2782(t, where, v[i], name, proto)
				}
			}
		}
	}
}

// protocols are the labels of a port's protocols: one or several with commas
// between them; none means both.
func (m *maker) protocols(protocol string) []string {
	if m.o.Scope == ScopeCompat || strings.IndexByte(protocol, ',') < 0 {
		if l := m.o.Rule.Label(protocol); l != "" {
			return append(m.protos[:0], l)
		}
		return bothProtocols[:]
	}
	list := m.protos[:0]
	for one := range strings.SplitSeq(protocol, ",") {
		if l := m.o.Rule.Label(one); l != "" && !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	m.protos = list
	if len(list) == 0 {
		return bothProtocols[:]
	}
	return list
}

// spots finds where a port of the DiscoveryInfo can be connected to.
func (m *maker) spots(o owner, s *suffixes, p *state.DiscoveryPort, views bool) (at spots) {
	agent, own, onAgent := m.at.sides(p)
	if agent != 0 && m.onAgent != "" {
		at.agent = spot{m.onAgent, agent}
	}
	compat := m.o.Scope == ScopeCompat
	if own != 0 && (views || !onAgent && !compat) {
		addrs, network := m.at.reported, ""
		if m.at.isolated {
			addrs, network = m.at.inside(o.task, p.Network)
		}
		if target := m.ownTarget(o, s, addrs, network); target != "" {
			at.container = spot{target, own}
		}
	}
	at.auto = at.container
	if onAgent || at.auto.target == "" {
		at.auto = at.agent
	}
	at.tasks = at.auto
	if compat {
		at.tasks = spot{m.onTask, p.Number}
		if m.onAgent != "" {
			at.agent = spot{m.onAgent, p.Number}
		}
	}
	if at.tasks.target == "" && m.explain {
		m.sink.omit(Omission{Task: o.task.Key, What: p.Name, Reason: errNowhere})
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
		m.sink.omit(Omission{Task: o.task.Key, What: network, Reason: err})
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
