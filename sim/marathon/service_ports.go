package marathon

import "slices"

// The range from which service ports are assigned: --local_port_min and
// --local_port_max.
const (
	firstPort = 10000
	lastPort  = 20000
)

// servicePorts are the service ports in use. A service port is the port of an app
// on load balancers such as marathon-lb; instances do not listen on it.
type servicePorts struct {
	used  map[uint16]int
	taken int    // of the range
	low   uint16 // all numbers of the range below it are used
}

// assign assigns service ports where they are 0, and marks all ports of the app as
// used. Ports keep the numbers that they had in the former version. With requirePorts
// the number of a port definition is the host port, so that 0 stays.
func (p *servicePorts) assign(a, before *App) {
	var had []uint16
	if before != nil {
		had = before.servicePorts()
		p.count(before, -1)
	}
	next := func(i int) uint16 {
		if i < len(had) && had[i] != 0 && p.used[had[i]] == 0 {
			return had[i]
		}
		if p.taken > lastPort-firstPort {
			return 0
		}
		for p.low = max(p.low, firstPort); p.used[p.low] > 0; p.low++ {
		}
		return p.low
	}
	if a.onHost() {
		a.PortDefinitions = slices.Clone(a.PortDefinitions)
		for i := range a.PortDefinitions {
			if d := &a.PortDefinitions[i]; d.Port == 0 && !a.RequirePorts {
				d.Port = next(i)
			}
			p.add(a.PortDefinitions[i].Port, 1)
		}
		return
	}
	c := *a.Container
	c.PortMappings = slices.Clone(c.PortMappings)
	for i := range c.PortMappings {
		if m := &c.PortMappings[i]; m.ServicePort == 0 {
			m.ServicePort = next(i)
		}
		p.add(c.PortMappings[i].ServicePort, 1)
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

// count adds to the use counts of all service ports of an app.
func (p *servicePorts) count(a *App, by int) {
	for _, port := range a.servicePorts() {
		p.add(port, by)
	}
}

func (p *servicePorts) add(port uint16, by int) {
	if port == 0 {
		return // the range is exhausted
	}
	before := p.used[port]
	if p.used[port] += by; p.used[port] <= 0 {
		delete(p.used, port)
	}
	if port < firstPort || port > lastPort {
		return
	}
	if before == 0 {
		p.taken++
	} else if p.used[port] == 0 {
		p.taken--
		p.low = min(p.low, port)
	}
}
