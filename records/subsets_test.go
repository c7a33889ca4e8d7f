package records_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

func role(name string) func(*state.Task) {
	return func(t *state.Task) { t.Details = &state.TaskDetails{Role: name} }
}

// inZone puts an agent into a fault domain.
func (c *cluster) inZone(id, region, zone string) {
	c.full.Agents = slices.Clone(c.full.Agents)
	for i, a := range c.full.Agents {
		if a.ID == id {
			moved := *a
			moved.Region, moved.Zone = region, zone
			c.full.Agents[i] = &moved
		}
	}
	c.apply()
}

func TestTasksHaveNamesByRoleAndFaultDomain(t *testing.T) {
	http := state.DiscoveryPort{Number: 31000, Name: "http", Protocol: "https"}
	onS1 := func(t *state.Task) { t.AgentID = "a-S1" }
	c := newCluster(t, defaults())
	c.put(app("web.1", "web", "10.0.0.10", role("prod"), discovered(http)), app("web.2", "web", "10.0.0.11", role("eng/web"), onS1, discovered(http)),
		app("job.1", "job", "10.0.0.11", role("*"), onS1, resources(31007, 31007)))
	c.owns("web.marathon.mesos", "A 10.0.0.10", "A 10.0.0.11")
	c.owns("web.marathon.prod.role.mesos", "A 10.0.0.10")
	c.owns("web.marathon.eng-web.role.mesos", "A 10.0.0.11")
	for _, name := range []string{"_http._tcp.web", "_http._https.web"} {
		c.owns(name+".marathon.prod.role.mesos", "SRV 0 1 31000 web-e844k-s0.marathon.mesos.")
	}
	c.owns("_web._tcp.marathon.eng-web.role.mesos", "SRV 0 1 31000 web-izm16-s1.marathon.mesos.")

	c.inZone("a-S0", "eu", "eu-1a")
	c.inZone("a-S1", "eu", "eu-1b")
	c.owns("web.marathon.eu-1a.zone.mesos", "A 10.0.0.10")
	c.owns("web.marathon.eu-1b.zone.mesos", "A 10.0.0.11")
	c.owns("web.marathon.eu.region.mesos", "A 10.0.0.10", "A 10.0.0.11")
	c.owns("_http._tcp.web.marathon.eu-1a.zone.mesos", "SRV 0 1 31000 web-e844k-s0.marathon.mesos.")
	c.owns("_job._udp.marathon.eu-1b.zone.mesos", "SRV 0 1 31007 job-rr6oj-s1.marathon.slave.mesos.")
	c.inZone("a-S1", "eu", "eu-1a")
	c.owns("web.marathon.eu-1a.zone.mesos", "A 10.0.0.10", "A 10.0.0.11")
	c.owns("web.marathon.eu-1b.zone.mesos")

	// No framework can be called like the trees.
	for _, name := range []string{"role", "zone", "region", "framework", "agent", "prod.role"} {
		c.addFramework("g", name)
		c.omits(`name "` + name + `" of framework "g" is omitted: the name is reserved`)
	}

	// Mesos-DNS has no such names.
	compat := newCluster(t, options("netinfo"))
	compat.put(app("web.1", "web", "10.0.0.10", role("prod")))
	compat.inZone("a-S0", "eu", "eu-1a")
	if got := text(compat.set); strings.Contains(got, "role") || strings.Contains(got, "zone") || strings.Contains(got, "region") {
		t.Errorf("with compat: got records\n%s\nwant none of subsets", got)
	}
}

func TestARoleThatIsTooLongForANameIsOmitted(t *testing.T) {
	o := defaults()
	o.Domain = records.MustParseName(strings.Repeat("d.", 75) + "mesos")
	c := newCluster(t, o)
	c.put(app("web.1", "web", "10.0.0.10", role(strings.Repeat("r", 63)), func(t *state.Task) { t.Key.Framework = "f" }))
	c.full.Frameworks = []*state.Framework{{ID: "f", Name: strings.Repeat("f", 30)}}
	c.apply()
	c.omits("the name is longer than 255 bytes")
}

