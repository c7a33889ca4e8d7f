package records

import (
	"net/netip"
	"strconv"

	"toponym/state"
)

// masters makes the names of the leading master, of all masters, and of the
// name server itself. masterN is numbered by the place in the list, so a new
// leader does not move anybody.
func (m *maker) masters(leader state.Master, all []state.Master) {
	d := m.o.Domain
	if m.o.MName.Under(d) {
		m.addrs(m.o.Listeners, nil, m.o.MName)
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
