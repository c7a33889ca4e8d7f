package marathon

import "slices"

// A service port is a number that is unique in the cluster, for the load
// balancers that lead from it to the instances. Nothing listens there.

// assignServicePorts gives a number to the ports that ask for any with 0, and
// counts the numbers as used. The ports keep those that they had in before.
// With requirePorts the number of a port definition is the host port, so 0
// stays: it asks for any.
func (m *Marathon) assignServicePorts(a, before *App) {
	var had []uint16
	if before != nil {
		had = before.servicePorts()
		m.countServicePorts(before, -1)
	}
	next := func(i int) uint16 {
		if i < len(had) && had[i] != 0 && m.servicePorts[had[i]] == 0 {
			return had[i]
		}
		if m.allPortsUsed() {
			return 0
		}
		for p := uint16(firstPort); p <= lastPort; p++ {
			if m.servicePorts[p] == 0 {
				return p
			}
		}
		return 0
	}
	if a.onHost() {
		a.PortDefinitions = slices.Clone(a.PortDefinitions)
		for i := range a.PortDefinitions {
			if p := &a.PortDefinitions[i]; p.Port == 0 && !a.RequirePorts {
				p.Port = next(i)
			}
			m.countServicePort(a.PortDefinitions[i].Port, 1)
		}
		return
	}
	c := *a.Container
	c.PortMappings = slices.Clone(c.PortMappings)
	for i := range c.PortMappings {
		p := &c.PortMappings[i]
		if p.ServicePort == 0 {
			p.ServicePort = next(i)
		}
		m.countServicePort(p.ServicePort, 1)
	}
	a.Container = &c
}

func (a *App) servicePorts() []uint16 {
	var out []uint16
	if a.onHost() {
		for _, p := range a.PortDefinitions {
			out = append(out, p.Port)
		}
		return out
	}
	for _, p := range a.Container.PortMappings {
		out = append(out, p.ServicePort)
	}
	return out
}

func (m *Marathon) countServicePorts(a *App, by int) {
	for _, p := range a.servicePorts() {
		m.countServicePort(p, by)
	}
}

func (m *Marathon) countServicePort(p uint16, by int) {
	if p == 0 {
		return // the range was used up
	}
	before := m.servicePorts[p]
	if m.servicePorts[p] += by; m.servicePorts[p] <= 0 {
		delete(m.servicePorts, p)
	}
	if p < firstPort || p > lastPort {
		return
	}
	if before == 0 {
		m.portsUsed++
	} else if m.servicePorts[p] == 0 {
		m.portsUsed--
	}
}

// allPortsUsed reports whether the range for service ports is used up.
func (m *Marathon) allPortsUsed() bool { return m.portsUsed > lastPort-firstPort }
