package records_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// limits are those of the default settings.
func limits() records.Limits {
	return records.Limits{TaskPorts: 256, TaskAddrs: 64, TaskRecords: 2000, FrameworkRecords: 10_000_000}
}

// hugeTask has as many of everything that a framework can write.
func hugeTask(n int) *state.Task {
	return app("huge.1", "huge", "192.168.0.1", labelled("DNS_ALIAS", "a,b,c,d,e,f,g,h"), func(t *state.Task) {
		t.Discovery = &state.Discovery{Name: "Huge.app"}
		t.Container = &state.Container{}
		network := state.Network{Name: "net"}
		for i := range n {
			t.Discovery.Ports = append(t.Discovery.Ports, state.DiscoveryPort{Number: uint16(1 + i%60000), Name: fmt.Sprint("port", i), Protocol: "tcp,udp"})
			t.Ports = append(t.Ports, state.PortRange{First: uint16(1 + i%60000), Last: uint16(1 + i%60000)})
			network.Mappings = append(network.Mappings, state.PortMapping{HostPort: uint16(1 + i%60000), ContainerPort: uint16(1 + (i+7)%60000), Protocol: "tcp"})
			t.Labels = append(t.Labels, state.Label{Key: "DNS_OTHER", Value: "x"})
			addr := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
			t.Addresses.NetInfo = append(t.Addresses.NetInfo, addr)
			network.Addrs = append(network.Addrs, addr)
			t.Addresses.Networks = append(t.Addresses.Networks, state.Network{Name: fmt.Sprint("net", i), Addrs: []netip.Addr{addr}})
		}
		t.Container.Networks = []state.Network{network}
		t.Addresses.Networks = append(t.Addresses.Networks, network)
	})
}

// countRecords returns the number of records of a set.
func countRecords(s *records.Set) (n int) {
	for _, d := range s.All() {
		n += len(d.A) + len(d.AAAA) + len(d.SRV)
		if _, ok := d.Pointer(); ok {
			n++
		}
	}
	return n
}

func TestATaskOwnsNoMoreRecordsThanItsLimit(t *testing.T) {
	o := defaults()
	o.Limits = limits()
	o.AddressDomains = append(o.AddressDomains, records.MustParseName("mesos"))
	c := newCluster(t, o)
	c.apply()
	before := countRecords(c.set)
	c.put(hugeTask(10_000))
	if got := countRecords(c.set) - before; got > 2000 || got < 1900 {
		t.Errorf("a task with 10000 ports and 8 aliases owns %d records, want nearly 2000", got)
	}
	// The names of the task itself and of its first ports exist.
	c.owns("_port0._tcp.huge-app.marathon.agentip."+trees, "SRV 0 1 1 huge-app-bem8w-s0.marathon.slave.mesos.")
	for _, name := range []string{"huge-app.marathon.mesos", "a.marathon.mesos", "h.marathon.mesos"} {
		if c.set.Data(records.MustParseName(name)).Empty() {
			t.Errorf("%s has no records, want addresses", name)
		}
	}
	want := map[string]bool{
		"ports in its DiscoveryInfo": true, "ports in its resources": true, "port mappings": true, "labels": true,
		"addresses": true, "networks": true, "records": true,
	}
	for _, o := range c.changes.Omitted {
		var limit records.LimitError
		if errors.As(o.Reason, new(records.AgentNetworkError)) {
			continue
		}
		if !errors.As(o.Reason, &limit) || o.Task.ID != "huge.1" {
			t.Errorf("got omission %v, want limits of the task only", o)
		}
		delete(want, limit.What)
	}
	if len(want) > 0 {
		t.Errorf("no omission says that there are too many of %v; got %v", want, c.changes.Omitted)
	}
	// All of it goes with the task.
	c.drop("huge.1")
	if got := countRecords(c.apply().set); got != before {
		t.Errorf("got %d records after the task is gone, want %d", got, before)
	}
}

func TestATaskWithinItsLimitsLosesNothing(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			h := newHistory(17)
			for range 40 {
				h.step()
			}
			unlimited, limited := o, o
			unlimited.Limits, limited.Limits = records.Limits{}, limits()
			c := state.NewCluster()
			c.Reconcile(h.fullState(), nil)
			want, _ := records.Build(c, unlimited)
			got, _ := records.Build(c, limited)
			if text(got) != text(want) {
				t.Error(firstDifference(text(want), text(got)))
			}
		})
	}
}

