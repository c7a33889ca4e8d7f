package records_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// onNetworks puts a task on networks by name, and names them in its status.
func onNetworks(networks ...state.Network) func(*state.Task) {
	return func(t *state.Task) {
		t.Addresses = state.Addresses{Networks: networks}
		t.Container = &state.Container{}
		for _, n := range networks {
			t.Addresses.NetInfo = append(t.Addresses.NetInfo, n.Addrs...)
			t.Container.Networks = append(t.Container.Networks, state.Network{Name: n.Name})
		}
	}
}

func network(name string, addrs ...string) state.Network {
	n := state.Network{Name: name}
	for _, a := range addrs {
		n.Addrs = append(n.Addrs, netip.MustParseAddr(a))
	}
	return n
}

// Odd and incomplete cases, beside the table of reachability_shapes_test.go.
func TestSRVRecordsPointToTheSideOnWhichThePortIsOpen(t *testing.T) {
	http := func(number uint16, scope, network string) func(*state.Task) {
		return discovered(state.DiscoveryPort{Number: number, Name: "http", Protocol: "tcp", Scope: scope, Network: network})
	}
	const own, onAgent = "web-e844k-s0.marathon.mesos.", "web-e844k-s0.marathon.slave.mesos."
	dcos, storage := network("dcos", "9.0.0.1"), network("storage", "9.1.0.1")
	for _, tc := range []struct {
		name string
		with []func(*state.Task)
		want []string // records of _http._tcp.web.marathon.mesos
		more map[string][]string
	}{
		{"port 0", []func(*state.Task){http(0, "container", "dcos"), onNetworks(dcos)}, nil, nil},
		{"an unknown scope", []func(*state.Task){http(80, "galaxy", ""), onNetworks(dcos)}, []string{"SRV 0 1 80 " + own}, nil},
		{"container scope without a network", []func(*state.Task){http(80, "container", ""), onNetworks(dcos, storage)}, []string{"SRV 0 1 80 " + own}, nil},
		{"container scope on one of two", []func(*state.Task){http(80, "container", "storage"), onNetworks(dcos, storage)},
			[]string{"SRV 0 1 80 web-e844k-s0.marathon.storage.network.mesos."},
			map[string][]string{"web-e844k-s0.marathon.storage.network.mesos": {"A 9.1.0.1"}}},
		{"a network that is listed twice", []func(*state.Task){http(80, "container", "dcos"), onNetworks(dcos, storage, network("dcos", "9.0.0.2", "fd00::1"))},
			[]string{"SRV 0 1 80 web-e844k-s0.marathon.dcos.network.mesos."},
			map[string][]string{"web.marathon.dcos.network.mesos": {"A 9.0.0.1", "A 9.0.0.2", "AAAA fd00::1"}}},
		{"container scope on a network without the task", []func(*state.Task){http(80, "container", "other"), onNetworks(dcos)}, nil, nil},
		{"container scope on the network without a name", []func(*state.Task){http(80, "container", "other"), func(t *state.Task) {
			onNetworks(dcos, network("", "9.2.0.1"))(t)
		}}, []string{"SRV 0 1 80 web-e844k-s0.marathon.containerip.mesos."},
			map[string][]string{"web-e844k-s0.marathon.containerip.mesos": {"A 9.2.0.1"}}},
		{"container scope before there is an address", []func(*state.Task){http(80, "container", "dcos"), func(t *state.Task) {
			onNetworks(network("dcos"))(t)
		}}, nil, nil},
		{"container scope on the agent's network", []func(*state.Task){http(80, "container", ""), func(t *state.Task) {
			t.Addresses.NetInfo = []netip.Addr{netip.MustParseAddr("10.0.0.10")}
		}}, []string{"SRV 0 1 80 " + onAgent}, nil},
		{"container scope with a port of the agent", []func(*state.Task){http(31000, "container", ""), onNetworks(dcos), func(t *state.Task) {
			t.Addresses.Networks[0].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 80}}
		}}, []string{"SRV 0 1 80 web-e844k-s0.marathon.containerip.mesos."},
			map[string][]string{"_http._web._tcp.marathon.slave.mesos": {"SRV 0 1 31000 " + onAgent}}},
		{"host scope with a port of the container", []func(*state.Task){http(80, "host", ""), onNetworks(dcos), func(t *state.Task) {
			t.Container.Networks[0].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 80}}
		}}, []string{"SRV 0 1 31000 " + onAgent}, nil},
		{"a mapping of port 0", []func(*state.Task){http(80, "", ""), onNetworks(dcos), func(t *state.Task) {
			t.Container.Networks[0].Mappings = []state.PortMapping{{HostPort: 0, ContainerPort: 80}}
		}}, []string{"SRV 0 1 80 " + own}, nil},
		{"mappings of one container port by each protocol", []func(*state.Task){
			discovered(state.DiscoveryPort{Number: 53, Name: "http", Protocol: "tcp,udp", Scope: "container", Network: "dcos"}), onNetworks(dcos), func(t *state.Task) {
				t.Container.Networks[0].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 53, Protocol: "tcp"}, {HostPort: 31001, ContainerPort: 53, Protocol: "UDP"}}
			}}, []string{"SRV 0 1 53 web-e844k-s0.marathon.dcos.network.mesos."}, map[string][]string{
			"_http._web._tcp.marathon.slave.mesos":         {"SRV 0 1 31000 " + onAgent},
			"_http._web._udp.marathon.slave.mesos":         {"SRV 0 1 31001 " + onAgent},
			"_http._udp.web.marathon.containerip." + trees: {"SRV 0 1 53 web-e844k-s0.marathon.dcos.network.mesos."},
			"web.marathon.mesos":                           {"A 10.0.0.10"},
		}},
		{"a mapping of the other protocol only", []func(*state.Task){
			discovered(state.DiscoveryPort{Number: 53, Name: "http", Protocol: "udp"}), onNetworks(dcos), func(t *state.Task) {
				t.Container.Networks[0].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 53}}
			}}, nil, map[string][]string{
			"_http._udp.web.marathon.mesos":        {"SRV 0 1 53 " + own},
			"_http._web._udp.marathon.slave.mesos": nil,
			"web.marathon.autoip." + trees:         {"A 9.0.0.1"},
		}},
		{"mappings of one port of the agent by each protocol", []func(*state.Task){
			discovered(state.DiscoveryPort{Number: 31000, Name: "http", Protocol: "tcp,udp", Scope: "host"}), onNetworks(dcos), func(t *state.Task) {
				t.Container.Networks[0].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 80, Protocol: "tcp"}, {HostPort: 31000, ContainerPort: 53, Protocol: "udp"}}
			}}, []string{"SRV 0 1 31000 " + onAgent}, map[string][]string{
			"_http._tcp.web.marathon.containerip." + trees: {"SRV 0 1 80 web-e844k-s0.marathon.containerip.mesos."},
			"_http._udp.web.marathon.containerip." + trees: {"SRV 0 1 53 web-e844k-s0.marathon.containerip.mesos."},
		}},
		{"a protocol other than TCP and UDP", []func(*state.Task){
			discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "https"}), onNetworks(dcos), func(t *state.Task) {
				t.Container.Networks[0].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 80, Protocol: "tcp"}}
			}}, []string{"SRV 0 1 31000 " + own}, map[string][]string{"_http._https.web.marathon.mesos": {"SRV 0 1 31000 " + own}}},
		{"one port on two networks, and a mapping into one", []func(*state.Task){http(80, "container", "dcos"), onNetworks(dcos, storage), func(t *state.Task) {
			t.Addresses.Networks[1].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 80}}
		}}, []string{"SRV 0 1 80 web-e844k-s0.marathon.dcos.network.mesos."},
			map[string][]string{"_http._web._tcp.marathon.slave.mesos": nil}},
		{"host scope with a mapping into one of two networks", []func(*state.Task){http(31000, "host", ""), onNetworks(dcos, storage), func(t *state.Task) {
			t.Addresses.Networks[1].Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 80}}
		}}, []string{"SRV 0 1 31000 " + onAgent},
			map[string][]string{"_http._tcp.web.marathon.containerip." + trees: {"SRV 0 1 80 web-e844k-s0.marathon.storage.network.mesos."}}},
		{"a bridge that an old master does not describe", []func(*state.Task){http(31000, "", ""), func(t *state.Task) {
			t.Ports = []state.PortRange{{First: 31000, Last: 31000}}
		}}, []string{"SRV 0 1 31000 " + own}, map[string][]string{"web.marathon.mesos": {"A 10.0.0.10"}, "web.marathon.containerip." + trees: {"A 192.168.0.1"}}},
		{"several protocols", []func(*state.Task){discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "UDP, tcp,udp,"})},
			[]string{"SRV 0 1 80 " + own}, map[string][]string{"_http._udp.web.marathon.mesos": {"SRV 0 1 80 " + own}, "_web._udptcpudp.marathon.mesos": nil}},
		{"no protocol", []func(*state.Task){discovered(state.DiscoveryPort{Number: 80, Name: "http"})},
			[]string{"SRV 0 1 80 " + own}, map[string][]string{"_http._udp.web.marathon.mesos": {"SRV 0 1 80 " + own}}},
		{"only commas", []func(*state.Task){discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: ","})},
			[]string{"SRV 0 1 80 " + own}, nil},
		{"an agent whose address is not known", []func(*state.Task){http(80, "host", ""), func(t *state.Task) { t.AgentID = "a-S9" }}, nil,
			map[string][]string{"web.marathon.mesos": {"A 192.168.0.1"}, "web.marathon.agentip." + trees: nil}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCluster(t, defaults())
			c.full.Agents = append(c.full.Agents, &state.Agent{ID: "a-S9"})
			c.put(app("web.1", "web", "192.168.0.1", tc.with...))
			c.owns("_http._tcp.web.marathon.mesos", tc.want...)
			for name, want := range tc.more {
				c.owns(name, want...)
			}
		})
	}
}

