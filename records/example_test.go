package records_test

import (
	"fmt"
	"net/netip"

	"toponym/records"
	"toponym/state"
)

// A cluster with one task becomes a set of records, and an event changes it.
func Example() {
	cluster := state.NewCluster()
	cluster.Reconcile(&state.FullState{
		Agents:     []*state.Agent{{ID: "20260101-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.10")}}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Tasks: []*state.Task{{
			Key: state.TaskKey{Framework: "f", ID: "web.1"}, Name: "web", AgentID: "20260101-S0", State: state.Running,
			Discovery: &state.Discovery{Name: "web", Ports: []state.DiscoveryPort{{Number: 31000, Name: "http", Protocol: "tcp"}}},
		}},
	}, nil)
	set, _ := records.Build(cluster, records.Options{
		Domain:    records.MustParseName("mesos"),
		IPSources: []records.IPSource{records.SourceAuto, records.SourceHost},
		Rule:      records.RFC1123,
		SRVWeight: 1,
	})
	web := records.MustParseName("web.marathon.mesos")
	fmt.Println(web, "A", netip.AddrFrom4(set.Data(web).A[0]))
	for _, srv := range set.Data(records.MustParseName("_http._tcp.web.marathon.mesos")).SRV {
		fmt.Println("SRV", srv.Priority, srv.Weight, srv.Port, set.Target(srv))
	}

	gone := state.TaskKey{Framework: "f", ID: "web.1"}
	changes := set.Update(cluster, cluster.Apply(state.Event{TaskGone: &gone}))
	fmt.Println(len(changes.Names), "names changed, none is left:", set.Data(web).Empty())
	// Output:
	// web.marathon.mesos. A 10.0.0.10
	// SRV 0 1 31000 web-e844k-s0.marathon.mesos.
	// 9 names changed, none is left: true
}