// A first update lists tasks by the name that they share. One that has names of two such
// lists counts once.
func TestATaskWithTheNamesOfOthersCountsOnce(t *testing.T) {
	o := defaults()
	o.Limits = records.Limits{FrameworkRecords: 1000}
	c := newCluster(t, o)
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "prod.marathon"})
	c.put(
		app("a.1", "db", "192.168.0.1", func(t *state.Task) { t.Key.Framework = "g" }),
		app("b.1", "other", "192.168.0.2", func(t *state.Task) { t.Discovery = &state.Discovery{Name: "db.prod"} }),
	)
	if err := c.set.Check(); err != nil {
		t.Error(err)
	}
}

// The tasks of a framework with too many records get equal shares, so that small
// tasks lose nothing, and neither do other frameworks.
func TestAFrameworkOverItsLimitSharesIt(t *testing.T) {
	o := defaults()
	o.Limits = records.Limits{TaskRecords: 400, FrameworkRecords: 3000}
	c := newCluster(t, o)
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "other"})
	ports := func(n int) func(*state.Task) {
		return func(t *state.Task) {
			t.Discovery = &state.Discovery{Name: t.Name}
			for i := range n {
				t.Discovery.Ports = append(t.Discovery.Ports, state.DiscoveryPort{Number: uint16(1000 + i), Name: fmt.Sprint("p", i), Protocol: "tcp"})
			}
		}
	}
	other := app("other.1", "web", "192.168.9.1", ports(25), func(t *state.Task) { t.Key.Framework = "g" })
	c.put(other, app("small.1", "small", "192.168.0.1", ports(1)))
	for i := range 5 {
		c.put(app(fmt.Sprint("big.", i), fmt.Sprint("big", i), fmt.Sprint("192.168.1.", i), ports(100)))
	}
	last := "_p24._tcp.big0.marathon.mesos"
	if c.set.Data(records.MustParseName(last)).Empty() {
		t.Errorf("%s has no records, want some: the framework is within its limit", last)
	}
	for i := range 20 {
		c.put(app(fmt.Sprint("more.", i), fmt.Sprint("more", i), fmt.Sprint("192.168.2.", i), ports(100)))
	}
	if !c.set.Data(records.MustParseName(last)).Empty() {
		t.Errorf("%s has records, want none: the framework exceeds its limit", last)
	}
	for _, name := range []string{"_p24._tcp.web.other.mesos", "_p0._tcp.small.marathon.mesos", "more7.marathon.mesos", "_p0._tcp.more7.marathon.mesos"} {
		if c.set.Data(records.MustParseName(name)).Empty() {
			t.Errorf("%s has no records, want some", name)
		}
	}
	if got := countRecords(c.set); got > 3000+500 {
		t.Errorf("got %d records, want at most 3000 of the framework and some of the other", got)
	}
	for i := range 20 {
		c.drop(fmt.Sprint("more.", i))
	}
	if c.apply(); c.set.Data(records.MustParseName(last)).Empty() {
		t.Errorf("%s has no records, want some: the framework is within its limit again", last)
	}
}

// A framework above its limit costs no more than one within it: the records that are left
// are made once, and the others not at all.
func TestRecordsAboveTheLimitOfAFrameworkAreNotMade(t *testing.T) {
	o := defaults()
	c := state.NewCluster()
	c.Reconcile(manyPorts(100), nil)
	all, _ := records.Build(c, o)
	o.Limits = records.Limits{TaskRecords: 200, FrameworkRecords: countRecords(all) / 2}
	limited, changes := records.Build(c, o)
	if got, want := countRecords(limited), o.Limits.FrameworkRecords; got > want+100 || got < want/2 {
		t.Errorf("got %d records, want some %d", got, want)
	}
	if limited.Limited() != 100 {
		t.Errorf("got %d tasks with fewer records than they want, want all 100", limited.Limited())
	}
	if limited.Reworked() {
		t.Error("records were made and then changed, want those that are left to be made once")
	}
	frameworks := 0
	for _, o := range changes.Omitted {
		if o.Task == (state.TaskKey{}) {
			frameworks++
		}
	}
	if frameworks != 1 || len(changes.Omitted) != 101 {
		t.Errorf("got %d omissions, %d of them of the framework; want one of each task and one of the framework", len(changes.Omitted), frameworks)
	}
}