// Two frameworks of one name share the names of their tasks, but for those with the
// framework's id.
func TestFrameworksOfOneNameAreToldApartByTheirIDs(t *testing.T) {
	ofG := func(t *state.Task) { t.Key.Framework = "g-0002" }
	c := newCluster(t, defaults())
	c.put(app("web.1", "web", "10.0.0.10", resources(31000, 31000)), app("web.1", "web", "10.0.0.11", ofG))
	c.full.Tasks = []*state.Task{app("web.1", "web", "10.0.0.10", resources(31000, 31000)), app("web.9", "web", "10.0.0.11", ofG)}
	c.apply()
	c.owns("web.marathon.f.framework.mesos")
	if got := c.set.Merged(); len(got) != 0 {
		t.Errorf("got merged names %+v, want none", got)
	}

	c.addFramework("g-0002", "marathon")
	c.owns("web.marathon.mesos", "A 10.0.0.10", "A 10.0.0.11")
	c.owns("web.marathon.f.framework.mesos", "A 10.0.0.10")
	c.owns("web.marathon.g-0002.framework.mesos", "A 10.0.0.11")
	c.owns("_web._tcp.marathon.f.framework.mesos", "SRV 0 1 31000 web-e844k-s0.marathon.slave.mesos.")
	want := records.Merged{Name: "marathon.mesos.", Frameworks: []string{"f", "g-0002"}}
	for what, got := range map[string][]records.Merged{"set": c.set.Merged(), "changes": c.changes.Merged} {
		if len(got) != 1 || got[0].Name != want.Name || !slices.Equal(got[0].Frameworks, want.Frameworks) {
			t.Errorf("%s: got merged names %+v, want %+v", what, got, want)
		}
	}
	c.apply()
	if len(c.changes.Merged) != 0 {
		t.Errorf("got merged names %+v again, want none", c.changes.Merged)
	}

	c.full.Frameworks = slices.DeleteFunc(slices.Clone(c.full.Frameworks), func(f *state.Framework) bool { return f.ID == "f" })
	c.apply().owns("web.marathon.g-0002.framework.mesos")
	c.owns("web.marathon.mesos", "A 10.0.0.11")
	if got := c.set.Merged(); len(got) != 0 {
		t.Errorf("got merged names %+v, want none", got)
	}
}

// In the address trees a framework is a single label.
func TestFrameworksThatOnlyShareALabelAreMerged(t *testing.T) {
	c := newCluster(t, defaults())
	c.addFramework("g", "marathon.user")
	c.addFramework("h", "marathon-user")
	got := c.set.Merged()
	if len(got) != 1 || got[0].Name != "marathon-user.autoip."+trees+"." || !slices.Equal(got[0].Frameworks, []string{"g", "h"}) {
		t.Errorf("got merged names %+v, want marathon-user in the address trees", got)
	}
	if got := text(c.set); strings.Contains(got, ".framework.mesos") {
		t.Errorf("got records\n%s\nwant no names by framework id, since the names under the domain differ", got)
	}
}

func TestNamesThatArePathsAreAlsoSplit(t *testing.T) {
	called := func(discovery string) func(*state.Task) {
		return func(t *state.Task) {
			t.Discovery = &state.Discovery{Name: discovery, Ports: []state.DiscoveryPort{{Number: 31000, Name: "http", Protocol: "tcp"}}}
		}
	}
	none := func(*state.Task) {}
	for _, tc := range []struct {
		name      string
		discovery func(*state.Task)
		label     string // T of the label
		split     string
		target    string // label of the SRV target under the split name
	}{
		{"www-data/prod/hello", none, "www-dataprodhello", "hello.prod.www-data", ""},
		{"www-data/prod/hello", called("hello.prod.www-data"), "hello-prod-www-data", "hello.prod.www-data", "hello.prod.www-data-e844k-s0"},
		{"mc:shop:cart", none, "mcshopcart", "cart.shop.mc", ""},
		{"mc:shop:cart", called("mc.shop.cart"), "mc-shop-cart", "cart.shop.mc", "mc-shop-cart-e844k-s0"},
		{"m3s:server", called("m3s:server"), "m3sserver", "server.m3s", "m3sserver-e844k-s0"},
		{"ChronosTask:back.up", none, "chronostaskback-up", "back-up.chronostask", ""},
		{"a:b/c", none, "abc", "c.b.a", ""},
		{"//a/:/b/", none, "ab", "b.a", ""},
		{"/a/", none, "a", "", ""},
		{"shop.cart", none, "shop-cart", "", ""},
		{"a:b", called("web"), "web", "b.a", "web-e844k-s0"},
	} {
		t.Run(tc.name+" "+tc.split, func(t *testing.T) {
			c := newCluster(t, defaults())
			c.put(app("web.1", tc.name, "10.0.0.10", role("prod"), tc.discovery))
			c.owns(tc.label+".marathon.mesos", "A 10.0.0.10")
			if tc.split == "" {
				if got := text(c.set); strings.Count(got, ".marathon.mesos. A") != 2 {
					t.Errorf("got records\n%s\nwant addresses of the label and of T-H-S only", got)
				}
				return
			}
			c.owns(tc.split+".marathon.mesos", "A 10.0.0.10")
			c.owns(tc.split+".marathon.slave.mesos", "A 10.0.0.10")
			c.owns(tc.split+".marathon.prod.role.mesos", "A 10.0.0.10")
			if tc.target != "" {
				c.owns("_http._tcp."+tc.split+".marathon.mesos", "SRV 0 1 31000 "+tc.target+".marathon.mesos.")
				c.owns("_"+tc.split+"._tcp.marathon.mesos", "SRV 0 1 31000 "+tc.target+".marathon.mesos.")
			}
			x := c.set.Explain(records.MustParseName(tc.split + ".marathon.mesos"))
			if len(x.Records) != 1 || x.Records[0].Owners[0].Task != "web.1" {
				t.Errorf("got explanation %+v, want the task", x)
			}
		})
	}
	// The setting, and the scope compat by default, turn it off.
	c := newCluster(t, options("netinfo"))
	c.put(app("web.1", "www-data/prod/hello", "10.0.0.10"))
	c.owns("hello.prod.www-data.marathon.mesos")
	// The parts of one framework's names do not reach another framework.
	c = newCluster(t, defaults())
	c.addFramework("g", "prod.marathon")
	c.put(app("web.1", "prod/hello", "10.0.0.10"), app("web.2", "hello", "10.0.0.11", func(t *state.Task) { t.Key.Framework = "g" }))
	c.owns("hello.prod.marathon.mesos", "A 10.0.0.10")
	c.omits(`name "hello" of task "web.2" of framework "g" is omitted: it belongs to another task`)
}

