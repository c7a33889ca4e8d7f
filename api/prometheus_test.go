package api

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// group is a target group as Prometheus reads it.
type group struct {
	Targets []string
	Labels  map[string]string
}

func targetsOf(t *testing.T, s *Server, target string) (groups []group) {
	t.Helper()
	w := get(s, target)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s: got status %d and %v: %s", target, w.Code, w.Header(), w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &groups); err != nil {
		t.Fatalf("%s: got %v in %s", target, err, w.Body)
	}
	return groups
}

// labelsServer has the default settings and tasks that are reached on both sides.
func labelsServer(tasks ...*state.Task) *Server {
	s := testSnapshot()
	s.Tasks = tasks
	s.Agents[0].Attributes = []state.Attribute{{Name: "rack.row", Value: "r1"}}
	s.Agents[0].Region, s.Agents[0].Zone = "eu", "eu-1"
	c := state.NewCluster()
	c.Reconcile(s, nil)
	set, _ := records.Build(c, records.Options{
		Domain:    records.MustParseName("mesos"),
		IPSources: []records.IPSource{records.SourceAuto, records.SourceHost},
		Rule:      records.RFC1123,
		Limits:    records.Limits{TaskPorts: 256, TaskAddrs: 64},
	})
	o := testOptions(s)
	o.Store = zone.NewStore(zone.Compile(set, zoneOptions(), zone.SameSerial(testSerial)))
	o.Instances, o.Hosts, o.Enumerate = set.Instances, set.Hosts, set.Enumerate
	return New(o)
}

// taskWith returns a task on a network of its own with two ports, of which http is
// mapped to a port of the agent.
func taskWith(id string, labels ...string) *state.Task {
	t := &state.Task{
		Key: state.TaskKey{Framework: "f1", ID: id}, Name: "shop", AgentID: "20150101-S0", State: state.Running, Since: 1_700_000_000,
		Ports: []state.PortRange{{First: 31000, Last: 31000}},
		Container: &state.Container{Networks: []state.Network{{
			Name: "dcos", Mappings: []state.PortMapping{{HostPort: 31000, ContainerPort: 8080, Protocol: "tcp"}},
		}}},
		Addresses: state.Addresses{
			NetInfo:  []netip.Addr{netip.MustParseAddr("fd00::9"), netip.MustParseAddr("9.0.0.9")},
			Networks: []state.Network{{Name: "dcos", Addrs: []netip.Addr{netip.MustParseAddr("fd00::9"), netip.MustParseAddr("9.0.0.9")}}},
		},
		Discovery: &state.Discovery{Name: "shop", Ports: []state.DiscoveryPort{
			{Number: 31000, Name: "http", Protocol: "tcp", Scope: "host"},
			{Number: 9102, Name: "metrics", Protocol: "tcp", Scope: "container", Network: "dcos"},
			{Number: 5353, Name: "dns", Protocol: "udp", Scope: "container", Network: "dcos"},
		}},
		Details: &state.TaskDetails{Role: "prod"},
	}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		t.Details.Labels = append(t.Details.Labels, state.Label{Key: key, Value: value})
	}
	return t
}

func TestPrometheusTargets(t *testing.T) {
	for what, tt := range map[string]struct {
		labels     []string
		portLabels []state.Label // of the port metrics
		want       string        // scheme, target and path
	}{
		"every TCP port":                   {nil, nil, "10.0.0.2:31000 9.0.0.9:9102"},
		"a port by name":                   {[]string{"prometheus.port=metrics"}, nil, "9.0.0.9:9102"},
		"a port by number":                 {[]string{"prometheus.port=9102"}, nil, "9.0.0.9:9102"},
		"a port of the agent":              {[]string{"prometheus.port=31000"}, nil, "10.0.0.2:31000"},
		"the container's number":           {[]string{"prometheus.port=8080"}, nil, "10.0.0.2:31000"},
		"a number that is not announced":   {[]string{"prometheus.port=9999"}, nil, "9.0.0.9:9999"},
		"two ports, one of them twice":     {[]string{"prometheus.port= http, metrics ,9102"}, nil, "10.0.0.2:31000 9.0.0.9:9102"},
		"a port by UDP":                    {[]string{"prometheus.port=dns"}, nil, ""},
		"no port":                          {[]string{"prometheus.port=nothing"}, nil, ""},
		"numbers that are no ports":        {[]string{"prometheus.port=0,-1,70000,99999999999999999999"}, nil, ""},
		"switched off":                     {[]string{"prometheus.enable=false"}, nil, ""},
		"path and scheme":                  {[]string{"prometheus.path=/m", "prometheus.scheme=HTTPS", "prometheus.port=http"}, nil, "https://10.0.0.2:31000/m"},
		"a path without a slash":           {[]string{"prometheus.path=m", "prometheus.port=http"}, nil, "10.0.0.2:31000/m"},
		"a scheme that does not exist":     {[]string{"prometheus.scheme=gopher", "prometheus.port=http"}, nil, "10.0.0.2:31000"},
		"labels of a port":                 {nil, []state.Label{{Key: "prometheus.path", Value: "/m"}}, "9.0.0.9:9102/m"},
		"labels of a port before others":   {[]string{"prometheus.path=/x"}, []state.Label{{Key: "prometheus.path", Value: "/m"}}, "9.0.0.9:9102/m"},
		"labels of a port beside others":   {[]string{"prometheus.path=/x"}, []state.Label{{Key: "prometheus.scheme", Value: "https"}}, "https://9.0.0.9:9102/x"},
		"the task's label before a port's": {[]string{"prometheus.port=http"}, []state.Label{{Key: "prometheus.path", Value: "/m"}}, "10.0.0.2:31000"},
	} {
		task := taskWith("shop.1", tt.labels...)
		task.Discovery.Ports[1].Labels = tt.portLabels
		var got []string
		for _, g := range targetsOf(t, labelsServer(task), "/v1/sd/prometheus") {
			scheme := g.Labels["__scheme__"]
			if scheme != "" {
				scheme += "://"
			}
			got = append(got, scheme+strings.Join(g.Targets, ",")+g.Labels["__metrics_path__"])
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", what, got, tt.want)
		}
	}
}

