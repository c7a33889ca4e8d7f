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
		m.sink.omit(Omission{Task: t.Key, Value: o.framework.Name, Reason: s.err})
		return
	}
	m.look(o)
	m.base = m.steer(t, t.Labels, steering{weight: m.o.SRVWeight}, false)
	m.set = m.base
	m.made = m.made[:0]
	tail := "-" + taskHash(t.Key.ID) + "-" + agentTail(o.agent.ID)

	name, label := m.label(t)
	if label == "" {
		m.sink.omit(Omission{Task: t.Key, Value: name, Reason: ErrLabelLength})
	} else if m.prefixes(o, tail, label) {
		m.allNames(o, s, !o.hide.has(hideLabel), !o.hide.has(hideView), true)
		m.reverse(s)
		for i, alias := range m.aliases(t, label) {
			m.prefix(o, alias)
			m.allNames(o, s, !o.hide.has(hideAlias(i)), !o.hide.has(hideAliasView(i)), false)
		}
	}
	if labels := rawLabels(t, label); labels != nil && m.prefixes(o, tail, labels...) {
		m.allNames(o, s, !o.hide.has(hideRaw), false, true)
	}
	m.set = steering{}
}

// hasDiscovery reports whether the task's names come from its DiscoveryInfo:
// one without a name counts as none.
func hasDiscovery(t *state.Task) bool { return t.Discovery != nil && t.Discovery.Name != "" }

// label is what the task is called, and the label T that is made of it.
func (m *maker) label(t *state.Task) (name, label string) {
	name = t.Name
	if hasDiscovery(t) {
		name = t.Discovery.Name
	}
	return name, m.o.Rule.Label(name)
}

// rawLabels splits the name of a DiscoveryInfo at its dots. Such names may have
// dots, and users ask for them as they are written: Mesos-DNS answers both. It
// gives nothing when a part cannot be a label that somebody types, or when the
// name is the task's label anyway.
func rawLabels(t *state.Task, label string) []string {
	if !hasDiscovery(t) || t.Discovery.Name == label {
		return nil
	}
	name := t.Discovery.Name
	for i := range len(name) {
		if name[i] != '.' && !readable(name[i]) {
			return nil
		}
	}
	if name = strings.ToLower(name); name == label {
		return nil
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if len(l) == 0 || len(l) > maxLabel || l == "*" {
			return nil
		}
	}
	return labels
}

// prefixes sets the beginnings of the names that a task has by right: T, T-H-S
// and _T.
func (m *maker) prefixes(o owner, tail string, labels ...string) bool {
	if !m.prefix(o, labels...) {
		return false
	}
	last := labels[len(labels)-1]
	if !labelOctets(tail) || len(tail) >= maxLabel {
		m.sink.omit(Omission{Task: o.task.Key, Value: o.agent.ID, Reason: ErrLabelBytes})
		return false
	}
	last = last[:min(len(last), maxLabel-len(tail))] + tail
	m.canonical, _ = appendLabels(m.canonical[:0], labels[:len(labels)-1]...)
	m.canonical, _ = appendLabels(m.canonical, last)
	return true
}

// prefix sets T and _T. A label _T may be too long where T is not; service is
// empty then.
func (m *maker) prefix(o owner, labels ...string) bool {
	var err error
	if m.host, err = appendLabels(m.host[:0], labels...); err != nil {
		m.sink.omit(Omission{Task: o.task.Key, Value: strings.Join(labels, "."), Reason: err})
		return false
	}
	m.service, err = appendLabels(m.service[:0], "_"+labels[0])
	if err == nil {
		m.service, err = appendLabels(m.service, labels[1:]...)
	}
	if err != nil {
		m.service = m.service[:0]
	}
	return true
}

// readable reports whether an octet may be in a name as it is written. The HTTP
// API puts a colon between a name and a port.
func readable(c byte) bool { return typeable(c) && c != ':' }

func labelOctets(s string) bool {
	for i := range len(s) {
		if !readable(s[i]) {
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

// allNames makes the names of the prefix that is set: those that other tasks may
// have as well in the domain and in the views, and those that are this task's
// alone, which SRV records point to.
func (m *maker) allNames(o owner, s *suffixes, domain, views, canonical bool) {
	t, ok := o.task, true
	m.from = m.at.from
	if domain {
		ok = m.addrs(m.at.addrs, m.host, s.tasks)
	}
	if canonical {
		m.onTask = m.target(m.at.addrs, s.tasks)
		ok = ok && m.onTask != ""
	}
	m.from = origin{source: SourceHost}
	if domain {
		ok = m.addrs(o.agent.Addrs, m.host, s.slave) && ok
	}
	if canonical {
		m.onAgent = m.target(o.agent.Addrs, s.slave)
		ok = ok && m.onAgent != ""
		// Where the agent's address is not known, nobody could follow a
		// record that points there.
		if len(o.agent.Addrs) == 0 {
			m.onAgent = ""
		}
	}
	if !ok {
		m.tooLong(t)
	}
	if domain {
		m.networks(o, s)
	}
	views = views && len(s.views) > 0
	if views {
		m.views(o, s)
	}
	if domain || views {
		m.services(o, s, domain, views)
	}
}

// target makes the canonical name before a suffix. It is empty where the name
// is too long.
func (m *maker) target(addrs []netip.Addr, suffix Name) Name {
	name, ok := m.join(m.canonical, suffix)
	if !ok {
		return ""
	}
	m.addrsAt(name, addrs)
	return m.sink.target(name)
}

// networks makes T.F.<network>.network.D.
func (m *maker) networks(o owner, s *suffixes) {
	t := o.task
	if len(t.Addresses.Networks) == 0 && (t.Container == nil || len(t.Container.Networks) == 0) {
		return
	}
	m.from = origin{source: m.at.source}
	for network, addrs := range m.at.networks(t) {
		name, err := m.networkName(m.host, s, network)
		if err != nil {
			m.sink.omit(Omission{Task: t.Key, Value: network, Reason: err})
			continue
		}
		m.addrsAt(name, addrs)
	}
}

// networkName puts a prefix before F.<network>.network.D, in the maker's buffer.
func (m *maker) networkName(prefix []byte, s *suffixes, network string) ([]byte, error) {
	b := append(append(m.buf[:0], prefix...), s.tasks[:len(s.tasks)-len(m.o.Domain)]...)
	b, err := appendLabels(b, m.o.Rule.Label(network), "network")
	if err != nil {
		return nil, err
	}
	if len(b)+len(m.o.Domain) > maxName {
		return nil, ErrNameLength
	}
	return append(b, m.o.Domain...), nil
}

func (m *maker) tooLong(t *state.Task) {
	m.sink.omit(Omission{Task: t.Key, Value: t.Name, Reason: ErrNameLength})
}

// reverse makes the PTR records of the task's addresses.
func (m *maker) reverse(s *suffixes) {
	if !m.o.Reverse {
		return
	}
	name, ok := m.join(m.host, s.tasks)
	if !ok {
		return
	}
	target := m.sink.target(name)
	for _, a := range m.at.addrs {
		m.sink.ptr(a, target)
		if m.set.ttl != 0 {
			m.sink.ttl([]byte(ReverseName(a)), m.set.ttl)
		}
	}
}
