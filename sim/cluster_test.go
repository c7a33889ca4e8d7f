package sim

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestPortsAreWrittenAsRanges(t *testing.T) {
	for _, tt := range []struct {
		ports Ports
		want  string
	}{
		{nil, ""},
		{PortList(31000), "[31000-31000]"},
		{Ports{{31500, 31500}, {31010, 31011}}, "[31010-31011, 31500-31500]"},
		{PortList(3, 1, 2), "[1-3]"},
		{Ports{{1, 10}, {2, 3}, {65535, 65535}}, "[1-10, 65535-65535]"},
	} {
		if got := tt.ports.String(); got != tt.want {
			t.Errorf("%v: %q, want %q", []PortRange(tt.ports), got, tt.want)
		}
	}
}

func TestStringsAreEncodedAsValidJSON(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain", `"plain"`},
		{"a\"b\\c/d", `"a\"b\\c/d"`},
		{"line\nend\x01\x7f", `"line\nend\u0001\u007f"`},
		{"ünï 🚀", `"ünï 🚀"`},
		{"bad\xff", "\"bad\uFFFD\""},
	} {
		if got := string(appendString(nil, tt.in)); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.in, got, tt.want)
		}
	}
	for in, want := range map[float64]string{0: "0.0", 3: "3.0", 0.1: "0.1", 1795223859.753557: "1795223859.753557", -2.5: "-2.5", 1e15: "1000000000000000.0"} {
		if got := string(appendFloat(nil, in)); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

// lists tells where a master shows the tasks, by name, and the agents.
func lists(t *testing.T, c *Cluster) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	add := func(list string, values any, field string) {
		for _, v := range values.([]any) {
			out[list] = append(out[list], v.(map[string]any)[field].(string))
		}
		slices.Sort(out[list])
	}
	state := decode(t, bodyOf(t, c))
	add("slaves", state["slaves"], "hostname")
	add("recovered_slaves", state["recovered_slaves"], "hostname")
	for _, f := range state["frameworks"].([]any) {
		for _, list := range []string{"tasks", "unreachable_tasks", "completed_tasks"} {
			add(list, f.(map[string]any)[list], "name")
		}
	}
	return out
}

func TestTasksFollowTheStateOfTheirAgent(t *testing.T) {
	c := NewCluster(Options{Now: clock()})
	f, err := c.AddFramework(Framework{Name: "marathon", Capabilities: []string{"PARTITION_AWARE"}})
	noError(t, err)
	var ids []string
	for _, a := range []string{"10.0.0.1:5051", "10.0.0.2:5051"} {
		id, err := c.AddAgent(Agent{Addr: netip.MustParseAddrPort(a)})
		noError(t, err)
		_, err = c.StartTask(Task{Name: "on-" + a[:8], FrameworkID: f, AgentID: id})
		noError(t, err)
		ids = append(ids, id)
	}
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"at first", func() error { return nil },
			"slaves 10.0.0.1 10.0.0.2, tasks on-10.0.0.1 on-10.0.0.2"},
		{"unreachable", func() error { return c.MarkUnreachable(ids[0]) },
			"slaves 10.0.0.2, tasks on-10.0.0.2, unreachable_tasks on-10.0.0.1"},
		{"back", func() error { return c.Reregister(ids[0]) },
			"slaves 10.0.0.1 10.0.0.2, tasks on-10.0.0.1 on-10.0.0.2"},
		{"failover", func() error { c.Failover(); return nil },
			"recovered_slaves 10.0.0.1 10.0.0.2"},
		{"one returns", func() error { return c.Reregister(ids[1]) },
			"recovered_slaves 10.0.0.1, slaves 10.0.0.2, tasks on-10.0.0.2"},
		{"the other is removed", func() error { return c.RemoveAgent(ids[0]) },
			"completed_tasks on-10.0.0.1, slaves 10.0.0.2, tasks on-10.0.0.2"},
	} {
		noError(t, step.do())
		var got []string
		for list, names := range lists(t, c) {
			if len(names) > 0 {
				got = append(got, list+" "+strings.Join(names, " "))
			}
		}
		slices.Sort(got)
		if s := strings.Join(got, ", "); s != step.want {
			t.Errorf("%s:\n got %s\nwant %s", step.name, s, step.want)
		}
	}
}

