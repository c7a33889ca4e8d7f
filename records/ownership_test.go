package records_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"toponym/records"
	"toponym/state"
)

// addFramework registers a framework whose scheduler is at 172.16.0.1.
func (c *cluster) addFramework(id, name string) {
	c.full.Frameworks = append(slices.Clone(c.full.Frameworks), &state.Framework{
		ID: id, Name: name, Addrs: []netip.Addr{netip.MustParseAddr("172.16.0.1")}, PID: state.UPID{ID: "scheduler", Host: "172.16.0.1", Port: 1234},
	})
	c.apply()
}

// omits checks that the last update has omitted something with this text.
func (c *cluster) omits(want string) {
	c.Helper()
	if !slices.ContainsFunc(c.changes.Omitted, func(o records.Omission) bool { return strings.Contains(o.String(), want) }) {
		c.Errorf("got omissions %v, want one with %q", c.changes.Omitted, want)
	}
}

func TestFrameworksCannotTakeNamesOfTheInfrastructure(t *testing.T) {
	for _, name := range []string{"leader", "master", "master0", "master17", "slave", "ns1", "network", "containerip", "Leader", "web.slave", "dcos.network"} {
		c := newCluster(t, defaults())
		c.full.Leader = state.Master{Host: "m", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
		c.full.Masters = []state.Master{c.full.Leader}
		c.apply()
		before := text(c.set)
		c.addFramework("g", name)
		if got := text(c.set); got != before {
			t.Errorf("framework %q changes records: %s", name, firstDifference(before, got))
		}
		c.omits(fmt.Sprintf("name %q of framework \"g\" is omitted: the name is reserved", name))
		x := c.set.Explain(records.MustParseName(strings.ToLower(name) + ".mesos"))
		if slices.ContainsFunc(x.Records, func(r records.ExplainedRecord) bool { return r.Data == "172.16.0.1" }) {
			t.Errorf("framework %q: got explanation %+v, want no record of it", name, x)
		}
	}
	for _, name := range []string{"leaders", "master-one", "masters", "eu.master", "eu.leader", "ns1.x", "slave.x", "ns2"} {
		c := newCluster(t, defaults())
		c.addFramework("g", name)
		c.owns(name+".mesos", "A 172.16.0.1")
	}
	// Mesos-DNS lets frameworks have these names.
	o := defaults()
	o.Scope = records.ScopeCompat
	c := newCluster(t, o)
	c.addFramework("g", "leader")
	c.owns("leader.mesos", "A 172.16.0.1")
}

// The tree of the agents' side of all tasks, T.F.slave.D, is not shared with a
// framework called "slave", whose tasks could be called like others there.
func TestTasksCannotTakeNamesOfTheInfrastructure(t *testing.T) {
	o := defaults()
	o.MName = records.MustParseName("ns.infra.mesos")
	c := newCluster(t, o)
	c.full.Leader = state.Master{Host: "m", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	c.addFramework("g", "slave")
	c.addFramework("h", "infra")
	raw := app("raw.1", "x", "192.168.6.6", func(t *state.Task) {
		t.Key.Framework, t.Discovery = "g", &state.Discovery{Name: "web.marathon"}
	})
	c.put(app("web.1", "web", "192.168.0.1"), raw, app("ns.1", "ns", "192.168.6.7", func(t *state.Task) { t.Key.Framework = "h" }))
	c.owns("web.marathon.slave.mesos", "A 10.0.0.10")
	c.owns("ns.infra.mesos", "A 10.0.0.53")
	c.omits(`name "ns" of task "ns.1" of framework "h" is omitted: the name is reserved`)
	c.omits(`name "slave" of task "raw.1" of framework "g" is omitted: the name is reserved`)
}

func TestAFrameworkCannotTakeTheNameOfATask(t *testing.T) {
	c := newCluster(t, defaults())
	c.addFramework("g", "web.marathon")
	c.owns("web.marathon.mesos", "A 172.16.0.1")
	c.owns("_framework._tcp.web.marathon.mesos", "SRV 0 1 1234 web.marathon.mesos.")
	c.put(app("web.1", "web", "192.168.0.1"))
	c.owns("web.marathon.mesos", "A 192.168.0.1")
	c.owns("_framework._tcp.web.marathon.mesos")
	c.omits(`name "web.marathon" of framework "g" is omitted: a task is called by the name`)
	x := explained(c.set.Explain(records.MustParseName("web.marathon.mesos")))
	if want := "no A 172.16.0.1 of : a task is called by the name"; !slices.Contains(x, want) {
		t.Errorf("got explanation %q, want %q in it", x, want)
	}
	// Tasks of the framework keep their names, which are others.
	c.put(app("api.1", "api", "192.168.0.2", func(t *state.Task) { t.Key.Framework = "g" }))
	c.owns("api.web.marathon.mesos", "A 192.168.0.2")
	c.drop("web.1")
	c.apply().owns("web.marathon.mesos", "A 172.16.0.1")

	o := defaults()
	o.Scope = records.ScopeCompat
	c = newCluster(t, o)
	c.put(app("web.1", "web", "192.168.0.1"))
	c.addFramework("g", "web.marathon")
	c.owns("web.marathon.mesos", "A 172.16.0.1", "A 192.168.0.1")
}

func TestATaskCannotJoinTheSRVTargetOfAnother(t *testing.T) {
	for name, trees := range map[string]bool{"domain": false, "trees under the domain": true} {
		t.Run(name, func(t *testing.T) {
			o := defaults()
			if trees {
				o.AddressDomains = append(o.AddressDomains, records.MustParseName("mesos"))
			}
			port := discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "tcp"})
			const target = "web-e844k-s0.marathon.mesos"
			evil := app("evil.1", "web-e844k-s0", "192.168.6.6", port)
			c := newCluster(t, o)
			// Whether it comes before the other task, with it or after it.
			c.put(evil)
			c.owns(target, "A 192.168.6.6")
			c.put(app("web.1", "web", "192.168.0.1", port))
			c.owns(target, "A 192.168.0.1")
			c.owns("web-e844k-s0.marathon.slave.mesos", "A 10.0.0.10")
			if trees {
				c.owns("web-e844k-s0.marathon.containerip.mesos")
			}
			c.omits("")
			c.drop("web.1")
			c.apply().owns(target, "A 192.168.6.6")
			c.put(app("web.1", "web", "192.168.0.1", port))
			c.put(app("evil.2", "web-e844k-s0", "192.168.6.7", port))
			c.owns(target, "A 192.168.0.1")
			c.omits(`name "web-e844k-s0" of task "evil.2" of framework "f" is omitted: it belongs to another task`)
			// Its own canonical name stays.
			c.owns("web-e844k-s0-"+records.TaskHash("evil.1")+"-s0.marathon.mesos", "A 192.168.6.6")

			c = newCluster(t, o)
			c.put(evil, app("web.1", "web", "192.168.0.1", port))
			c.owns(target, "A 192.168.0.1")
			// A task of that form that nobody else has is a task like others.
			c.put(app("cache.1", "redis-cache-1", "192.168.0.3"))
			c.owns("redis-cache-1.marathon.mesos", "A 192.168.0.3")
		})
	}
}

