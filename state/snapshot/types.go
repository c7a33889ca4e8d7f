package snapshot

import (
	"math"
	"net/netip"

	"toponym/state"
)

// The functions of this file describe the types of package state, each field
// once. A change here is a new version of the format, see version. What is new in
// version 2 is not read from a file of version 1, and the next state of a master
// brings it.

func cluster(c *codec, s *state.FullState) {
	master(c, &s.Leader)
	list(c, &s.Masters, master)
	list(c, &s.Agents, present(agent))
	list(c, &s.Frameworks, present(framework))
	list(c, &s.Tasks, present(task))
}

func zoneVersion(c *codec, v *ZoneVersion) {
	c.text(&v.Origin)
	small(c, &v.Serial, math.MaxUint32)
	c.number(&v.Digest)
}

func master(c *codec, m *state.Master) {
	c.text(&m.Host)
	c.port(&m.Port)
	addrs(c, &m.Addrs)
}

func agent(c *codec, a *state.Agent) {
	c.word(&a.ID)
	c.text(&a.Hostname)
	upid(c, &a.PID)
	addrs(c, &a.Addrs)
	if c.version > 1 {
		list(c, &a.Attributes, func(c *codec, a *state.Attribute) {
			c.word(&a.Name)
			c.word(&a.Value)
		})
		c.word(&a.Region)
		c.word(&a.Zone)
	}
}

func framework(c *codec, f *state.Framework) {
	c.word(&f.ID)
	c.text(&f.Name)
	c.text(&f.Hostname)
	upid(c, &f.PID)
	addrs(c, &f.Addrs)
	if c.version > 1 {
		list(c, &f.Roles, (*codec).word)
	}
}

func upid(c *codec, p *state.UPID) {
	c.word(&p.ID)
	c.text(&p.Host)
	c.port(&p.Port)
}

func task(c *codec, t *state.Task) {
	c.word(&t.Key.Framework)
	c.text(&t.Key.ID)
	c.word(&t.Name)
	c.word(&t.AgentID)
	c.word(&t.State)
	list(c, &t.Ports, portRange)
	pointer(c, &t.Discovery, discovery)
	if c.r != nil && t.Discovery != nil {
		t.Discovery = c.interner.Discovery(t.Discovery)
	}
	pointer(c, &t.Container, container)
	if c.r != nil && t.Container != nil {
		t.Container = c.interner.Container(t.Container)
	}
	addresses(c, &t.Addresses)
	small(c, &t.Health, math.MaxUint8)
	labels(c, &t.Labels)
	if c.version > 1 {
		small(c, &t.Since, math.MaxUint32)
		pointer(c, &t.Details, details)
		if c.r != nil && t.Details != nil {
			t.Details = c.interner.Details(*t.Details)
		}
	}
}

func details(c *codec, d *state.TaskDetails) {
	c.word(&d.Role)
	list(c, &d.Labels, label)
}

func portRange(c *codec, r *state.PortRange) {
	c.port(&r.First)
	c.port(&r.Last)
}

func discovery(c *codec, d *state.Discovery) {
	c.word(&d.Name)
	c.word(&d.Visibility)
	list(c, &d.Ports, discoveryPort)
}

func discoveryPort(c *codec, p *state.DiscoveryPort) {
	c.port(&p.Number)
	c.word(&p.Name)
	c.word(&p.Protocol)
	c.word(&p.Visibility)
	c.word(&p.Scope)
	c.word(&p.Network)
	labels(c, &p.Labels)
}

func container(c *codec, k *state.Container) {
	c.word(&k.DockerNetwork)
	list(c, &k.Mappings, mapping)
	list(c, &k.Networks, network)
}

func addresses(c *codec, a *state.Addresses) {
	addrs(c, &a.NetInfo)
	list(c, &a.Networks, network)
	addrs(c, &a.Docker)
	addrs(c, &a.Mesos)
}

func network(c *codec, n *state.Network) {
	c.word(&n.Name)
	addrs(c, &n.Addrs)
	list(c, &n.Mappings, mapping)
}

func mapping(c *codec, m *state.PortMapping) {
	c.port(&m.HostPort)
	c.port(&m.ContainerPort)
	c.word(&m.Protocol)
}

func labels(c *codec, l *[]state.Label) {
	list(c, l, label)
	if c.r != nil {
		*l = c.interner.Labels(*l)
	}
}

func label(c *codec, l *state.Label) {
	c.word(&l.Key)
	c.word(&l.Value)
}

func addrs(c *codec, l *[]netip.Addr) { list(c, l, (*codec).addr) }
