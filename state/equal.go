package state

import "slices"

// Equal reports whether both tasks say the same.
func (t *Task) Equal(o *Task) bool {
	return t.Key == o.Key && t.Name == o.Name && t.AgentID == o.AgentID && t.State == o.State &&
		slices.Equal(t.Ports, o.Ports) &&
		t.Discovery.Equal(o.Discovery) &&
		t.Addresses.Equal(o.Addresses)
}

// Equal reports whether both hold the same addresses in the same order.
func (a Addresses) Equal(o Addresses) bool {
	return slices.Equal(a.NetInfo, o.NetInfo) && slices.Equal(a.Docker, o.Docker) && slices.Equal(a.Mesos, o.Mesos)
}

// Equal reports whether both are nil or say the same.
func (d *Discovery) Equal(o *Discovery) bool {
	if d == nil || o == nil {
		return d == o
	}
	return d.Name == o.Name && slices.Equal(d.Ports, o.Ports)
}

// Equal reports whether both agents say the same.
func (a *Agent) Equal(o *Agent) bool {
	return a.ID == o.ID && a.Hostname == o.Hostname && a.PID == o.PID && slices.Equal(a.Addrs, o.Addrs)
}

// Equal reports whether both frameworks say the same.
func (f *Framework) Equal(o *Framework) bool {
	return f.ID == o.ID && f.Name == o.Name && f.Hostname == o.Hostname && f.PID == o.PID && slices.Equal(f.Addrs, o.Addrs)
}

// Equal reports whether both are the same master at the same addresses.
func (m Master) Equal(o Master) bool {
	return m.Host == o.Host && m.Port == o.Port && slices.Equal(m.Addrs, o.Addrs)
}
