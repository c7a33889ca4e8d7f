package server

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/records"
	"toponym/sim"
	"toponym/sim/scenario"
	"toponym/state"
	"toponym/zone"
)

// zoneLines describes everything that a zone answers, by name.
func zoneLines(z *zone.Zone) map[records.Name]string {
	lines := map[records.Name]string{}
	for n := range z.All() {
		line := fmt.Sprint(n.Apex, z.TTLOf(n, dns.TypeA), z.TTLOf(n, dns.TypeSRV), n.A, n.AAAA, z.RRs(n, "x.", dns.TypeANY))
		for i, s := range n.SRV {
			// Found by number or by name, the target must be the same.
			byID := z.Target(s.Target)
			if byName := z.Node(byID.Name); byID != byName && (byName != nil || !byID.Empty()) {
				line += fmt.Sprintf(" target %d is another one", i)
			}
		}
		if z.Node(n.Name) != n {
			line += " is not found by its name"
		}
		lines[n.Name] = line
	}
	return lines
}

// checkRebuilt compares the current zone with one that is built from the whole
// cluster: records by Build, zone by Compile. No event may be applied meanwhile.
func (p *pipeline) checkRebuilt() error {
	patched := p.zones.Current()
	set, _ := records.Build(state.ClusterOf(p.cluster.FullState()), p.withClock(p.records, p.set)) // with the same reserved names
	compiled := zone.Compile(set, p.zone, func(origin records.Name, _ uint32) uint32 { n, _ := patched.Serial(origin); return n })
	got, want := zoneLines(patched), zoneLines(compiled)
	for _, n := range slices.Sorted(maps.Keys(want)) {
		if got[n] != want[n] {
			return fmt.Errorf("%v: got\n%s\nwant, as rebuilt,\n%s", n, got[n], want[n])
		}
	}
	for n := range got {
		if _, ok := want[n]; !ok {
			return fmt.Errorf("%v: got %s, want nothing, as rebuilt", n, got[n])
		}
	}
	if patched.Counts() != compiled.Counts() {
		return fmt.Errorf("counts: got %+v, want %+v, as rebuilt", patched.Counts(), compiled.Counts())
	}
	return nil
}

// eventSource makes random events of few agents, frameworks and tasks, so that
// names are shared, and come and go, all the time.
type eventSource struct {
	*rand.Rand
	past []change
}

func (i *eventSource) addr() netip.Addr {
	if i.IntN(4) == 0 {
		return netip.AddrFrom16([16]byte{0xfd, 15: byte(i.IntN(4))})
	}
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i.IntN(6))})
}

func (i *eventSource) pick(of ...string) string { return of[i.IntN(len(of))] }

func (i *eventSource) key() state.TaskKey {
	return state.TaskKey{Framework: i.pick("f0", "f1", "f2"), ID: fmt.Sprint("t.", i.IntN(9))}
}

func (i *eventSource) state() string {
	return i.pick(state.Running, state.Running, state.Running, "TASK_STAGING", "TASK_KILLING", "TASK_FINISHED", "TASK_UNREACHABLE")
}

func (i *eventSource) addresses() (a state.Addresses) {
	if i.IntN(3) > 0 {
		a.NetInfo = []netip.Addr{i.addr()}
		a.Networks = []state.Network{{Name: i.pick("", "overlay", "dual"), Addrs: a.NetInfo}}
	}
	if i.IntN(5) == 0 {
		a.Docker = []netip.Addr{i.addr()}
	}
	return a
}