// A task that comes and goes at the limit of its framework has the records of the others
// made again once: a share that has become smaller stays until there is room for more.
func TestATaskAtTheLimitOfAFrameworkDoesNotMoveTheOthers(t *testing.T) {
	o := defaults()
	full := manyPorts(101)
	c := state.NewCluster()
	c.Reconcile(full, nil)
	all, _ := records.Build(c, o)
	wanted := 0
	all.WantedAndOwned(func(_ state.TaskKey, n, _ int) { wanted += n })
	o.Limits = records.Limits{TaskRecords: 10_000, FrameworkRecords: wanted - 1}

	last := full.Tasks[100]
	full.Tasks = full.Tasks[:100]
	c = state.NewCluster()
	set := records.NewSet(o)
	set.Update(c, c.Reconcile(full, nil))
	if got := set.Limited(); got != 0 {
		t.Fatalf("got %d tasks with fewer records than they want, want none: the framework is within its limit", got)
	}
	moves := 0 // updates that changed other tasks
	for range 10 {
		before := set.Limited()
		set.Update(c, c.Apply(state.Event{Task: last}))
		set.Update(c, c.Apply(state.Event{TaskGone: &last.Key}))
		if set.Limited() != before {
			moves++
		}
	}
	if moves != 1 || set.Limited() == 0 {
		t.Errorf("got the shares of other tasks changed %d times, %d of them limited; want it once, and they stay", moves, set.Limited())
	}
	for _, task := range full.Tasks[50:] {
		set.Update(c, c.Apply(state.Event{TaskGone: &task.Key}))
	}
	if got := set.Limited(); got != 0 {
		t.Errorf("with half of the tasks: got %d tasks with fewer records than they want, want none", got)
	}
}

// What one task or port lists without end is read up to a limit.
func TestOmissionsOfATaskAreBounded(t *testing.T) {
	o := defaults()
	o.Limits = limits()
	c := newCluster(t, o)
	c.put(app("web.1", "web", "192.168.0.1", labelled("DNS_ALIAS", strings.Repeat("a b,", 10_000)),
		discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: strings.Repeat("x,", 100) + "a,b,c,d,e,f,g,h,i,j"})))
	if got := len(c.changes.Omitted); got > 21 {
		t.Errorf("got %d omissions of a task, want at most 21", got)
	}
	for i := range 200 {
		c.full.Tasks = append(c.full.Tasks, app(fmt.Sprint("t.", i), "t", "192.168.0.2", labelled("DNS_ALIAS", strings.Repeat("a b,", 100))))
	}
	if got := len(c.apply().changes.Omitted); got > 1000 {
		t.Errorf("got %d omissions of an update, want at most 1000", got)
	}
}

// The records of VIPs count as well.
func TestVIPsAreWithinTheLimitOfATask(t *testing.T) {
	o := vipOptions()
	o.Limits = records.Limits{TaskPorts: 2, TaskRecords: 100}
	c := newCluster(t, o)
	var ports []state.DiscoveryPort
	for p := range uint16(2) {
		port := state.DiscoveryPort{Number: 31000 + p, Protocol: "tcp"}
		for i := range 32 {
			port.Labels = append(port.Labels, state.Label{Key: fmt.Sprint("VIP_", i), Value: fmt.Sprintf("v%d-%d:%d", p, i, port.Number)})
		}
		ports = append(ports, port)
	}
	c.put(app("web.1", "web", "10.0.0.10", discovered(ports...)))
	if got := strings.Count(text(c.set), vipDomain); got == 0 || got > 100 {
		t.Errorf("got %d records of VIPs, want some, and at most 100", got)
	}
}

// The estimate of a task's records, by which a framework's share is decided, is an
// upper bound.
func TestTheEstimateOfATasksRecordsIsAnUpperBound(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			h := newHistory(23)
			c := state.NewCluster()
			set := records.NewSet(o)
			tasks, limited := 0, 0
			for range 60 {
				h.step()
				set.Update(c, c.Reconcile(h.fullState(), nil))
				limited += set.Limited()
				set.WantedAndOwned(func(task state.TaskKey, wanted, owned int) {
					tasks++
					if owned > wanted {
						t.Errorf("task %v: the estimate is %d, want at least the %d records that it owns: %+v", task, wanted, owned, *c.Task(task))
					}
				})
			}
			if hasLimits := o.Limits.TaskRecords > 0; hasLimits != (limited > 0) {
				t.Errorf("%d of %d tasks are limited, want that of some only if there are limits", limited, tasks)
			}
		})
	}
}

// For the tasks of Marathon the estimate is near enough not to limit a framework
// that is within its limit.
func TestTheEstimateOfATasksRecordsIsNear(t *testing.T) {
	full := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
	for n, s := range shapes() {
		task, agent, _ := s.build(n)
		full.Tasks, full.Agents = append(full.Tasks, task), append(full.Agents, agent)
	}
	var wanted, owned int
	recordsOf(state.NewCluster(), full).WantedAndOwned(func(_ state.TaskKey, w, o int) { wanted, owned = wanted+w, owned+o })
	if wanted > 2*owned {
		t.Errorf("the estimates sum up to %d, want at most twice the %d records", wanted, owned)
	}
}
