package server

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// fullState has one agent, one framework and some tasks.
func fullState(tasks ...*state.Task) *state.FullState {
	leader := state.Master{Host: "10.0.0.1", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	return &state.FullState{
		Leader:     leader,
		Masters:    []state.Master{leader},
		Agents:     []*state.Agent{{ID: "x-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Tasks:      tasks,
	}
}

// task is a running task.
func task(id, name, addr string) *state.Task {
	return &state.Task{
		Key: state.TaskKey{Framework: "f", ID: id}, Name: name, AgentID: "x-S0", State: state.Running,
		Addresses: state.Addresses{NetInfo: []netip.Addr{netip.MustParseAddr(addr)}},
	}
}

// apply applies one event.
func (p *pipeline) apply(e state.Event) {
	p.Update(func(r *state.Replica) { r.Apply(p.o.now(), e, nil) })
}

// reconcile takes in a full state, always of the same leader.
func (p *pipeline) reconcile(s *state.FullState) {
	s.Leadership = state.Leadership{ID: "leader"}
	p.Update(func(r *state.Replica) {
		for range r.Reconcile(p.o.now(), s, nil) {
		}
	})
}

// state takes in a full state and publishes it.
func (p *pipeline) state(s *state.FullState) {
	p.reconcile(s)
	p.Publish()
}

func testPipeline(t *testing.T) (*pipeline, *test.Hook) {
	t.Helper()
	return testPipelineOf(t, config.Defaults())
}

func testPipelineOf(t testing.TB, c *config.Config) (*pipeline, *test.Hook) {
	t.Helper()
	log, hook := test.NewNullLogger()
	p, err := newTestPipeline(c, log)
	if err != nil {
		t.Fatal(err)
	}
	return p, hook
}

// newTestPipeline returns a pipeline whose clock stands still.
func newTestPipeline(c *config.Config, log logrus.Ext1FieldLogger) (*pipeline, error) {
	r, z, err := recordsAndZone(c)
	if err != nil {
		return nil, err
	}
	return newPipeline(pipelineOptions{
		records: r, zone: z, log: log,
		history:       zone.HistoryLimits{Versions: 100, Bytes: 1 << 20},
		now:           func() time.Time { return time.Unix(1_700_000_000, 0) },
		lastHeard:     func() (string, time.Time) { return sourcePoll, time.Time{} },
		background:    func(f func()) { f() },
		observeLag:    func(time.Duration) {},
		countOmission: func(error) {},
	}), nil
}

func TestSerialGrowsExactlyWithTheContent(t *testing.T) {
	p, _ := testPipeline(t)
	if p.zones.Current().Ready() {
		t.Fatal("before the first state: got ready, want not ready")
	}
	for _, step := range []struct {
		what string
		s    *state.FullState
		want uint32
	}{
		{"the first state", fullState(task("1", "web", "192.168.0.1")), 1_700_000_000},
		{"the same again", fullState(task("1", "web", "192.168.0.1")), 1_700_000_000},
		{"another address", fullState(task("1", "web", "192.168.0.2")), 1_700_000_001},
		{"a task without a name", fullState(task("1", "web", "192.168.0.2"), task("2", "-", "192.168.0.3")), 1_700_000_001},
		{"all gone", fullState(), 1_700_000_002},
	} {
		p.state(step.s)
		z := p.zones.Current()
		if !z.Ready() || z.DomainSerial() != step.want {
			t.Errorf("after %s: got ready %v, serial %d, want ready, serial %d", step.what, z.Ready(), z.DomainSerial(), step.want)
		}
	}
}

func TestFirstStateWithoutTasksIsAZone(t *testing.T) {
	p, _ := testPipeline(t)
	p.state(&state.FullState{})
	if !p.zones.Current().Ready() {
		t.Error("got not ready, want ready")
	}
}

func TestOmittedNamesAreLoggedOnce(t *testing.T) {
	p, hook := testPipeline(t)
	p.state(fullState(task("bad.1", "-", "192.168.0.1")))
	p.state(fullState(task("bad.1", "-", "192.168.0.2")))
	var tasks []any
	for _, e := range hook.AllEntries() {
		if strings.Contains(e.Message, "omitted") {
			tasks = append(tasks, e.Data["task"])
		}
	}
	if len(tasks) != 1 || tasks[0] != "bad.1" {
		t.Errorf("logged: got lines of tasks %q, want one of bad.1", tasks)
	}
}

// -v=2 shows which names change, -v=1 only that some do.
func TestEachLevelOfTheLogShowsMore(t *testing.T) {
	lines := map[logrus.Level]int{}
	for _, level := range []logrus.Level{logrus.InfoLevel, logrus.DebugLevel, logrus.TraceLevel} {
		log, hook := test.NewNullLogger()
		log.SetLevel(level)
		p, err := newTestPipeline(config.Defaults(), log)
		if err != nil {
			t.Fatal(err)
		}
		p.state(fullState(task("1", "web", "10.1.0.1")))
		lines[level] = len(hook.AllEntries())
	}
	if lines[logrus.DebugLevel] <= lines[logrus.InfoLevel] || lines[logrus.TraceLevel] <= lines[logrus.DebugLevel] {
		t.Errorf("lines by level: got %v, want more at each", lines)
	}
}

func TestReverseOriginsFollowTheSetting(t *testing.T) {
	c := config.Defaults()
	c.ReverseDNSOn = true
	_, z, err := recordsAndZone(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, partial := range map[records.Name]bool{
		records.ReverseIPv4: true, records.ReverseIPv6: true, records.MustParseName("10.in-addr.arpa"): false,
		records.MustParseName("31.172.in-addr.arpa"): false, records.MustParseName("d.f.ip6.arpa"): false,
	} {
		if !slices.ContainsFunc(z.Origins, func(o zone.Origin) bool { return o.Name == name && o.Partial == partial }) {
			t.Errorf("origins: got %v, want %v among them, partial: %v", z.Origins, name, partial)
		}
	}
}

// Address trees have their own TTL also where they lie in the domain.
func TestOriginsOfAddressTrees(t *testing.T) {
	c := config.Defaults()
	c.AddressDomains = append(c.AddressDomains, "mesos")
	r, o, err := recordsAndZone(c)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint32{}
	for _, origin := range o.Origins {
		got[origin.Name.String()] = origin.TTL
	}
	want := map[string]uint32{"mesos.": 10, "dcos.thisdcos.directory.": 5, "agentip.mesos.": 5, "containerip.mesos.": 5, "autoip.mesos.": 5}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if o.Origins[0].Name != r.Domain || o.DefaultTTL() != c.TTL {
		t.Errorf("the first origin: got %v, want the domain %v", o.Origins[0], r.Domain)
	}
}

func TestServerAddrs(t *testing.T) {
	one, two := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::1")
	got, err := serverAddrs([]config.Listen{{Addr: one}, {Addr: two}, {Addr: one, Port: 5353}, {Interface: "none0"}})
	if want := []netip.Addr{one, two}; err != nil || !slices.Equal(got, want) {
		t.Errorf("addresses: got %v, error %v, want %v", got, err, want)
	}
	if got, err = serverAddrs([]config.Listen{{Interface: "lo"}}); err != nil || !slices.Contains(got, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("an interface: got %v, error %v, want 127.0.0.1 among them", got, err)
	}
	all, err := serverAddrs([]config.Listen{{Addr: netip.IPv4Unspecified()}, {Addr: netip.IPv6Unspecified()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.IsLoopback() || a.Zone() != "" {
			t.Errorf("all addresses: got %v among them, want neither loopback addresses nor zones", a)
		}
	}
}

// A running server explains its own answers.
func TestExplainOfAServer(t *testing.T) {
	p, _ := testPipeline(t)
	p.state(fullState(task("web.1", "web", "192.168.0.1")))
	x := p.explain(records.MustParseName("web.marathon.mesos"))
	if len(x.Records) != 1 || x.Records[0].Owners[0].Task != "web.1" {
		t.Errorf("got %+v, want the record of web.1", x)
	}
}
