package records

import (
	"net/netip"
	"strconv"

	"toponym/state"
)

// itself makes the name of the name server.
func (m *maker) itself() {
	if m.o.MName.Under(m.o.Domain) {
		m.from = origin{source: SourceHost}
		m.addrs(m.o.Listeners, nil, m.o.MName)
	}
}

// masters makes the names of the leading master and of all masters. masterN is
// numbered by the place in the list, so a new leader does not move anybody.
func (m *maker) masters(leader state.Master, all []state.Master) {
	d := m.o.Domain
	m.from = origin{source: SourceHost}
	for _, o := range m.o.AddressDomains {
		m.viewMasters(o, leader, all)
	}
	if len(leader.Addrs) > 0 {
		if name, err := d.Join("leader"); err == nil {
			m.addrs(leader.Addrs, nil, name)
			for _, proto := range bothProtocols {
				m.srv(SRV{Target: name, Port: leader.Port}, d, "_leader", "_"+proto)
			}
		}
	}

	group, err := d.Join("master")
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
		m.addrs(master.Addrs, nil, group)
		name, err := d.Join("master" + strconv.Itoa(n))
		n++
		if err != nil {
			continue
		}
		m.addrs(master.Addrs, nil, name)
		for _, proto := range bothProtocols {
			m.srv(SRV{Target: name, Port: master.Port}, d, "_master", "_"+proto)
		}
	}
}

// viewMasters makes leader.O and master.O.
func (m *maker) viewMasters(o Name, leader state.Master, all []state.Master) {
	if o == m.o.Domain {
		return // they are there
	}
	if name, err := o.Join("leader"); err == nil {
		m.addrs(leader.Addrs, nil, name)
	}
	name, err := o.Join("master")
	if err != nil {
		return
	}
	seen := map[netip.Addr]bool{}
	for _, master := range all {
		for _, a := range master.Addrs {
			if !seen[a] {
				seen[a] = true
				m.addrs([]netip.Addr{a}, nil, name)
			}
		}
	}
}
