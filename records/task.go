package records

import (
	"net/netip"
	"strings"

	"toponym/state"
)

// task makes all records of one task.
func (m *maker) task(o owner) {
	t := o.task
	s := m.suffixes(o.framework.Name)
	if s.err != nil {
		m.sink.omit(Omission{Task: t.Key, What: o.framework.Name, Reason: s.err})
		return
	}
	addrs := m.addresses(o)
	tail := "-" + taskHash(t.Key.ID) + "-" + agentTail(o.agent.ID)

	name := t.Name
	if hasDiscovery(t) {
		name = t.Discovery.Name
	}
	label := m.o.Rule.Label(name)
	if label == "" {
		m.sink.omit(Omission{Task: t.Key, What: name, Reason: ErrLabelLength})
	} else if m.prefixes(o, tail, label) {
		m.forms(o, s, addrs)
		m.reverse(addrs, s)
	}

	// Names in DiscoveryInfo may have dots, and users ask for them as they
	// are written. Mesos-DNS answers both.
	if !hasDiscovery(t) {
		return
	}
	if raw := strings.ToLower(t.Discovery.Name); raw != label {
		if labels := rawLabels(raw); labels != nil && m.prefixes(o, tail, labels...) {
			m.forms(o, s, addrs)
		}
	}
}

// hasDiscovery reports whether the task's names come from its DiscoveryInfo:
// one without a name counts as none.
func hasDiscovery(t *state.Task) bool { return t.Discovery != nil && t.Discovery.Name != "" }

// rawLabels splits a name at its dots. It gives nothing when a part cannot be
// a label that somebody types.
func rawLabels(name string) []string {
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if len(l) == 0 || len(l) > maxLabel || l == "*" {
			return nil
		}
		for i := range len(l) {
			if !typeable(l[i]) {
				return nil
			}
		}
	}
	return labels
}

// prefixes sets the beginnings of the task's names: T, T-H-S and _T. A label
// _T may be too long where T is not; service is empty then.
func (m *maker) prefixes(o owner, tail string, labels ...string) bool {
	var err error
	if m.host, err = appendLabels(m.host[:0], labels...); err != nil {
		m.sink.omit(Omission{Task: o.task.Key, What: strings.Join(labels, "."), Reason: err})
		return false
	}
	last := labels[len(labels)-1]
	if !labelOctets(tail) || len(tail) >= maxLabel {
		m.sink.omit(Omission{Task: o.task.Key, What: o.agent.ID, Reason: ErrLabelOctets})
		return false
	}
	last = last[:min(len(last), maxLabel-len(tail))] + tail
	m.canonical, _ = appendLabels(m.canonical[:0], labels[:len(labels)-1]...)
	m.canonical, _ = appendLabels(m.canonical, last)

	m.service, err = appendLabels(m.service[:0], "_"+labels[0])
	if err == nil {
		m.service, err = appendLabels(m.service, labels[1:]...)
	}
	if err != nil {
		m.service = m.service[:0]
	}
	return true
}

func labelOctets(s string) bool {
	for i := range len(s) {
		if !typeable(s[i]) {
			return false
		}
	}
	return true
}

func appendLabels(b []byte, labels ...string) ([]byte, error) {
	for _, l := range labels {
		if len(l) == 0 || len(l) > maxLabel {
			return b, ErrLabelLength
		}
		b = append(b, byte(len(l)))
		b = append(b, l...)
	}
	return b, nil
}

// forms makes the records of the prefixes that are set.
func (m *maker) forms(o owner, s suffixes, addrs []netip.Addr) {
	t := o.task
	ok := m.addrs(addrs, m.host, s.tasks)
	ok = m.addrs(addrs, m.canonical, s.tasks) && ok
	ok = m.addrs(o.agent.Addrs, m.host, s.slave) && ok
	ok = m.addrs(o.agent.Addrs, m.canonical, s.slave) && ok
	if !ok {
		m.sink.omit(Omission{Task: t.Key, What: t.Name, Reason: ErrNameLength})
	}

	if len(t.Ports) == 0 && (!hasDiscovery(t) || len(t.Discovery.Ports) == 0) {
		return
	}
	if len(m.service) == 0 {
		m.sink.omit(Omission{Task: t.Key, What: "_" + t.Name, Reason: ErrLabelLength})
		return
	}
	m.services(o, s)
}

