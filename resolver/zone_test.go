package resolver

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

var testOrigins = []zone.Origin{
	{Name: records.MustParseName("mesos."), TTL: 60},
	{Name: records.MustParseName("168.192.in-addr.arpa."), TTL: 60},
	{Name: records.ReverseIPv4, TTL: 60, Partial: true},
}

var testAliases = []zone.Alias{
	{Name: records.MustParseName("mirror.example."), Target: records.MustParseName("mesos.")},
	{Name: records.MustParseName("shop.example."), Target: records.MustParseName("web.marathon.mesos.")},
	{Name: records.MustParseName("longer.than.the.name.of.the.other.one.example."), Target: records.MustParseName("mirror.example.")},
}

var testZoneOptions = zone.Options{
	Origins: testOrigins,
	Aliases: testAliases,
	MName:   records.MustParseName("ns1.mesos."),
	RName:   records.MustParseName("root.ns1.mesos."),
	Refresh: 60, Retry: 600, Expire: 86400, Minimum: 30,
}

// innerOptions have an origin in an origin, with a TTL of its own.
func innerOptions() zone.Options {
	o := testZoneOptions
	o.Origins = append(slices.Clip(o.Origins), zone.Origin{Name: records.MustParseName("slave.mesos."), TTL: 5})
	return o
}

// instances is an app of which each instance has an address and ports:
// 10.base.0.1 and 1001, 10.base.0.2 and 1002, and so on.
type instances struct {
	name  string
	count int
	base  int
	ports int // 1 by default
}

// testZone is a zone with
//
//   - one, a task with the address 10.1.0.1 and the ports 1001 and 1002,
//   - web, three tasks with 10.2.0.1 to 10.2.0.3 and fd00::1,
//   - what else is given,
//
// all of marathon, on one agent with the address 192.0.2.1 and fd00:a::1.
func testZone(t testing.TB, more ...instances) *zone.Zone {
	t.Helper()
	return testZoneOf(t, testZoneOptions, more...)
}

// testZoneOf is testZone with other options.
func testZoneOf(t testing.TB, o zone.Options, more ...instances) *zone.Zone {
	t.Helper()
	apps := append([]instances{{name: "one", count: 1, base: 1, ports: 2}, {name: "web", count: 3, base: 2}}, more...)
	agent := &state.Agent{
		ID: "x-S0", Hostname: "agent", PID: state.UPID{ID: "slave(1)", Host: "192.0.2.1", Port: 5051},
		Addrs: addrs("192.0.2.1", "fd00:a::1"),
	}
	s := &state.FullState{
		Agents:     []*state.Agent{agent},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
	}
	for _, app := range apps {
		for i := 1; i <= app.count; i++ {
			a := []string{fmt.Sprintf("10.%d.%d.%d", app.base, i/250, i%250)}
			if app.name == "web" && i == 1 {
				a = append(a, "fd00::1")
			}
			s.Tasks = append(s.Tasks, &state.Task{
				Key: state.TaskKey{Framework: "f", ID: fmt.Sprintf("%s.%d", app.name, i)}, Name: app.name,
				AgentID: agent.ID, State: state.Running,
				Ports:     []state.PortRange{{First: uint16(1000 + i), Last: uint16(1000 + i + max(app.ports, 1) - 1)}},
				Addresses: state.Addresses{NetInfo: addrs(a...)},
			})
		}
	}
	c := state.NewCluster()
	c.Reconcile(s, nil)
	set, _ := records.Build(c, records.Options{
		Domain:    testOrigins[0].Name,
		MName:     testZoneOptions.MName,
		Listeners: addrs("192.0.2.53", "fd00::53"),
		IPSources: []records.IPSource{records.SourceNetInfo, records.SourceHost},
		Rule:      records.RFC1123,
		SRVWeight: 1,
	})
	return zone.Compile(set, o, zone.SameSerial(7))
}

func addrs(list ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, a := range list {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

// testOptions are those of a server whose responses can be compared.
func testOptions() Options {
	o := shuffledOptions()
	o.unshuffled = true
	return o
}

// shuffledOptions are those of a server as it is used.
func shuffledOptions() Options {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return Options{
		Listen: []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, Workers: 2, MaxUDPSize: 1232, SetTruncateBit: true,
		TCPIdleTimeout: 10 * time.Second, TCPMaxConnections: 1000, TCPMaxConnectionsPerClient: 100, Log: log,
	}
}
