package records_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"toponym/records"
	"toponym/state"
)

// history makes random clusters that differ from one to the next by a few
// changes, out of few enough names, addresses and agents that tasks share
// records all the time.
type history struct {
	*rand.Rand
	agents     map[string]*state.Agent
	frameworks map[string]*state.Framework
	tasks      map[state.TaskKey]*state.Task
	leader     int
}

func newHistory(seed uint64) *history {
	return &history{
		Rand:       rand.New(rand.NewPCG(seed, 0)),
		agents:     map[string]*state.Agent{},
		frameworks: map[string]*state.Framework{},
		tasks:      map[state.TaskKey]*state.Task{},
	}
}

func (h *history) addr() netip.Addr {
	if h.IntN(4) == 0 {
		return netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(h.IntN(6))})
	}
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(h.IntN(6))})
}

func (h *history) addrs(most int) []netip.Addr {
	var list []netip.Addr
	for range h.IntN(most + 1) {
		if a := h.addr(); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

var oddNames = []string{"web", "Web", "db.prod", "a_b", "-", "", "x-very-long-name-x-very-long-name-x-very-long-name-x-very-long-name", "cart.shop"}

func (h *history) task() *state.Task {
	t := &state.Task{
		Key:     state.TaskKey{Framework: fmt.Sprintf("f%d", h.IntN(3)), ID: fmt.Sprintf("t%d", h.IntN(30))},
		Name:    oddNames[h.IntN(len(oddNames))],
		AgentID: fmt.Sprintf("a-S%d", h.IntN(5)),
		State:   []string{state.Running, state.Running, state.Running, "TASK_KILLING"}[h.IntN(4)],
		Addresses: state.Addresses{
			NetInfo: h.addrs(3), Docker: h.addrs(1),
		},
	}
	h.place(t)
	t.Health = state.Health(h.IntN(3))
	t.Labels = h.labels()
	for range h.IntN(3) {
		first := uint16(31000 + h.IntN(4))
		t.Ports = append(t.Ports, state.PortRange{First: first, Last: first + uint16(h.IntN(2))})
	}
	if h.IntN(2) == 0 {
		t.Discovery = &state.Discovery{Name: oddNames[h.IntN(len(oddNames))]}
		for range h.IntN(3) {
			t.Discovery.Ports = append(t.Discovery.Ports, state.DiscoveryPort{
				Number:   uint16(h.IntN(3) * 80),
				Name:     []string{"", "http", "Ad_min"}[h.IntN(3)],
				Protocol: []string{"", "tcp", "UDP", "tcp,udp"}[h.IntN(4)],
				Scope:    []string{"", "host", "container"}[h.IntN(3)],
				Network:  []string{"", "dcos", "b.c"}[h.IntN(3)],
				Labels:   h.labels(),
			})
		}
	}
	return t
}

// place gives a task networks and mappings of ports.
func (h *history) place(t *state.Task) {
	mappings := func() (list []state.PortMapping) {
		for range h.IntN(3) {
			list = append(list, state.PortMapping{HostPort: uint16(31000 + h.IntN(4)), ContainerPort: uint16(h.IntN(3) * 80), Protocol: "tcp"})
		}
		return list
	}
	for range h.IntN(3) {
		t.Addresses.Networks = append(t.Addresses.Networks, state.Network{
			Name: []string{"", "dcos", "b.c", "-"}[h.IntN(4)], Addrs: t.Addresses.NetInfo, Mappings: mappings(),
		})
	}
	if h.IntN(2) == 0 {
		t.Container = &state.Container{DockerNetwork: []string{"", "HOST", "BRIDGE", "USER"}[h.IntN(4)], Mappings: mappings()}
		if h.IntN(2) == 0 {
			t.Container.Networks = []state.Network{{Name: "dcos", Mappings: mappings()}}
		}
	}
}

// labels are good and bad ones. The aliases are names of other tasks often.
func (h *history) labels() (list []state.Label) {
	for range h.IntN(3) {
		list = append(list, []state.Label{
			{Key: "DNS_TTL", Value: "5"}, {Key: "DNS_TTL", Value: "300"}, {Key: "DNS_TTL", Value: "never"},
			{Key: "DNS_WEIGHT", Value: "7"}, {Key: "DNS_PRIORITY", Value: "70000"},
			{Key: "DNS_ALIAS", Value: "web, other"}, {Key: "DNS_ALIAS", Value: "a-b,user,other,x y"},
		}[h.IntN(7)])
	}
	return list
}

// step makes a few changes.
func (h *history) step() {
	for range 1 + h.IntN(4) {
		switch h.IntN(10) {
		case 0:
			id := fmt.Sprintf("a-S%d", h.IntN(5))
			h.agents[id] = &state.Agent{ID: id, PID: state.UPID{ID: "slave(1)", Host: "x", Port: 5051}, Addrs: h.addrs(2)}
		case 1:
			delete(h.agents, fmt.Sprintf("a-S%d", h.IntN(5)))
		case 2:
			id := fmt.Sprintf("f%d", h.IntN(3))
			f := &state.Framework{ID: id, Name: []string{"marathon", "marathon.user", "marathon-user", "-", "web.marathon", "a-b.marathon"}[h.IntN(6)], Addrs: h.addrs(1)}
			if h.IntN(2) == 0 {
				f.PID = state.UPID{ID: "scheduler", Host: "x", Port: 1234}
			}
			h.frameworks[id] = f
		case 3:
			h.leader = h.IntN(3)
		case 5: // nothing but the health of a task changes
			for k, t := range h.tasks {
				flipped := *t
				flipped.Health = state.Health(h.IntN(3))
				h.tasks[k] = &flipped
				break
			}
		case 4:
			for k := range h.tasks {
				delete(h.tasks, k)
				break
			}
		default:
			t := h.task()
			h.tasks[t.Key] = t
		}
	}
}

func (h *history) snapshot() *state.Snapshot {
	s := &state.Snapshot{
		Agents:     slices.Collect(maps.Values(h.agents)),
		Frameworks: slices.Collect(maps.Values(h.frameworks)),
		Tasks:      slices.Collect(maps.Values(h.tasks)),
	}
	for i := range 3 {
		m := state.Master{Host: "m", Port: uint16(5050 + i), Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 0, byte(i)})}}
		s.Masters = append(s.Masters, m)
		if i == h.leader {
			s.Leader = m
		}
	}
	return s
}

