package state

import "slices"

// Equal reports whether both tasks are equal.
func (t *Task) Equal(o *Task) bool {
	return t.Key == o.Key && t.Name == o.Name && t.AgentID == o.AgentID && t.State == o.State &&
		t.Health == o.Health && t.Since == o.Since &&
		slices.Equal(t.Ports, o.Ports) &&
		slices.Equal(t.Labels, o.Labels) &&
		t.Details.Equal(o.Details) &&
		t.Discovery.Equal(o.Discovery) &&
		t.Container.Equal(o.Container) &&
		t.Addresses.Equal(o.Addresses)
}

// Equal reports whether both are nil or equal.
func (d *TaskDetails) Equal(o *TaskDetails) bool {
	if d == o || d == nil || o == nil {
		return d == o
	}
	return d.Role == o.Role && slices.Equal(d.Labels, o.Labels)
}

// Equal reports whether both are equal.
func (n Network) Equal(o Network) bool {
	return n.Name == o.Name && slices.Equal(n.Addrs, o.Addrs) && slices.Equal(n.Mappings, o.Mappings)
}

// Equal reports whether both are nil or equal.
func (c *Container) Equal(o *Container) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.DockerNetwork == o.DockerNetwork && slices.Equal(c.Mappings, o.Mappings) &&
		slices.EqualFunc(c.Networks, o.Networks, Network.Equal)
}

// Equal reports whether both are equal.
func (p DiscoveryPort) Equal(o DiscoveryPort) bool {
	return p.Number == o.Number && p.Name == o.Name && p.Protocol == o.Protocol && p.Visibility == o.Visibility &&
		p.Scope == o.Scope && p.Network == o.Network && slices.Equal(p.Labels, o.Labels)
}

// Equal reports whether both hold the same addresses in the same order.
func (a Addresses) Equal(o Addresses) bool {
	return slices.Equal(a.NetInfo, o.NetInfo) && slices.Equal(a.Docker, o.Docker) && slices.Equal(a.Mesos, o.Mesos) &&
		slices.EqualFunc(a.Networks, o.Networks, Network.Equal)
}

// Equal reports whether both are nil or equal.
func (d *Discovery) Equal(o *Discovery) bool {
	if d == nil || o == nil {
		return d == o
	}
	return d.Name == o.Name && d.Visibility == o.Visibility && slices.EqualFunc(d.Ports, o.Ports, DiscoveryPort.Equal)
}

// Equal reports whether both agents are equal.
func (a *Agent) Equal(o *Agent) bool {
	return a.ID == o.ID && a.Hostname == o.Hostname && a.PID == o.PID && slices.Equal(a.Addrs, o.Addrs) &&
		a.Region == o.Region && a.Zone == o.Zone && slices.Equal(a.Attributes, o.Attributes)
}

// Equal reports whether both frameworks are equal.
func (f *Framework) Equal(o *Framework) bool {
	return f.ID == o.ID && f.Name == o.Name && f.Hostname == o.Hostname && f.PID == o.PID && slices.Equal(f.Addrs, o.Addrs) &&
		slices.Equal(f.Roles, o.Roles)
}

// Equal reports whether both are the same master at the same addresses.
func (m Master) Equal(o Master) bool {
	return m.Host == o.Host && m.Port == o.Port && slices.Equal(m.Addrs, o.Addrs)
}
