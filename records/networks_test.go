package records_test

import (
	"testing"

	"toponym/state"
)

// Each task of the fixture is called after its kind of container and of network,
// which decide its addresses and SRV targets.
func TestEachKindOfNetworkHasItsAddressesAndTargets(t *testing.T) {
	const s0, s1 = "A 10.160.0.11", "A 10.160.0.12"
	for _, tc := range []struct {
		name              string
		agent, own        []string
		auto              []string
		service, onAgent  string // SRV record of _http._tcp.T: port and end of the target
		inside, ofNetwork string
	}{
		{"none-host", []string{s0}, []string{s0}, []string{s0}, "13977 mesos", "13977", "13977 mesos", ""},
		{"none-net", []string{s0}, []string{"A 9.0.2.5"}, []string{"A 9.0.2.5"}, "", "", "", "dcos"},
		{"ucr-host", []string{s1}, []string{s1}, []string{s1}, "10323 mesos", "10323", "10323 mesos", ""},
		{"ucr-bridge", []string{s1}, []string{"A 172.31.254.3"}, []string{s1}, "15263 slave.mesos", "15263", "8080 containerip.mesos", "mesos-bridge"},
		{"ucr-net", []string{s1}, []string{"A 9.0.1.6"}, []string{"A 9.0.1.6"}, "8080 mesos", "", "8080 mesos", "dcos"},
		{"docker-host", []string{s0}, []string{s0}, []string{s0}, "31168 mesos", "31168", "31168 mesos", ""},
		{"docker-bridge", []string{s0}, []string{"A 172.18.0.2"}, []string{s0}, "20560 slave.mesos", "20560", "8080 containerip.mesos", ""},
		{"docker-net", []string{s0}, []string{"A 9.0.2.130"}, []string{"A 9.0.2.130"}, "8080 mesos", "", "8080 mesos", "dcos"},
		{"docker-six", []string{s1}, []string{"A 172.19.0.2", "AAAA fd01:b::2:8000:2"}, []string{"A 172.19.0.2", "AAAA fd01:b::2:8000:2"}, "8080 mesos", "", "8080 mesos", "dcos6"},
		{"docker-mapped", []string{s0}, []string{"A 9.0.2.131"}, []string{s0}, "8080 dcos.network.mesos", "20561", "8080 dcos.network.mesos", "dcos"},
		{"pod-host", []string{s0}, []string{s0}, []string{s0}, "28064 mesos", "28064", "28064 mesos", ""},
		{"pod-bridge", []string{s1}, []string{"A 172.31.254.4"}, []string{s1}, "2254 slave.mesos", "2254", "8080 containerip.mesos", "mesos-bridge"},
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