// content is a set as a map from names to what they own, for comparing.
func content(s *records.Set) map[records.Name]string {
	m := map[records.Name]string{}
	for n, d := range s.All() {
		ptr := ""
		if len(d.PTR) == 1 {
			ptr = d.PTR[0].String()
		}
		m[n] = fmt.Sprint(d.A, d.AAAA, d.SRV, ptr, d.TTL)
	}
	return m
}

// everything is what options can be in a history.
func everything() map[string]records.Options {
	narrow := defaults()
	narrow.MinVisibility, narrow.States = records.VisibleCluster, []string{state.Running, "TASK_KILLING"}
	included := defaults()
	included.Reverse, included.IncludeUnhealthy = true, true
	included.Views = []records.Name{records.MustParseName("mesos"), records.MustParseName("x.mesos")}
	return map[string]records.Options{
		"compat": options("netinfo,docker,host"), "default": defaults(), "narrow": narrow, "included": included,
	}
}

// A set that was updated step by step equals one that is built at once, and
// the names that an update gives are those whose records changed.
func TestUpdateEqualsBuild(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				testHistory(t, o, seed)
			}
		})
	}
}

func testHistory(t *testing.T, o records.Options, seed uint64) {
	h := newHistory(seed)
	c := state.NewCluster()
	set := records.NewSet(o)
	before := content(set)
	for step := range 60 {
		h.step()
		snapshot := h.snapshot()
		changes := set.Update(c, c.Apply(state.Event{Snapshot: snapshot}))

		fresh := state.NewCluster()
		fresh.Apply(state.Event{Snapshot: snapshot})
		built, _ := records.Build(fresh, o)
		if got, want := text(set), text(built); got != want {
			t.Fatalf("seed %d, step %d: %s", seed, step, firstDifference(want, got))
		}
		if got, want := set.Collisions(), built.Collisions(); got != want {
			t.Fatalf("seed %d, step %d: %d collisions, want %d", seed, step, got, want)
		}

		after := content(set)
		want := map[records.Name]bool{}
		for n := range before {
			if before[n] != after[n] {
				want[n] = true
			}
		}
		for n := range after {
			if before[n] != after[n] {
				want[n] = true
			}
		}
		got := map[records.Name]bool{}
		for _, n := range changes.Names {
			got[n] = true
		}
		if !maps.Equal(got, want) || len(got) != len(changes.Names) {
			t.Fatalf("seed %d, step %d: names given %v, changed %v", seed, step, changes.Names, want)
		}
		before = after
	}
}