func (i *eventSource) task() *state.Task {
	t := &state.Task{Key: i.key(), Name: i.pick("web", "web", "db", "a.b", "Odd_", "-"), AgentID: i.pick("x-S0", "x-S1", "x-S2"), State: i.state(),
		Addresses: i.addresses(), Health: state.Health(i.IntN(3))}
	if i.IntN(2) == 0 {
		t.Ports = []state.PortRange{{First: 31000, Last: uint16(31000 + i.IntN(2))}}
	}
	if i.IntN(2) == 0 {
		t.Discovery = &state.Discovery{Name: i.pick(t.Name, "web"), Visibility: "CLUSTER", Ports: []state.DiscoveryPort{
			{Number: 31000, Name: i.pick("http", ""), Protocol: i.pick("tcp", "udp", "tcp,udp", "https", "h3"), Scope: i.pick("", "host", "container"), Labels: i.vips()}}}
	}
	if i.IntN(3) == 0 {
		t.Details = &state.TaskDetails{Role: i.pick("*", "prod", "eng/web")}
	}
	switch i.IntN(5) {
	case 0:
		t.Labels = []state.Label{{Key: "DNS_ALIAS", Value: i.pick("web", "short", "db")}}
	case 1:
		t.Labels = []state.Label{{Key: "DNS_TTL", Value: i.pick("1", "5", "0")}}
	}
	return t
}

// vips returns labels of VIPs that tasks share, one with a port of its own and one with
// that of the tasks.
func (i *eventSource) vips() (list []state.Label) {
	if i.IntN(2) == 0 {
		list = append(list, state.Label{Key: "VIP_0", Value: i.pick("web:80", "web:31000", "db:31000", "1.2.3.4:80", "web")})
	}
	return list
}

func (i *eventSource) masters() *state.Masters {
	m := &state.Masters{Leader: state.Master{Host: "10.0.1.1", Port: uint16(5050 + i.IntN(2)), Addrs: []netip.Addr{i.addr()}}}
	m.All = []state.Master{m.Leader}
	if i.IntN(2) == 0 {
		m.All = append(m.All, state.Master{Host: "10.0.1.9", Port: 5050, Addrs: []netip.Addr{i.addr()}})
	}
	return m
}

// change is an event or a full state.
type change struct {
	state.Event
	full *state.FullState
}

// apply applies a change without publishing it.
func (c change) apply(p *pipeline) {
	if c.full != nil {
		p.reconcile(c.full)
	} else {
		p.apply(c.Event)
	}
}

// event returns a new event, or repeats an earlier one.
func (i *eventSource) change(p *pipeline) (e change) {
	if len(i.past) > 0 && i.IntN(6) == 0 {
		return i.past[len(i.past)-1-i.IntN(min(len(i.past), 12))]
	}
	switch i.IntN(24) {
	case 0:
		e.Agent = &state.Agent{ID: i.pick("x-S0", "x-S1", "x-S2"), PID: state.UPID{ID: "slave(1)", Host: "h", Port: 5051},
			Hostname: i.pick("", "n1.a", "n1.b"), Zone: i.pick("", "z1", "z2"), Region: i.pick("", "eu")}
		if i.IntN(4) > 0 {
			e.Agent.Addrs = []netip.Addr{i.addr()}
		}
	case 1:
		e.AgentGone = i.pick("x-S0", "x-S1", "x-S2")
	case 2:
		e.Framework = &state.Framework{ID: i.pick("f0", "f1", "f2"), Name: i.pick("marathon", "a.b", "marathon"), Addrs: []netip.Addr{i.addr()}}
	case 3:
		e.FrameworkGone = i.pick("f0", "f1", "f2")
	case 4:
		e.Masters = i.masters()
	case 5: // a full state that lacks some things and has new ones
		s := p.cluster.FullState()
		some := func(int) bool { return i.IntN(4) == 0 }
		s.Tasks = slices.DeleteFunc(s.Tasks, func(*state.Task) bool { return some(0) })
		s.Agents = slices.DeleteFunc(s.Agents, func(*state.Agent) bool { return some(0) })
		s.Frameworks = slices.DeleteFunc(s.Frameworks, func(*state.Framework) bool { return some(0) })
		i.Shuffle(len(s.Tasks), func(a, b int) { s.Tasks[a], s.Tasks[b] = s.Tasks[b], s.Tasks[a] })
		for range i.IntN(4) {
			s.Tasks = append(s.Tasks, i.task())
		}
		e.full = s
	case 6:
		k := i.key()
		e.TaskGone = &k
	case 7, 8, 9, 10, 11, 12, 13:
		e.Status = &state.Status{Task: i.key(), State: i.state(), Health: state.Health(i.IntN(3)), Addresses: i.addresses()}
		if known := p.cluster.Task(e.Status.Task); known != nil && i.IntN(5) > 0 {
			e.Status.AgentID = known.AgentID
		}
	default:
		e.Task = i.task()
	}
	i.past = append(i.past, e)
	return e
}