func TestAgentsHaveNames(t *testing.T) {
	agent := func(id, hostname string, addrs ...string) *state.Agent {
		a := &state.Agent{ID: id, Hostname: hostname, PID: state.UPID{ID: "slave(1)", Host: addrs[0], Port: 5051}}
		for _, one := range addrs {
			a.Addrs = append(a.Addrs, netip.MustParseAddr(one))
		}
		return a
	}
	o := defaults()
	c := newCluster(t, o)
	o.Reverse = true
	c.set = records.NewSet(o) // newCluster turns it off
	c.full.Agents = []*state.Agent{
		agent("a-S0", "node1.dc1.example.com", "10.0.0.10", "fd00::10"),
		agent("a-S1", "10.0.0.11", "10.0.0.11"),
		agent("a-S2", "fd00::12", "fd00::12"),
		agent("a-S3", "double", "10.0.0.13"), agent("a-S4", "double", "10.0.0.13"),
		{ID: "a-S5", Hostname: "unresolved"},
		{ID: "a-S6", Hostname: "---", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.16")}},
	}
	c.full.Leader = state.Master{Host: "10.0.0.1", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	c.full.Masters = []state.Master{c.full.Leader, {Host: "10.0.0.11", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.11")}}}
	c.put(app("web.1", "web", "10.0.0.10", resources(31000, 31000)), app("own.1", "own", "192.168.0.1"), app("two.1", "two", "192.168.0.1"),
		app("one.1", "one", "192.168.0.2"))
	c.owns("node1.agent.mesos", "A 10.0.0.10", "AAAA fd00::10")
	c.owns("10-0-0-11.agent.mesos", "A 10.0.0.11")
	c.owns("fd00--12.agent.mesos", "AAAA fd00::12")
	c.owns("double.agent.mesos", "A 10.0.0.13")
	c.owns("unresolved.agent.mesos")
	c.owns("_agent._tcp.mesos", "SRV 0 1 5051 10-0-0-11.agent.mesos.", "SRV 0 1 5051 double.agent.mesos.", "SRV 0 1 5051 fd00--12.agent.mesos.", "SRV 0 1 5051 node1.agent.mesos.")

	// A task on the agent's network has its address; the address is the agent's.
	c.owns("10.0.0.10.in-addr.arpa", "PTR node1.agent.mesos.")
	c.owns("11.0.0.10.in-addr.arpa", "PTR 10-0-0-11.agent.mesos.")
	c.owns("13.0.0.10.in-addr.arpa", "PTR double.agent.mesos.")
	c.owns("1.0.0.10.in-addr.arpa", "PTR master0.mesos.")
	c.owns("2.0.168.192.in-addr.arpa", "PTR one.marathon.mesos.")
	c.owns("1.0.168.192.in-addr.arpa") // two tasks
	x := c.set.Explain(records.ReverseName(netip.MustParseAddr("10.0.0.10")))
	if len(x.Records) != 1 || x.Records[0].Data != "node1.agent.mesos." || len(x.Omitted) != 1 || x.Omitted[0].Reason != "the address is that of an agent or a master" {
		t.Errorf("got explanation %+v, want the agent, and the task as omitted", x)
	}

	// Two hosts with one first label are told apart, whichever comes first.
	other := agent("a-S7", "node1.dc2.example.com", "10.0.0.17")
	c.full.Agents = append(slices.Clone(c.full.Agents), other)
	c.apply()
	c.owns("node1.agent.mesos")
	first, second := "node1-"+records.TaskHash("node1.dc1.example.com"), "node1-"+records.TaskHash("node1.dc2.example.com")
	c.owns(first+".agent.mesos", "A 10.0.0.10", "AAAA fd00::10")
	c.owns(second+".agent.mesos", "A 10.0.0.17")
	c.owns("10.0.0.10.in-addr.arpa", "PTR "+first+".agent.mesos.")
	c.full.Agents = c.full.Agents[1:]
	c.apply()
	c.owns("node1.agent.mesos", "A 10.0.0.17")
	c.owns(first + ".agent.mesos")

	// Mesos-DNS has none of these.
	o = options("netinfo")
	compat := newCluster(t, o)
	o.Reverse = true
	compat.set, compat.full = records.NewSet(o), c.full
	compat.apply()
	if got := text(compat.set); strings.Contains(got, "agent") || strings.Contains(got, "PTR master") {
		t.Errorf("with compat: got records\n%s\nwant none of agents", got)
	}
}
