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
		State:   []string{state.Running, state.Running, state.Running, "TASK_STAGING"}[h.IntN(4)],
		Addresses: state.Addresses{
			NetInfo: h.addrs(3), Docker: h.addrs(1),
		},
	}
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
				Protocol: []string{"", "tcp", "UDP"}[h.IntN(3)],
			})
		}
	}
	return t
}

// step makes a few changes, and gives them as events.
func (h *history) step() (events []state.Event) {
	for range 1 + h.IntN(4) {
		switch h.IntN(8) {
		case 0:
			id := fmt.Sprintf("a-S%d", h.IntN(5))
			h.agents[id] = &state.Agent{ID: id, PID: state.UPID{ID: "slave(1)", Host: "x", Port: 5051}, Addrs: h.addrs(2)}
			events = append(events, state.Event{Agent: h.agents[id]})
		case 1:
			id := fmt.Sprintf("a-S%d", h.IntN(5))
			delete(h.agents, id)
			maps.DeleteFunc(h.tasks, func(_ state.TaskKey, t *state.Task) bool { return t.AgentID == id })
			events = append(events, state.Event{AgentGone: id})
		case 2:
			id := fmt.Sprintf("f%d", h.IntN(3))
			f := &state.Framework{ID: id, Name: []string{"marathon", "marathon.user", "-", "Chronos"}[h.IntN(4)], Addrs: h.addrs(1)}
			if h.IntN(2) == 0 {
				f.PID = state.UPID{ID: "scheduler", Host: "x", Port: 1234}
			}
			h.frameworks[id] = f
			events = append(events, state.Event{Framework: f})
		case 3:
			h.leader = h.IntN(3)
			s := h.snapshot()
			events = append(events, state.Event{Masters: &state.Masters{Leader: s.Leader, All: s.Masters}})
		case 4:
			for k := range h.tasks {
				delete(h.tasks, k)
				events = append(events, state.Event{Status: &state.Status{Task: k, State: "TASK_FINISHED"}})
				break
			}
		default:
			t := h.task()
			h.tasks[t.Key] = t
			events = append(events, state.Event{Task: t})
		}
	}
	return events
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
		m[n] = fmt.Sprint(d.A, d.AAAA, d.SRV, ptr)
	}
	return m
}

// A set that was updated step by step, by events and by full states, equals
// one that is built at once, and the names that an update gives are those whose records changed.
func TestUpdateEqualsBuild(t *testing.T) {
	for seed := range uint64(25) {
		h := newHistory(seed)
		c := state.NewCluster()
		set := records.NewSet(options("netinfo,docker,host"))
		before := content(set)
		for step := range 60 {
			events := h.step()
			snapshot := h.snapshot()
			if step == 0 || h.IntN(4) == 0 {
				events = []state.Event{{Snapshot: snapshot}}
			}
			var delta state.Delta
			for _, e := range events {
				delta.Join(c.Apply(e))
			}
			delta.Compact()
			changes := set.Update(c, delta)

			fresh := state.NewCluster()
			fresh.Apply(state.Event{Snapshot: snapshot})
			built, _ := records.Build(fresh, options("netinfo,docker,host"))
			if got, want := text(set), text(built); got != want {
				t.Fatalf("seed %d, step %d: %s", seed, step, firstDifference(want, got))
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
}

// What a set gave out is not changed by later updates: zones answer from it.
func TestUpdateLeavesGivenDataAlone(t *testing.T) {
	h := newHistory(7)
	c := state.NewCluster()
	set := records.NewSet(options("netinfo,docker,host"))
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

// The tasks that stay on an agent which changed follow it, also when most
// others went at the same time.
func TestTasksThatStayOnAChangedAgent(t *testing.T) {
	snapshot := func(tasks int, agent string) state.Event {
		s := &state.Snapshot{
			Leader:     state.Master{Host: "m", Port: 5050},
			Agents:     []*state.Agent{{ID: "x-S0", Addrs: []netip.Addr{netip.MustParseAddr(agent)}}},
			Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		}
		for i := range tasks {
			s.Tasks = append(s.Tasks, &state.Task{Key: state.TaskKey{Framework: "f", ID: fmt.Sprint(i)}, Name: "web", AgentID: "x-S0", State: state.Running})
		}
		return state.Event{Snapshot: s}
	}
	c := state.NewCluster()
	set := records.NewSet(options("host"))
	set.Update(c, c.Apply(snapshot(5, "10.0.0.1")))
	set.Update(c, c.Apply(snapshot(2, "10.0.0.2")))
	built, _ := records.Build(c, options("host"))
	if got, want := text(set), text(built); got != want {
		t.Error(firstDifference(want, got))
	}
}