// After any history of events, published one by one or several at once, the zone
// is the one that is built from the whole cluster.
func TestIncrementalEqualsRebuilt(t *testing.T) {
	for name, set := range map[string]func(*config.Config){
		"default": func(*config.Config) {},
		"reverse": func(c *config.Config) {
			c.ReverseDNSOn, c.AddressDomains = true, []string{"mesos", "dcos.thisdcos.directory"}
		},
		"VIPs": func(c *config.Config) { c.VIPDomains = []string{"l4lb.thisdcos.directory", "vip.mesos"} },
		"compat": func(c *config.Config) {
			c.SRVScope, c.Unhealthy, c.IPSources = config.SRVScopeCompat, config.UnhealthyInclude, []string{"netinfo", "docker", "host"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				c := config.Defaults()
				set(c)
				p, _ := testPipelineOf(t, c)
				i := &eventSource{Rand: rand.New(rand.NewPCG(seed, 11))}
				p.state(fullState())
				for step := range 250 {
					for range 1 + i.IntN(3) {
						i.change(p).apply(p)
					}
					p.Publish()
					if err := p.checkRebuilt(); err != nil {
						t.Fatalf("seed %d, step %d: %v", seed, step, err)
					}
				}
			}
		})
	}
}

// checkPublications compares the zone with the rebuilt one at each publication,
// and counts them.
func (p *pipeline) checkPublications(t *testing.T) (publications *atomic.Int64) {
	publications = &atomic.Int64{}
	next := p.o.observeLag
	p.o.observeLag = func(lag time.Duration) {
		next(lag)
		if err := p.checkRebuilt(); err != nil {
			t.Error(err)
			p.o.observeLag = next // once is enough
		}
		publications.Add(1)
	}
	return publications
}

// The same holds on the stream of a living cluster, through the end of its
// master and the return of its agents.
func TestIncrementalEqualsRebuiltOverAStream(t *testing.T) {
	cluster := sim.NewCluster(sim.Options{Seed: 1})
	apps, err := scenario.Populate(cluster, scenario.Spec{Tasks: 40, Agents: 4, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	first, second := newTestMaster(t), newTestMaster(t)
	first.lead(cluster, sim.MasterOptions{})
	defer second.kill()
	c := config.Defaults()
	for _, m := range []*testMaster{first, second} {
		c.Masters = append(c.Masters, config.HostPort{Host: m.at.Addr().String(), Port: m.at.Port()})
	}
	c.Refresh, c.Resync, c.ReverseDNSOn = 100*time.Millisecond, 50*time.Millisecond, true
	c.DNSOn, c.HTTPOn = false, false
	log, _ := test.NewNullLogger()
	s := newTestServer(t, c, log)
	published := s.pipeline.checkPublications(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	life := scenario.NewLife(cluster, apps, scenario.LifeOptions{Seed: 3})
	live := func() {
		for enough := published.Load() + 10; published.Load() < enough; {
			life.Step()
			time.Sleep(2 * time.Millisecond)
		}
	}
	testutil.EventuallyEqual(t, 1, func() int { return s.masterStatus().Streams }, "streams")
	live()
	cluster.Failover()
	first.kill()
	second.lead(cluster, sim.MasterOptions{})
	retained := func() int { return s.masterStatus().Retained }
	testutil.EventuallyEqual(t, 4, retained, "agents retained after the failover")
	for _, a := range cluster.Agents() {
		if err := cluster.Reregister(a.ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range cluster.Frameworks() {
		if err := cluster.SetConnected(f.ID, true); err != nil {
			t.Fatal(err)
		}
	}
	testutil.EventuallyEqual(t, 0, retained, "agents retained after all have re-registered")
	live()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: got %v, want no error", err)
	}
}