// On the network of the agent, a task must not have others' ports scraped.
func TestPrometheusPortsOfTheAgentAreTheTasksOwn(t *testing.T) {
	task := taskWith("host.1", "prometheus.port=5051,31000")
	task.Container, task.Addresses, task.Discovery = nil, state.Addresses{NetInfo: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}, nil
	got := targetsOf(t, labelsServer(task), "/v1/sd/prometheus")
	if len(got) != 1 || got[0].Targets[0] != "10.0.0.2:31000" {
		t.Errorf("got %v, want 10.0.0.2:31000 alone", got)
	}
}

func TestPrometheusLabels(t *testing.T) {
	task := taskWith("shop.1", "HAPROXY_0_VHOST=a.example", "traefik.http.é-x=1", "traefik_http_é_x=2", "empty=")
	task.Health = state.Unhealthy
	task.Discovery.Ports[1].Labels = []state.Label{{Key: "tier", Value: "back"}}
	golden(t, "prometheus.json", get(labelsServer(task), "/v1/sd/prometheus").Body.Bytes())
	golden(t, "prometheus-agents.json", get(labelsServer(task), "/v1/sd/prometheus?source=agents").Body.Bytes())
	golden(t, "prometheus-masters.json", get(labelsServer(task), "/v1/sd/prometheus?source=masters").Body.Bytes())
	if got := strings.TrimSpace(get(labelsServer(), "/v1/sd/prometheus").Body.String()); got != "[\n]" {
		t.Errorf("no tasks: got %q, want an empty list", got)
	}
}

func TestPrometheusParameters(t *testing.T) {
	s := labelsServer(taskWith("a", "tier=1"), taskWith("b", "tier=2"))
	for target, want := range map[string]int{
		"": 4, "?source=tasks": 4, "?label=tier%3D2": 2, "?app=shop&source=tasks": 4, "?app=other": 0, "?source=agents": 1, "?source=masters": 1,
	} {
		if got := targetsOf(t, s, "/v1/sd/prometheus"+target); len(got) != want {
			t.Errorf("%q: got %d targets, want %d", target, len(got), want)
		}
	}
	for _, target := range []string{"?source=x", "?source=agents&app=shop", "?limit=5", "?healthy=maybe"} {
		if w := get(s, "/v1/sd/prometheus"+target); w.Code != 400 {
			t.Errorf("%q: got status %d, want 400", target, w.Code)
		}
	}
}

// What a framework writes into one task has a bound for each of its targets.
func TestPrometheusTargetsAreBounded(t *testing.T) {
	big := taskWith("big")
	for n := range 1000 {
		big.Details.Labels = append(big.Details.Labels, state.Label{Key: fmt.Sprint("HAPROXY_", n), Value: strings.Repeat("x", 100)})
		big.Discovery.Ports = append(big.Discovery.Ports, state.DiscoveryPort{Number: uint16(10000 + n), Scope: "container", Protocol: "tcp"})
	}
	w := get(labelsServer(big), "/v1/sd/prometheus")
	var groups []group
	if err := json.Unmarshal(w.Body.Bytes(), &groups); err != nil {
		t.Fatal(err)
	}
	if len(groups) != maxTargets || w.Body.Len() > maxTargets*2*maxMetaBytes {
		t.Errorf("got %d targets in %d bytes, want %d in at most %d", len(groups), w.Body.Len(), maxTargets, maxTargets*2*maxMetaBytes)
	}
}

func TestAgentsWithoutAddresses(t *testing.T) {
	var got []string
	add := func(g *targetGroup) bool { got = append(got, g.target); return true }
	addAgents(records.Hosts{Agents: []*state.Agent{
		{ID: "a", PID: state.UPID{Host: "a.example", Port: 5055}}, {ID: "b", Hostname: "b.example"}, {ID: "c"},
		{ID: "d", PID: state.UPID{Host: "fd00::1", Port: 5051}},
	}}, add)
	addMasters(records.Hosts{Masters: []state.Master{{Host: "m.example", Port: 5050}, {Host: "x", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("fd00::2")}}}}, add)
	want := []string{"a.example:5055", "b.example:5051", "[fd00::1]:5051", "m.example:5050", "[fd00::2]:5050"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
