package records_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"toponym/records"
	"toponym/state"
)

// history makes random clusters, each of which differs from the one before by a
// few changes. Names, addresses and agents are few, so tasks often share records.
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

var oddNames = []string{"web", "Web", "db.prod", "a_b", "-", "", "cart", "cart.web", "x-very-long-name-x-very-long-name-x-very-long-name-x-very-long-name", "cart.shop", "prod/web/cart", "web:cart", "a::/b"}

var frameworkNames = []string{"marathon", "marathon", "marathon.user", "marathon-user", "-", "web.marathon", "a-b.marathon", "leader", "master1", "slave", "x.slave", "ns1", "containerip"}

// name returns one of a few names, or the canonical name of a task.
func (h *history) name() string {
	if h.IntN(6) == 0 {
		return fmt.Sprintf("%s-%s-s%d", []string{"web", "Web"}[h.IntN(2)], records.TaskHash(fmt.Sprint("t", h.IntN(30))), h.IntN(5))
	}
	return oddNames[h.IntN(len(oddNames))]
}

func (h *history) task() *state.Task {
	t := &state.Task{
		Key:     state.TaskKey{Framework: fmt.Sprintf("f%d", h.IntN(3)), ID: fmt.Sprintf("t%d", h.IntN(30))},
		Name:    h.name(),
		AgentID: fmt.Sprintf("a-S%d", h.IntN(5)),
		State:   []string{state.Running, state.Running, state.Running, "TASK_KILLING"}[h.IntN(4)],
		Addresses: state.Addresses{
			NetInfo: h.addrs(3), Docker: h.addrs(1),
		},
	}
	h.attach(t)
	t.Health = state.Health(h.IntN(3))
	t.Labels = h.labels()
	if h.IntN(2) == 0 {
		t.Details = &state.TaskDetails{Role: []string{"", "*", "prod", "eng/web", strings.Repeat("long", 60)}[h.IntN(5)]}
	}
	for range h.IntN(3) {
		first := uint16(31000 + h.IntN(4))
		t.Ports = append(t.Ports, state.PortRange{First: first, Last: first + uint16(h.IntN(2))})
	}
	if h.IntN(2) == 0 {
		t.Discovery = &state.Discovery{Name: h.name()}
		for range h.IntN(3) {
			t.Discovery.Ports = append(t.Discovery.Ports, state.DiscoveryPort{
				Number:   uint16(h.IntN(3) * 80),
				Name:     []string{"", "http", "Ad_min"}[h.IntN(3)],
				Protocol: []string{"", "tcp", "UDP", "tcp,udp", "https", "h3"}[h.IntN(6)],
				Scope:    []string{"", "host", "container"}[h.IntN(3)],
				Network:  []string{"", "dcos", "b.c"}[h.IntN(3)],
				Labels:   append(h.labels(), h.vips()...),
			})
		}
	}
	return t
}

// attach gives a task networks and port mappings.
func (h *history) attach(t *state.Task) {
	mappings := func() (list []state.PortMapping) {
		for range h.IntN(3) {
			list = append(list, state.PortMapping{HostPort: uint16(31000 + h.IntN(4)), ContainerPort: uint16(h.IntN(3) * 80), Protocol: "tcp"})
		}
		return list
	}
	for range h.IntN(3) {
		t.Addresses.Networks = append(t.Addresses.Networks, state.Network{
			Name: []string{"", "dcos", "b.c", "-", "default"}[h.IntN(5)], Addrs: t.Addresses.NetInfo, Mappings: mappings(),
		})
	}
	if h.IntN(2) == 0 {
		t.Container = &state.Container{DockerNetwork: []string{"", "HOST", "BRIDGE", "USER"}[h.IntN(4)], Mappings: mappings()}
		if h.IntN(2) == 0 {
			t.Container.Networks = []state.Network{{Name: "dcos", Mappings: mappings()}}
		}
	}
}

// labels returns good and bad labels. Aliases are often names of other tasks.
func (h *history) labels() (list []state.Label) {
	for range h.IntN(3) {
		list = append(list, []state.Label{
			{Key: "DNS_TTL", Value: "5"}, {Key: "DNS_TTL", Value: "300"}, {Key: "DNS_TTL", Value: "0"}, {Key: "DNS_TTL", Value: "never"},
			{Key: "DNS_WEIGHT", Value: "7"}, {Key: "DNS_PRIORITY", Value: "70000"},
			{Key: "DNS_ALIAS", Value: "web, other"}, {Key: "DNS_ALIAS", Value: "a-b,user,other,x y"},
		}[h.IntN(8)])
	}
	return list
}

// vips returns labels of VIPs, good and bad ones. Several tasks are backends of one.
func (h *history) vips() (list []state.Label) {
	for i := range h.IntN(3) {
		list = append(list, state.Label{Key: fmt.Sprint([]string{"VIP_", "vip_"}[h.IntN(2)], i), Value: []string{
			"web:80", "/web:80", "web:31001", "cart.shop:160", "a/b:80", "1.2.3.4:80", "[fd00::1]:80", "web", "-:80", "web:0",
			strings.Repeat("v", 70) + ":80",
		}[h.IntN(11)]})
	}
	return list
}

// step makes a few changes and returns them as events.
func (h *history) step() (events []state.Event) {
	for range 1 + h.IntN(4) {
		switch h.IntN(10) {
		case 0:
			id := fmt.Sprintf("a-S%d", h.IntN(5))
			h.agents[id] = &state.Agent{ID: id, PID: state.UPID{ID: "slave(1)", Host: "x", Port: 5051}, Addrs: h.addrs(2),
				Hostname: []string{"", "n1.a", "n1.b", "N1.A", "n2", "10.0.0.1", "-", "n1"}[h.IntN(8)],
				Region:   []string{"", "eu", "us.east"}[h.IntN(3)], Zone: []string{"", "z1", "-", "z2"}[h.IntN(4)]}
			events = append(events, state.Event{Agent: h.agents[id]})
		case 1:
			id := fmt.Sprintf("a-S%d", h.IntN(5))
			delete(h.agents, id)
			maps.DeleteFunc(h.tasks, func(_ state.TaskKey, t *state.Task) bool { return t.AgentID == id })
			events = append(events, state.Event{AgentGone: id})
		case 2:
			id := fmt.Sprintf("f%d", h.IntN(3))
			f := &state.Framework{ID: id, Name: frameworkNames[h.IntN(len(frameworkNames))], Addrs: h.addrs(1)}
			if h.IntN(2) == 0 {
				f.PID = state.UPID{ID: "scheduler", Host: "x", Port: 1234}
			}
			h.frameworks[id] = f
			events = append(events, state.Event{Framework: f})
		case 3:
			h.leader = h.IntN(3)
			s := h.fullState()
			events = append(events, state.Event{Masters: &state.Masters{Leader: s.Leader, All: s.Masters}})
		case 5: // only the health of a task changes
			for k, t := range h.tasks {
				flipped := *t
				flipped.Health = state.Health(h.IntN(3))
				h.tasks[k] = &flipped
				events = append(events, state.Event{Task: &flipped})
				break
			}
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

func (h *history) fullState() *state.FullState {
	s := &state.FullState{
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