// aliasCase is a task "db" that goes, and an app that asks for its name.
type aliasCase struct {
	takeover records.AliasTakeover
	owner    string // what the task that goes is called
	app      string // what the other one is called
	other    bool   // the other one is of another framework with the same name
	may      bool   // it has the name at once
}

func TestAliasesOfNamesThatAnAppHasLeftWait(t *testing.T) {
	for _, tc := range []aliasCase{
		{records.TakeoverGroup, "db", "evil", false, false},
		{records.TakeoverGroup, "db.prod", "evil", false, false},
		{records.TakeoverGroup, "db.prod", "evil.test", false, false},
		{records.TakeoverGroup, "db.prod", "db-green.prod", false, true},
		{records.TakeoverGroup, "db.prod", "db-green.prod", true, false},
		{records.TakeoverFramework, "db", "evil", false, true},
		{records.TakeoverFramework, "db", "evil", true, false},
		{records.TakeoverAny, "db", "evil", true, true},
	} {
		t.Run(fmt.Sprintf("%+v", tc), func(t *testing.T) {
			now := time.Unix(1_800_000_000, 0)
			o := defaults()
			o.AliasTakeover, o.Now = tc.takeover, func() time.Time { return now }
			c := newCluster(t, o)
			c.addFramework("g", "marathon")
			label := records.RFC1123.Label(tc.owner)
			name := label + ".marathon.mesos"
			c.put(app("db.1", tc.owner, "192.168.0.1"), app("evil.1", tc.app, "192.168.6.6", labelled("DNS_ALIAS", label), func(t *state.Task) {
				if tc.other {
					t.Key.Framework = "g"
				}
			}))
			c.owns(name, "A 192.168.0.1")
			now = now.Add(time.Minute)
			c.put(app("db.2", tc.owner, "192.168.0.2"))
			c.drop("db.1")
			c.apply()
			now = now.Add(time.Minute)
			c.drop("db.2")
			c.apply()
			if tc.may {
				c.owns(name, "A 192.168.6.6")
				return
			}
			c.owns(name)
			c.owns(label + ".marathon.containerip." + trees)
			c.omits(fmt.Sprintf(`name %q of task "evil.1"`, label))
			x := explained(c.set.Explain(records.MustParseName(name)))
			if want := "no A 192.168.6.6 of evil.1: it is the name of another app, which had tasks within the last hour (setting aliasTakeover)"; !slices.Contains(x, want) {
				t.Errorf("got explanation %q, want %q in it", x, want)
			}
			// A set that takes the place of this one keeps the reservation.
			o.Previous = c.set
			next, _ := records.Build(c.state, o)
			if !next.Data(records.MustParseName(name)).Empty() {
				t.Errorf("%s has records in the next set, want none", name)
			}
			expiry, ok := c.set.NextExpiry()
			if want := now.Add(time.Hour); !ok || !expiry.Equal(want) {
				t.Errorf("got next expiry %v, %v, want %v", expiry, ok, want)
			}
			now = expiry.Add(-time.Second)
			c.set.Update(c.state, state.Delta{})
			c.owns(name)
			now = expiry
			c.changes = c.set.Update(c.state, state.Delta{})
			c.owns(name, "A 192.168.6.6")
			if !slices.Contains(c.changes.Names, records.MustParseName(name)) {
				t.Errorf("got changed names %v, want %s among them", c.changes.Names, name)
			}
			if expiry, ok := c.set.NextExpiry(); ok {
				t.Errorf("got next expiry %v, want none", expiry)
			}
		})
	}
}

