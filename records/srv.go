package records

import "toponym/state"

// What follows makes SRV records of the prefix that is set. Without a target
// there is none.

// plain makes _T._proto.suffix for a range of ports.
func (m *maker) plain(t *state.Task, target Name, r state.PortRange, suffix Name, proto string) {
	if target == "" {
		return
	}
	b := append(m.buf[:0], m.service...)
	m.emit(t, b, target, r, suffix, proto)
}

// single makes _T._proto.suffix for one port.
func (m *maker) single(t *state.Task, at spot, suffix Name, proto string) {
	m.plain(t, at.target, state.PortRange{First: at.port, Last: at.port}, suffix, proto)
}

// named makes _port._T._proto.suffix.
func (m *maker) named(t *state.Task, at spot, suffix Name, name, proto string) {
	if at.target == "" {
		return
	}
	b, err := appendLabels(m.buf[:0], "_"+name)
	if err != nil {
		m.sink.omit(Omission{Task: t.Key, Value: "_" + name, Reason: err})
		return
	}
	m.emit(t, append(b, m.service...), at.target, state.PortRange{First: at.port, Last: at.port}, suffix, proto)
}

// rfc2782 makes _port._proto.T.suffix, the order that RFC 2782 has and
// resolvers' SRV functions ask for.
func (m *maker) rfc2782(t *state.Task, at spot, suffix Name, name, proto string) {
	if at.target == "" {
		return
	}
	b, err := appendLabels(m.buf[:0], "_"+name, "_"+proto)
	if err != nil {
		return // named has said so
	}
	b = append(append(b, m.host...), suffix...)
	m.emitName(t, b, at.target, state.PortRange{First: at.port, Last: at.port})
}

func (m *maker) emit(t *state.Task, prefix []byte, target Name, r state.PortRange, suffix Name, proto string) {
	b, err := appendLabels(prefix, "_"+proto)
	if err != nil {
		m.sink.omit(Omission{Task: t.Key, Value: "_" + proto, Reason: err})
		return
	}
	m.emitName(t, append(b, suffix...), target, r)
}

func (m *maker) emitName(t *state.Task, name []byte, target Name, r state.PortRange) {
	if len(name) > maxName {
		m.sink.omit(Omission{Task: t.Key, Value: Name(name).String(), Reason: ErrNameLength})
		return
	}
	for port := int(r.First); port <= int(r.Last); port++ {
		m.sink.srv(name, SRV{Target: target, Priority: m.set.priority, Weight: m.set.weight, Port: uint16(port)})
	}
	if m.set.ttl != 0 {
		m.sink.ttl(name, m.set.ttl)
	}
}
