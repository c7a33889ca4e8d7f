package records_test

import (
	"net/netip"
	"testing"

	"toponym/records"
	"toponym/state"
)

// Whatever a framework writes, the names of its tasks can be written and packed,
// SRV records point to names with an address, and nothing is left when the task is
// gone.
func FuzzTask(f *testing.F) {
	f.Add("web", "web", "http", "tcp,udp", "dcos", "db,sql", "5", "container", uint16(80), byte(0))
	f.Add("a.b", "A.b", "_x", ",", "-", "a-b, a-b ,web-abcde-s0", "0", "host", uint16(0), byte(0xff))
	f.Add("", "x:y", ".", "udp", "n.n", ",,,", "-1", "", uint16(31000), byte(0x55))
	f.Fuzz(func(t *testing.T, name, discovery, port, proto, network, alias, ttl, scope string, number uint16, flags byte) {
		has := func(bit int) bool { return flags&(1<<bit) != 0 }
		addr := []netip.Addr{netip.MustParseAddr("9.0.0.1")}
		task := &state.Task{
			Key: state.TaskKey{Framework: "f", ID: name + port}, Name: name, AgentID: "a-S0", State: state.Running,
			Addresses: state.Addresses{NetInfo: addr},
			Labels:    []state.Label{{Key: "DNS_ALIAS", Value: alias}, {Key: "DNS_TTL", Value: ttl}, {Key: "DNS_WEIGHT", Value: ttl}},
		}
		if has(0) {
			task.Addresses.Networks = []state.Network{{Name: network, Addrs: addr}}
		}
		if has(1) {
			task.Container = &state.Container{Mappings: []state.PortMapping{{HostPort: 31000, ContainerPort: number, Protocol: proto}}}
		}
		if has(2) {
			task.Ports = []state.PortRange{{First: 31000, Last: 31001}}
		}
		if has(3) {
			task.Health = state.Unhealthy
		}
		if !has(4) {
			task.Discovery = &state.Discovery{Name: discovery, Ports: []state.DiscoveryPort{{
				Number: number, Name: port, Protocol: proto, Scope: scope, Network: network, Labels: []state.Label{{Key: "DNS_TTL", Value: ttl}},
			}}}
		}
		o := defaults()
		o.Reverse = has(5)
		if has(6) {
			o.Rule = records.RFC952
		}
		if has(7) {
			o.Limits = records.Limits{TaskPorts: 1, TaskAddrs: 1, TaskRecords: 1 + len(port), FrameworkRecords: 50}
		}
		c := state.NewCluster()
		s := state.FullState{
			Agents:     []*state.Agent{{ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
			Frameworks: []*state.Framework{{ID: "f", Name: discovery}, {ID: "g", Name: "marathon"}},
		}
		set := records.NewSet(o)
		set.Update(c, c.Reconcile(&s, nil))
		empty := text(set)

		second := *task
		second.Key.Framework = "g"
		with := s
		with.Tasks = []*state.Task{task, &second}
		set.Update(c, c.Reconcile(&with, nil))
		for n, d := range set.All() {
			if again, err := records.ParseName(n.String()); err != nil || again != n || len(n) > 255 {
				t.Errorf("%q read again gives %q, %v, want the same name", n, again, err)
			}
			for _, v := range d.SRV {
				if to := set.Data(set.Target(v)); len(to.A)+len(to.AAAA) == 0 || v.Port == 0 {
					t.Errorf("%v points to port %d of %v, want a port and a name with an address", n, v.Port, set.Target(v))
				}
			}
		}
		set.Update(c, c.Reconcile(&s, nil))
		if got := text(set); got != empty {
			t.Errorf("records are left after the task is gone: %s", firstDifference(empty, got))
		}
	})
}