func TestMinVisibilityHidesTasksAndPorts(t *testing.T) {
	seen := func(task, port string) func(*state.Task) {
		return func(t *state.Task) {
			t.Discovery = &state.Discovery{Name: t.Name, Visibility: task, Ports: []state.DiscoveryPort{{Number: 80, Name: "http", Visibility: port}}}
		}
	}
	tasks := []*state.Task{
		app("1", "none", "192.168.0.1"), app("2", "framework", "192.168.0.2", seen("FRAMEWORK", "EXTERNAL")),
		app("3", "cluster", "192.168.0.3", seen("CLUSTER", "")), app("4", "external", "192.168.0.4", seen("EXTERNAL", "CLUSTER")),
		app("5", "odd", "192.168.0.5", seen("GALAXY", "")),
	}
	for minimum, want := range map[records.Visibility]string{
		records.VisibleFramework: "none framework cluster external odd _framework _cluster _external _odd",
		records.VisibleCluster:   "cluster external _cluster _external",
		records.VisibleExternal:  "external",
	} {
		o := defaults()
		o.MinVisibility = minimum
		c := newCluster(t, o)
		c.put(tasks...)
		var got []string
		for _, prefix := range []string{"", "_http._tcp."} {
			for _, task := range tasks {
				if d := c.set.Data(records.MustParseName(prefix + task.Name + ".marathon.mesos")); !d.Empty() {
					got = append(got, strings.Replace(prefix, "_http._tcp.", "_", 1)+task.Name)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("minVisibility %d: got %v, want %s", minimum, got, want)
		}
	}
}

func TestOnlyPublishedStatesHaveRecords(t *testing.T) {
	in := func(s string) func(*state.Task) { return func(t *state.Task) { t.State = s } }
	for _, tc := range []struct{ states, want []string }{
		{nil, []string{"A 192.168.0.2"}},
		{[]string{"TASK_RUNNING", "TASK_STARTING"}, []string{"A 192.168.0.1", "A 192.168.0.2"}},
		{[]string{"TASK_KILLING"}, []string{"A 192.168.0.3"}},
	} {
		o := defaults()
		o.States = tc.states
		c := newCluster(t, o)
		c.put(app("1", "web", "192.168.0.1", in("TASK_STARTING")), app("2", "web", "192.168.0.2"), app("3", "web", "192.168.0.3", in("TASK_KILLING")))
		c.owns("web.marathon.mesos", tc.want...)
	}
	// The Docker executor reports the agent's address until the container exists.
	o := defaults()
	o.States = []string{"TASK_STARTING"}
	c := newCluster(t, o)
	c.put(app("1", "web", "10.0.0.10", in("TASK_STARTING"), func(t *state.Task) { t.Container = &state.Container{DockerNetwork: "USER"} }))
	c.owns("web.marathon.containerip." + trees)
	// A task that is being killed loses its names at once.
	c = newCluster(t, defaults())
	c.put(app("1", "web", "192.168.0.1"), app("2", "web", "192.168.0.2"))
	c.put(app("1", "web", "192.168.0.1", in("TASK_KILLING")))
	c.owns("web.marathon.mesos", "A 192.168.0.2")
}

func TestFrameworksOfOneNameShareTheNamesOfTheirTasks(t *testing.T) {
	c := newCluster(t, defaults())
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "marathon"})
	second := app("1", "web", "192.168.0.2", func(t *state.Task) { t.Key.Framework = "g" })
	c.full.Tasks = []*state.Task{app("1", "web", "192.168.0.1"), second}
	c.apply().owns("web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2")
	c.full.Frameworks = slices.DeleteFunc(slices.Clone(c.full.Frameworks), func(f *state.Framework) bool { return f.ID == "f" })
	c.apply().owns("web.marathon.mesos", "A 192.168.0.2")
}

// In the address trees a framework is a single label, and the domain may be an
// address domain, too.
func TestAddressTreesHaveOneLabelPerFramework(t *testing.T) {
	o := defaults()
	o.AddressDomains = append(o.AddressDomains, records.MustParseName("mesos"))
	c := newCluster(t, o)
	c.full.Frameworks[0].Name = "marathon.user"
	c.full.Leader = state.Master{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	c.full.Masters = []state.Master{c.full.Leader, {Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}}
	c.put(app("1", "web.a", "192.168.0.1", func(t *state.Task) {
		t.Addresses.NetInfo = append(t.Addresses.NetInfo, netip.MustParseAddr("fd00::1"))
	}))
	for _, origin := range []string{trees, "mesos"} {
		c.owns("web-a.marathon-user.containerip."+origin, "A 192.168.0.1", "AAAA fd00::1")
		c.owns("web-a.marathon-user.agentip."+origin, "A 10.0.0.10")
		c.owns("leader."+origin, "A 10.0.0.1")
		c.owns("master."+origin, "A 10.0.0.1", "A 10.0.0.2")
	}
}