// With reservations, too, an update ends with what a new set with the same
// reservations has.
func TestUpdateEqualsBuildWithReservations(t *testing.T) {
	refused := 0
	for seed := range uint64(6) {
		h := newHistory(seed)
		now := time.Unix(1_800_000_000, 0)
		o := defaults()
		o.Now = func() time.Time { return now }
		c := state.NewCluster()
		set := records.NewSet(o)
		set.Update(c, c.Reconcile(h.fullState(), nil))
		for step := range 200 {
			now = now.Add(time.Duration(h.IntN(20)) * time.Minute)
			var delta state.Delta
			for _, e := range h.step() {
				delta.Join(c.Apply(e))
			}
			delta.Compact()
			for _, omission := range set.Update(c, delta).Omitted {
				if strings.Contains(omission.String(), "within the last hour") {
					refused++
				}
			}
			fresh := o
			fresh.Previous = set
			built, _ := records.Build(c, fresh)
			if got, want := text(set), text(built); got != want {
				t.Fatalf("seed %d, step %d: %s", seed, step, firstDifference(want, got))
			}
		}
	}
	if refused == 0 {
		t.Error("no alias was refused, want some for the test to make sense")
	}
}

// The names below F.D are those of the tasks of F. The raw name of one of them may
// be what a task of a framework below F is called.
func TestATaskOfAFrameworkBelowCannotJoinTheNameOfATask(t *testing.T) {
	api := app("api.1", "api.web", "192.168.0.1", discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "tcp"}))
	evil := app("evil.1", "api", "192.168.6.6", discovered(state.DiscoveryPort{Number: 81, Name: "http", Protocol: "tcp"}), func(t *state.Task) { t.Key.Framework = "g" })
	const name = "api.web.marathon.mesos"
	c := newCluster(t, defaults())
	c.addFramework("g", "web.marathon")
	c.put(evil)
	c.owns(name, "A 192.168.6.6")
	c.put(api)
	c.owns(name, "A 192.168.0.1")
	c.owns("_http._tcp."+name, "SRV 0 1 80 api.web-"+records.TaskHash("api.1")+"-s0.marathon.mesos.")
	c.owns("api-web.marathon.mesos", "A 192.168.0.1")
	c.owns("api-"+records.TaskHash("evil.1")+"-s0.web.marathon.mesos", "A 192.168.6.6")
	// In the address trees the names differ.
	c.owns("api.web-marathon.containerip."+trees, "A 192.168.6.6")
	c.omits(`name "api" of task "evil.1" of framework "g" is omitted: it belongs to another task`)
	x := explained(c.set.Explain(records.MustParseName(name)))
	if want := "no A 192.168.6.6 of evil.1: a task of the framework above has the name"; !slices.Contains(x, want) {
		t.Errorf("got explanation %q, want %q in it", x, want)
	}
	c.drop("api.1")
	c.apply().owns(name, "A 192.168.6.6")

	o := defaults()
	o.Scope = records.ScopeCompat
	c = newCluster(t, o)
	c.addFramework("g", "web.marathon")
	c.put(api, evil)
	c.owns(name, "A 192.168.0.1", "A 192.168.6.6")
}