func TestHealthReplacesTheLastStatus(t *testing.T) {
	c := NewCluster(Options{Now: clock()})
	f, _ := c.AddFramework(Framework{Name: "marathon"})
	a, _ := c.AddAgent(Agent{Addr: netip.MustParseAddrPort("10.0.0.1:5051")})
	id, err := c.StartTask(Task{Name: "web", FrameworkID: f, AgentID: a})
	noError(t, err)
	before := c.Tasks()[0]
	noError(t, c.SetHealth(f, id, true))
	noError(t, c.SetHealth(f, id, false))
	after := c.Tasks()[0]
	if before.Statuses[1].Healthy != nil {
		t.Error("a value that was handed out has changed")
	}
	if len(after.Statuses) != 2 || after.Statuses[1].Healthy == nil || *after.Statuses[1].Healthy {
		t.Errorf("statuses %+v, want two, the last one unhealthy", after.Statuses)
	}
	if !after.Statuses[1].Time.After(before.Statuses[1].Time) || after.Statuses[1].Container == nil {
		t.Error("the new status is not newer, or lost its address")
	}
}

func TestImpossibleChangesAreErrors(t *testing.T) {
	c := NewCluster(Options{Now: clock()})
	f, _ := c.AddFramework(Framework{Name: "marathon"})
	a, _ := c.AddAgent(Agent{Addr: netip.MustParseAddrPort("10.0.0.1:5051")})
	_, err := c.StartTask(Task{ID: "t", Name: "t", FrameworkID: f, AgentID: a})
	noError(t, err)
	start := func(task Task) error { _, err := c.StartTask(task); return err }
	for name, err := range map[string]error{
		"agent without address": second(c.AddAgent(Agent{})),
		"agent twice":           second(c.AddAgent(Agent{ID: a, Addr: netip.MustParseAddrPort("10.0.0.1:1")})),
		"framework twice":       second(c.AddFramework(Framework{ID: f})),
		"task twice":            start(Task{ID: "t", FrameworkID: f, AgentID: a}),
		"no agent":              start(Task{FrameworkID: f, AgentID: "x"}),
		"no framework":          start(Task{FrameworkID: "x", AgentID: a}),
		"unknown network":       start(Task{FrameworkID: f, AgentID: a, Networks: []NetworkInfo{{Name: "x"}}}),
		"end that is none":      c.EndTask(f, "t", TaskRunning),
		"end that is not seen":  c.FinishTask(f, "t", TaskError),
		"advance of nothing":    second(c.AdvanceTask(f, "x")),
		"kill of nothing":       c.KillTask(f, "x"),
		"gone agent":            c.MarkGone("x"),
		"deactivation of none":  c.SetDeactivated("x", true),
		"end of nothing":        c.EndTask(f, "x", TaskFailed),
		"health of nothing":     c.SetHealth("x", "t", true),
		"unknown agent":         c.RemoveAgent("x"),
		"unknown framework":     c.RemoveFramework("x"),
		"not away":              c.Reregister(a),
		"not there":             c.MarkUnreachable("x"),
		"nobody connects":       c.SetConnected("x", true),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := len(c.Tasks()); n != 1 {
		t.Errorf("%d tasks are left, want 1", n)
	}
}

func second(_ string, err error) error { return err }

// TestSameSeedGivesTheSameCluster: the same seed, clock and calls give the same bytes, another
// seed gives others; and the order changes from poll to poll.
func TestSameSeedGivesTheSameCluster(t *testing.T) {
	history := func(seed uint64) (out [][]byte) {
		c := exampleCluster(t, seed)
		for range 3 {
			out = append(out, bodyOf(t, c))
			noError(t, move(c))
		}
		return out
	}
	a, b, other := history(1), history(1), history(2)
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("poll %d differs", i)
		}
		if bytes.Equal(a[i], other[i]) {
			t.Errorf("poll %d is the same with another seed", i)
		}
	}
	c := exampleCluster(t, 0)
	first, again := bodyOf(t, c), bodyOf(t, c)
	if bytes.Equal(first, again) || len(first) != len(again) {
		t.Error("two polls in a row should differ in their order, and in that only")
	}
}
