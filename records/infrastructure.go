package records

import (
	"net/netip"
	"strconv"

	"toponym/state"
)

// The names of the infrastructure under the domain: those of schedulers, agents,
// masters and of this server.

// Labels directly under the domain.
const (
	leaderLabel  = "leader"
	masterLabel  = "master" // also followed by a number
	slaveLabel   = "slave"
	networkLabel = "network"
)

// hostAddr is the source of addresses that are those of a host.
var hostAddr = addrSource{source: SourceHost}

// framework makes F.D and _framework._tcp.F.D.
func (g *generator) framework(f *state.Framework) {
	g.omissions = 0
	if len(f.Addrs) == 0 {
		return
	}
	s := g.suffixesOf(f.Name)
	if s.err != nil {
		g.omit(Omission{Framework: f.ID, Value: f.Name, Reason: s.err})
		return
	}
	g.hostAddrs(s.tasks, f.Addrs)
	if !f.PID.IsZero() {
		g.hostService(SRV{Target: s.tasks, Port: f.PID.Port}, s.tasks, "framework", "tcp")
	}
}

// agent makes slave.D and _slave._tcp.D.
func (g *generator) agent(a *state.Agent) {
	if len(a.Addrs) == 0 {
		return
	}
	slave, err := g.o.Domain.Join(slaveLabel)
	if err != nil {
		return
	}
	g.hostAddrs(slave, a.Addrs)
	if !a.PID.IsZero() {
		g.hostService(SRV{Target: slave, Port: a.PID.Port}, g.o.Domain, "slave", "tcp")
	}
}

// server makes the name of this server.
func (g *generator) server() {
	if g.o.MName.Under(g.o.Domain) {
		g.hostAddrs(g.o.MName, g.o.Listeners)
	}
}

// masters makes the names of the leading master and of all masters. masterN is
// numbered by the position in the list, so a new leader renames nobody.
func (g *generator) masters(leader state.Master, all []state.Master) {
	d := g.o.Domain
	for _, o := range g.o.AddressDomains {
		g.treeMasters(o, leader, all)
	}
	if len(leader.Addrs) > 0 {
		if name, err := d.Join(leaderLabel); err == nil {
			g.hostAddrs(name, leader.Addrs)
			g.hostService(SRV{Target: name, Port: leader.Port}, d, "leader", bothProtocols[:]...)
		}
	}
	everyMaster, err := d.Join(masterLabel)
	if err != nil {
		return
	}
	seen := map[netip.Addr]bool{}
	n := 0
	for _, master := range all {
		if len(master.Addrs) == 0 || seen[master.Addrs[0]] {
			continue
		}
		seen[master.Addrs[0]] = true
		g.hostAddrs(everyMaster, master.Addrs)
		name, err := d.Join(masterLabel + strconv.Itoa(n))
		n++
		if err != nil {
			continue
		}
		g.hostAddrs(name, master.Addrs)
		g.hostService(SRV{Target: name, Port: master.Port}, d, "master", bothProtocols[:]...)
	}
}

// treeMasters makes leader.O and master.O of an address domain.
func (g *generator) treeMasters(o Name, leader state.Master, all []state.Master) {
	if o == g.o.Domain {
		return // masters makes these names
	}
	if name, err := o.Join(leaderLabel); err == nil {
		g.hostAddrs(name, leader.Addrs)
	}
	name, err := o.Join(masterLabel)
	if err != nil {
		return
	}
	seen := map[netip.Addr]bool{}
	for _, master := range all {
		for _, a := range master.Addrs {
			if !seen[a] {
				seen[a] = true
				g.hostAddrs(name, []netip.Addr{a})
			}
		}
	}
}

// hostService makes an SRV record at _service._protocol.suffix for each protocol.
func (g *generator) hostService(d SRV, suffix Name, service string, protocols ...string) {
	d.Weight = g.o.SRVWeight
	for _, p := range protocols {
		if name, err := suffix.Join("_"+service, "_"+p); err == nil {
			g.out.srv([]byte(name), d)
		}
	}
}
