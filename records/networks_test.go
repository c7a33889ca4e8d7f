package records_test

import (
	"strings"
	"testing"

	"toponym/state"
)

// Each task of the fixture is called after its kind of container and of network,
// which decide its addresses and SRV targets.
func TestEachKindOfNetworkHasItsAddressesAndTargets(t *testing.T) {
	const s0, s1 = "A 10.160.0.11", "A 10.160.0.12"
	for _, tc := range []struct {
		name              string
		agent, own        []string // own: none on a bridge, which only the agent reaches
		auto              []string
		service, onAgent  string // SRV record of _http._tcp.T: port and end of the target
		inside, ofNetwork string
	}{
		{"none-host", []string{s0}, []string{s0}, []string{s0}, "13977 mesos", "13977", "13977 mesos", ""},
		{"none-net", []string{s0}, []string{"A 9.0.2.5"}, []string{"A 9.0.2.5"}, "", "", "", "dcos"},
		{"ucr-host", []string{s1}, []string{s1}, []string{s1}, "10323 mesos", "10323", "10323 mesos", ""},
		{"ucr-bridge", []string{s1}, nil, []string{s1}, "15263 slave.mesos", "15263", "", "mesos-bridge"},
		{"ucr-net", []string{s1}, []string{"A 9.0.1.6"}, []string{"A 9.0.1.6"}, "8080 mesos", "", "8080 mesos", "dcos"},
		{"docker-host", []string{s0}, []string{s0}, []string{s0}, "31168 mesos", "31168", "31168 mesos", ""},
		{"docker-bridge", []string{s0}, nil, []string{s0}, "20560 slave.mesos", "20560", "", ""},
		{"docker-net", []string{s0}, []string{"A 9.0.2.130"}, []string{"A 9.0.2.130"}, "8080 mesos", "", "8080 mesos", "dcos"},
		{"docker-six", []string{s1}, []string{"A 172.19.0.2", "AAAA fd01:b::2:8000:2"}, []string{"A 172.19.0.2", "AAAA fd01:b::2:8000:2"}, "8080 mesos", "", "8080 mesos", "dcos6"},
		{"docker-mapped", []string{s0}, []string{"A 9.0.2.131"}, []string{s0}, "8080 dcos.network.mesos", "20561", "8080 dcos.network.mesos", "dcos"},
		{"pod-host", []string{s0}, []string{s0}, []string{s0}, "28064 mesos", "28064", "28064 mesos", ""},
		{"pod-bridge", []string{s1}, nil, []string{s1}, "2254 slave.mesos", "2254", "", "mesos-bridge"},
		{"pod-net", []string{s1}, []string{"A 9.0.1.3"}, []string{"A 9.0.1.3"}, "8080 mesos", "", "8080 mesos", "dcos"},
		{"sdk-net", []string{s1}, []string{"A 9.0.1.7"}, []string{"A 9.0.1.7"}, "1025 mesos", "", "1025 mesos", "dcos"},
		{"sdk-vip", []string{s1}, []string{"A 9.0.1.8"}, []string{"A 9.0.1.8"}, "4044 mesos", "", "4044 mesos", "dcos"},
		{"sdk-host", []string{s1}, []string{s1}, []string{s1}, "4044 mesos", "4044", "4044 mesos", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &cluster{T: t}
			c.state = state.NewCluster()
			c.set = recordsOf(c.state, loadState(t, "mesos-1.6.json"))
			c.owns(tc.name+".marathon.agentip."+trees, tc.agent...)
			c.owns(tc.name+".marathon.containerip."+trees, tc.own...)
			c.owns(tc.name+".marathon.autoip."+trees, tc.auto...)
			c.owns(tc.name+".marathon.mesos", tc.auto...)
			c.owns(tc.name+".marathon.slave.mesos", tc.agent...)
			if tc.ofNetwork != "" {
				c.owns(tc.name+".marathon."+tc.ofNetwork+".network.mesos", tc.own...)
			}
			at := "_http._tcp." + tc.name + ".marathon."
			c.pointsTo(at+"mesos", tc.service)
			c.pointsTo(at+"autoip."+trees, tc.service)
			c.pointsTo(at+"containerip."+trees, tc.inside)
			onAgent := tc.onAgent
			if onAgent != "" {
				onAgent += " slave.mesos"
			}
			c.pointsTo(at+"agentip."+trees, onAgent)
			c.pointsTo("_http._"+tc.name+"._tcp.marathon.slave.mesos", onAgent)
		})
	}
}

