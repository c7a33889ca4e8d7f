package zone_test

import (
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// exampleSet are the records of one task, web, of the framework marathon.
func exampleSet() *records.Set {
	c := state.NewCluster()
	c.Reconcile(&state.FullState{
		Agents:     []*state.Agent{{ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Tasks: []*state.Task{{
			Key: state.TaskKey{Framework: "f", ID: "web.1"}, Name: "web", AgentID: "a-S0", State: state.Running,
		}},
	}, nil)
	set, _ := records.Build(c, records.Options{
		Domain:    records.MustParseName("mesos"),
		MName:     records.MustParseName("ns1.mesos"),
		IPSources: []records.IPSource{records.SourceHost},
		Rule:      records.RFC1123,
	})
	return set
}

var exampleOptions = zone.Options{
	Origins: []zone.Origin{{Name: records.MustParseName("mesos"), TTL: 60}},
	Aliases: []zone.Alias{{Name: records.MustParseName("mesos.example.org"), Target: records.MustParseName("mesos")}},
	MName:   records.MustParseName("ns1.mesos"),
	RName:   records.MustParseName("root.ns1.mesos"),
	Minimum: 30,
}

func ExampleZone_Lookup() {
	z := zone.Compile(exampleSet(), exampleOptions, zone.SameSerial(1))
	for _, name := range []string{"web.marathon.mesos", "web.marathon.mesos.example.org", "db.marathon.mesos", "example.org"} {
		a, result := z.Lookup([]byte(records.MustParseName(name)), dns.TypeA)
		fmt.Println(name, result, z.Origin(a))
		if result == zone.Success {
			for _, rr := range z.RRs(a.Node, name+".", dns.TypeA) {
				fmt.Println(rr)
			}
		}
	}
	// Output:
	// web.marathon.mesos success mesos.
	// web.marathon.mesos.	60	IN	A	10.0.0.2
	// web.marathon.mesos.example.org success mesos.
	// web.marathon.mesos.example.org.	60	IN	A	10.0.0.2
	// db.marathon.mesos NXDOMAIN mesos.
	// example.org out of zone .
}

func ExampleReadZoneFiles() {
	o := exampleOptions
	_, err := zone.ReadZoneFiles([]zone.ZoneFile{{Name: "db.zone", Text: []byte("db.mesos. IN A 10.1\nmail.example.org. IN A 10.0.0.9\n")}}, o)
	fmt.Println(err)

	o.Static, err = zone.ReadZoneFiles([]zone.ZoneFile{{Name: "db.zone", Text: []byte("db.mesos. IN A 10.0.0.9\n")}}, o)
	_, result := zone.Compile(exampleSet(), o, zone.SameSerial(1)).Lookup([]byte(records.MustParseName("db.mesos")), dns.TypeA)
	fmt.Println(err, result)
	// Output:
	// db.zone:1: bad A A: "10.1"
	// db.zone:2: mail.example.org. A: the name is in no zone: no domain of the settings and no name with a SOA record is above it
	// <nil> success
}

// A new version shares everything that did not change, and old versions remain
// valid for their readers.
func ExampleZone_WithOptions() {
	set := exampleSet()
	first := zone.Compile(set, exampleOptions, zone.SameSerial(1))
	o := exampleOptions
	o.Origins = []zone.Origin{{Name: records.MustParseName("mesos"), TTL: 5}}
	second, ok := first.WithOptions(set, o, zone.SameSerial(2))

	web := records.MustParseName("web.marathon.mesos")
	fmt.Println(ok, first.TTLOf(first.Node(web), dns.TypeA), second.TTLOf(second.Node(web), dns.TypeA))
	// Output:
	// true 60 5
}