// services makes the SRV records. On the agent's side there are none when the
// agent's address is not known: nobody could follow them.
func (m *maker) services(o owner, s suffixes) {
	t := o.task
	var onTask, onAgent Name
	if name, ok := m.join(m.canonical, s.tasks); ok {
		onTask = m.sink.target(name)
	}
	if name, ok := m.join(m.canonical, s.slave); ok && len(o.agent.Addrs) > 0 {
		onAgent = m.sink.target(name)
	}

	discovery := hasDiscovery(t)
	for _, proto := range bothProtocols {
		for _, r := range t.Ports {
			if !discovery {
				m.ports(t, onAgent, r, s.tasks, proto)
			}
			m.ports(t, onAgent, r, s.slave, proto)
		}
	}
	if !discovery {
		return
	}
	for _, p := range t.Discovery.Ports {
		protocols := bothProtocols[:]
		if l := m.o.Rule.Label(p.Protocol); l != "" {
			protocols = []string{l}
		}
		port := state.PortRange{First: p.Number, Last: p.Number}
		name := m.o.Rule.Label(p.Name)
		for _, proto := range protocols {
			m.ports(t, onTask, port, s.tasks, proto)
			m.ports(t, onAgent, port, s.slave, proto)
			if name == "" {
				continue
			}
			m.named(t, onTask, p.Number, s.tasks, name, proto)
			m.named(t, onAgent, p.Number, s.slave, name, proto)
			m.rfc2782(t, onTask, p.Number, s.tasks, name, proto)
		}
	}
}

var bothProtocols = [...]string{"tcp", "udp"}

// ports makes _T._proto.suffix.
func (m *maker) ports(t *state.Task, target Name, r state.PortRange, suffix Name, proto string) {
	if target == "" {
		return
	}
	b := append(m.buf[:0], m.service...)
	m.emit(t, b, target, r, suffix, proto)
}

// named makes _port._T._proto.suffix.
func (m *maker) named(t *state.Task, target Name, port uint16, suffix Name, name, proto string) {
	if target == "" {
		return
	}
	b, err := appendLabels(m.buf[:0], "_"+name)
	if err != nil {
		m.sink.omit(Omission{Task: t.Key, What: "_" + name, Reason: err})
		return
	}
	m.emit(t, append(b, m.service...), target, state.PortRange{First: port, Last: port}, suffix, proto)
}

// rfc2782 makes _port._proto.T.suffix, the order that RFC 2782 has and
// resolvers' SRV functions ask for.
func (m *maker) rfc2782(t *state.Task, target Name, port uint16, suffix Name, name, proto string) {
	if target == "" {
		return
	}
	b, err := appendLabels(m.buf[:0], "_"+name, "_"+proto)
	if err != nil {
		return // named has said so
	}
	b = append(append(b, m.host...), suffix...)
	m.emitName(t, b, target, state.PortRange{First: port, Last: port})
}

func (m *maker) emit(t *state.Task, prefix []byte, target Name, r state.PortRange, suffix Name, proto string) {
	b, err := appendLabels(prefix, "_"+proto)
	if err != nil {
		m.sink.omit(Omission{Task: t.Key, What: "_" + proto, Reason: err})
		return
	}
	m.emitName(t, append(b, suffix...), target, r)
}

func (m *maker) emitName(t *state.Task, name []byte, target Name, r state.PortRange) {
	if len(name) > maxName {
		m.sink.omit(Omission{Task: t.Key, What: Name(name).String(), Reason: ErrNameLength})
		return
	}
	for port := int(r.First); port <= int(r.Last); port++ {
		m.sink.srv(name, SRV{Target: target, Weight: m.o.SRVWeight, Port: uint16(port)})
	}
}

// reverse makes the PTR records of the task's addresses.
func (m *maker) reverse(addrs []netip.Addr, s suffixes) {
	if !m.o.Reverse {
		return
	}
	name, ok := m.join(m.host, s.tasks)
	if !ok {
		return
	}
	target := m.sink.target(name)
	for _, a := range addrs {
		m.sink.ptr(a, target)
	}
}
