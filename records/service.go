package records

import (
	"slices"
	"strings"

	"toponym/state"
)

// services makes the SRV records of the prefix that is set.
func (m *maker) services(o owner, s *suffixes, domain, views bool) {
	t := o.task
	if len(t.Ports) == 0 && (!hasDiscovery(t) || len(t.Discovery.Ports) == 0) {
		return
	}
	if len(m.service) == 0 {
		m.sink.omit(Omission{Task: t.Key, Value: "_" + t.Name, Reason: ErrLabelLength})
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
		for _, proto := range m.protocols(p.Protocol) {
			m.announced = append(m.announced, service{m.at.sides(p, proto).agent, proto})
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
	} else if len(p.ownPorts) > 0 {
		inner = m.ownTarget(o, s, p.own, "")
	}
	for i := range s.views {
		v := &s.views[i]
		for _, r := range p.agentPorts {
			m.plain(t, m.onAgent, r, v[viewAgent], proto)
			m.plain(t, m.onAgent, r, v[viewAuto], proto)
			if !p.isolated {
				m.plain(t, inner, r, v[viewContainer], proto)
			} else if by := p.byHost(r.First, proto); by != nil { // mapped ports are ranges of one
				addrs, network := p.inward(by, t)
				m.plain(t, m.ownTarget(o, s, addrs, network), state.PortRange{First: by.ContainerPort, Last: by.ContainerPort}, v[viewContainer], proto)
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
	var at spots
	name := m.o.Rule.Label(p.Name)
	for i, proto := range m.protocols(p.Protocol) {
		if i == 0 || p.Protocol != "" && len(m.at.mappings) > 0 { // else it is the same for all
			at = m.spots(o, s, p, proto, views)
		}
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
					m.named(t, where, v[i], name, proto)
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
