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
)

func snapshot(tasks ...*state.Task) state.Event {
	leader := state.Master{Host: "10.0.0.1", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	return state.Event{FullState: &state.FullState{
		Leader:     leader,
		Masters:    []state.Master{leader},
		Agents:     []*state.Agent{{ID: "x-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Tasks:      tasks,
	}}
}

func task(id, name, addr string) *state.Task {
	return &state.Task{
		Key: state.TaskKey{Framework: "f", ID: id}, Name: name, AgentID: "x-S0", State: state.Running,
		Addresses: state.Addresses{NetInfo: []netip.Addr{netip.MustParseAddr(addr)}},
	}
}

// event applies one event and publishes it.
func (p *pipeline) event(e state.Event) {
	p.apply(e)
	p.publish()
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
func newTestPipeline(c *config.Config, log logrus.FieldLogger) (*pipeline, error) {
	r, z, err := recordsAndZone(c)
	if err != nil {
		return nil, err
	}
	return newPipeline(pipelineOptions{
		records: r, zone: z, log: log,
		now:           func() time.Time { return time.Unix(1_700_000_000, 0) },
		lastHeard:     func() (string, time.Time) { return fromPoll, time.Time{} },
		observeLag:    func(time.Duration) {},
		countOmission: func(error) {},
	}), nil
}

func TestSerialGrowsExactlyWithTheContent(t *testing.T) {
	p, _ := testPipeline(t)
	if p.zones.Current().Ready() {
		t.Fatal("ready before the first state")
	}
	for _, step := range []struct {
		what string
		e    state.Event
		want uint32
	}{
		{"the first state", snapshot(task("1", "web", "192.168.0.1")), 1_700_000_000},
		{"the same again", snapshot(task("1", "web", "192.168.0.1")), 1_700_000_000},
		{"another address", snapshot(task("1", "web", "192.168.0.2")), 1_700_000_001},
		{"a task without a name", snapshot(task("1", "web", "192.168.0.2"), task("2", "-", "192.168.0.3")), 1_700_000_001},
		{"all gone", snapshot(), 1_700_000_002},
	} {
		p.event(step.e)
		z := p.zones.Current()
		if !z.Ready() || z.Serial() != step.want {
			t.Errorf("after %s: ready %v, serial %d, want %d", step.what, z.Ready(), z.Serial(), step.want)
		}
	}
}

func TestFirstStateWithoutTasksIsAZone(t *testing.T) {
	p, _ := testPipeline(t)
	p.event(state.Event{FullState: &state.FullState{}})
	if !p.zones.Current().Ready() {
		t.Error("not ready")
	}
}

func TestLeftOutNamesAreLoggedOnce(t *testing.T) {
	p, hook := testPipeline(t)
	p.event(snapshot(task("bad.1", "-", "192.168.0.1")))
	p.event(snapshot(task("bad.1", "-", "192.168.0.2")))
	var lines []string
	for _, e := range hook.AllEntries() {
		if strings.Contains(e.Message, "left out") {
			lines = append(lines, e.Message)
		}
	}
	if len(lines) != 1 || !strings.Contains(lines[0], `"bad.1"`) {
		t.Errorf("logged %q", lines)
	}
}

func TestReverseOriginsFollowTheSetting(t *testing.T) {
	c := config.Defaults()
	c.ReverseDNSOn = true
	_, z, err := recordsAndZone(c)
	if err != nil {
		t.Fatal(err)
	}
	var names []records.Name
	for _, o := range z.Origins {
		names = append(names, o.Name)
	}
	if !slices.Contains(names, records.ReverseIPv4) || !slices.Contains(names, records.ReverseIPv6) {
		t.Errorf("origins %v", z.Origins)
	}
}

// Views have their TTL also where they lie in the domain.
func TestOriginsOfViews(t *testing.T) {
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
	want := map[string]uint32{"mesos.": 60, "dcos.thisdcos.directory.": 5, "agentip.mesos.": 5, "containerip.mesos.": 5, "autoip.mesos.": 5}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if o.Origins[0].Name != r.Domain || o.DefaultTTL() != c.TTL {
		t.Errorf("the first origin is %v", o.Origins[0])
	}
}

func TestListeners(t *testing.T) {
	got, err := listeners(netip.MustParseAddr("10.1.2.3"))
	if err != nil || len(got) != 1 || got[0] != netip.MustParseAddr("10.1.2.3") {
		t.Errorf("got %v, %v", got, err)
	}
	all, err := listeners(netip.IPv4Unspecified())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.IsLoopback() || a.Zone() != "" {
			t.Errorf("%v is given out as the name server's address", a)
		}
	}
}

// A running server explains its own answers.
func TestExplainOfAServer(t *testing.T) {
	p, _ := testPipeline(t)
	p.event(snapshot(task("web.1", "web", "192.168.0.1")))
	x := apiOptions(config.Defaults(), p, Options{}).Explain(records.MustParseName("web.marathon.mesos"))
	if len(x.Records) != 1 || x.Records[0].Owners[0].Task != "web.1" {
		t.Errorf("got %+v, want the record of web.1", x)
	}
}