// A first update that is long enough to be settled in parts gives what short
// ones give, with names that tasks of several parts share.
func TestLongFirstUpdate(t *testing.T) {
	h := newHistory(5)
	for range 40 {
		h.step()
	}
	for i := range 3000 {
		task := h.task()
		task.Key.ID = fmt.Sprint("long.", i)
		task.Name = fmt.Sprint([]string{"a.", "A.", "a-", "b"}[h.IntN(4)], h.IntN(900))
		if task.Discovery != nil {
			task.Discovery.Name = task.Name
		}
		h.tasks[task.Key] = task
	}
	o := defaults()
	o.Reverse = true
	snapshot := h.snapshot()
	c := state.NewCluster()
	c.Apply(state.Event{Snapshot: snapshot})
	built, _ := records.Build(c, o)

	few := *snapshot
	few.Tasks = snapshot.Tasks[:5]
	c = state.NewCluster()
	set := records.NewSet(o)
	set.Update(c, c.Apply(state.Event{Snapshot: &few}))
	set.Update(c, c.Apply(state.Event{Snapshot: snapshot}))
	if got, want := text(set), text(built); got != want {
		t.Errorf("%s", firstDifference(want, got))
	}
	if built.Len() < 9000 {
		t.Errorf("%d names are not enough", built.Len())
	}

	// And both count owners alike: what goes, goes with the last of them.
	c = state.NewCluster()
	set, _ = records.Build(c, o)
	set.Update(c, c.Apply(state.Event{Snapshot: snapshot}))
	set.Update(c, c.Apply(state.Event{Snapshot: &few}))
	c = state.NewCluster()
	c.Apply(state.Event{Snapshot: &few})
	built, _ = records.Build(c, o)
	if got, want := text(set), text(built); got != want {
		t.Errorf("%s", firstDifference(want, got))
	}
}

// What a set gave out is not changed by later updates: zones answer from it.
func TestUpdateLeavesGivenDataAlone(t *testing.T) {
	h := newHistory(7)
	c := state.NewCluster()
	set := records.NewSet(defaults())
	given := map[*records.Data]string{}
	for range 200 {
		h.step()
		set.Update(c, c.Apply(state.Event{Snapshot: h.snapshot()}))
		for d, want := range given {
			if got := fmt.Sprint(*d); got != want {
				t.Fatalf("was %s, is %s", want, got)
			}
		}
		for _, d := range set.All() {
			given[d] = fmt.Sprint(*d)
		}
		if len(given) > 3000 {
			clear(given)
		}
	}
}

// The same state twice changes nothing.
func TestUpdateWithoutChange(t *testing.T) {
	h := newHistory(3)
	for range 50 {
		h.step()
	}
	c := state.NewCluster()
	set := records.NewSet(options("netinfo,host"))
	set.Update(c, c.Apply(state.Event{Snapshot: h.snapshot()}))
	if d := c.Apply(state.Event{Snapshot: h.snapshot()}); !d.Empty() {
		t.Errorf("the same state gives %+v", d)
	}
}