// Docker's bridge and loopback addresses lead nowhere from other hosts.
func TestAddressesThatOnlyTheAgentReachesAreWithheld(t *testing.T) {
	const bridge = "172.17.0.2"
	mapped := func(docker string, networks ...state.Network) func(*state.Task) {
		return func(t *state.Task) {
			onNetworks(networks...)(t)
			t.Container.DockerNetwork = docker
			t.Container.Mappings = []state.PortMapping{{HostPort: 31000, ContainerPort: 80}}
			t.Ports = []state.PortRange{{First: 31000, Last: 31000}}
		}
	}
	unmapped := func(docker string, networks ...state.Network) func(*state.Task) {
		return func(t *state.Task) {
			mapped(docker, networks...)(t)
			t.Container.Mappings, t.Ports = nil, nil
		}
	}
	agent := []string{"A 10.0.0.10"}
	for _, tc := range []struct {
		name             string
		with             func(*state.Task)
		domain, own      []string
		network          string
		onNetwork        []string
		service, omitted string
	}{
		{"docker0", mapped("BRIDGE", network("", bridge)), agent, nil, "", nil, "31000 slave.mesos", `the network "bridge"`},
		{"Docker's default network, as compose asks for it", mapped("USER", network("default", bridge)), agent, nil, "default", nil, "31000 slave.mesos", `the network "default"`},
		{"a bridge by its name", mapped("USER", network("bridge", bridge)), agent, nil, "bridge", nil, "31000 slave.mesos", `the network "bridge"`},
		{"a loopback address on an overlay", mapped("USER", network("dcos", "127.0.0.1")), agent, nil, "dcos", nil, "31000 slave.mesos", "on a network without a name"},
		{"a loopback address beside another", mapped("USER", network("dcos", "127.0.0.1", "9.0.0.1")), agent, []string{"A 9.0.0.1"}, "dcos", []string{"A 9.0.0.1"}, "31000 slave.mesos", "on a network without a name"},
		{"a bridge beside an overlay", mapped("", network("mesos-bridge", bridge), network("dcos", "9.0.0.1")), agent, []string{"A 9.0.0.1"}, "dcos", []string{"A 9.0.0.1"}, "31000 slave.mesos", `the network "mesos-bridge"`},
		{"an overlay with a mapping", mapped("USER", network("dcos", "9.0.0.1")), agent, []string{"A 9.0.0.1"}, "dcos", []string{"A 9.0.0.1"}, "31000 slave.mesos", ""},
		// Without a mapping there is no better address.
		{"docker0 without a mapping", unmapped("BRIDGE", network("", bridge)), []string{"A " + bridge}, []string{"A " + bridge}, "", nil, "", ""},
		{"a default network without a mapping", unmapped("USER", network("default", bridge)), []string{"A " + bridge}, []string{"A " + bridge}, "default", nil, "", `the network "default"`},
		{"a network of the containerizer without a name", unmapped("", network("", "192.168.0.2")), []string{"A 192.168.0.2"}, []string{"A 192.168.0.2"}, "", nil, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCluster(t, defaults())
			c.put(app("web.1", "web", bridge, tc.with), app("web.2", "web2", bridge, tc.with))
			c.owns("web.marathon.mesos", tc.domain...)
			c.owns("web.marathon.containerip."+trees, tc.own...)
			if tc.network != "" {
				c.owns("web.marathon."+tc.network+".network.mesos", tc.onNetwork...)
			}
			c.pointsTo("_web._tcp.marathon.mesos", tc.service)
			var got []string
			for _, o := range c.changes.Omitted {
				got = append(got, o.String())
			}
			if tc.omitted == "" && len(got) > 0 || tc.omitted != "" && (len(got) != 1 || !strings.Contains(got[0], tc.omitted)) {
				t.Errorf("got omissions %q, want one of the framework with %q", got, tc.omitted)
			}
		})
	}
	// Mesos-DNS publishes them.
	o := options("netinfo")
	c := newCluster(t, o)
	c.put(app("web.1", "web", bridge, mapped("USER", network("default", bridge))))
	c.owns("web.marathon.mesos", "A "+bridge)
	c.owns("web.marathon.default.network.mesos", "A "+bridge)
}
