package sim

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const testScenario = `
seed: 7
agents: 4
networks:
  - name: lab
    pools:
      - {prefix: 10.200.0.0/16, share: 24}
      - {prefix: "fd00:77::/64", share: 112}
frameworks:
  - {name: marathon, pid: "scheduler-1@10.0.0.20:15101", hostname: 10.0.0.20}
apps:
  - name: web
    instances: 3
    ports: [{name: http}, {name: stats, protocol: udp}]
    labels: {owner: team-web}
  - {name: cart.shop, network: lab, docker: true, ports: [{name: http, port: 8080}]}
  - {name: blog, network: bridge, docker: true, ports: [{name: http, port: 80}]}
  - {name: wiki, network: bridge, ports: [{name: http, port: 80}]}
  - {name: job, framework: chronos, docker: true}
steps:
  - {at: 1s, do: health, app: web, healthy: false}
  - {at: 2s, do: scale, app: web, count: 1}
  - {at: 2s, do: agent-unreachable, agent: agent-3.dc1.example.com}
`

func testSimulation(t *testing.T, scenario string) *Simulation {
	t.Helper()
	sc, err := ReadScenario(strings.NewReader(scenario))
	noError(t, err)
	s, err := NewSimulation(sc, Options{Now: clock()})
	noError(t, err)
	return s
}

func TestScenario(t *testing.T) {
	s := testSimulation(t, testScenario)
	want := map[string]string{
		"web":       "10.64.0.1 10.64.0.2 10.64.0.3",
		"cart.shop": "10.200.3.2 fd00:77::3:2/64",
		"blog":      "172.17.0.2",
		"wiki":      "172.31.254.2",
		"job":       "10.64.0.3",
	}
	got := addresses(s.Cluster)
	for app, a := range want {
		if strings.Join(got[app], " ") != a {
			t.Errorf("%s is at %v, want %s", app, got[app], a)
		}
	}
	if len(got) != len(want) {
		t.Errorf("apps %v", got)
	}
	body := bodyOf(t, s.Cluster)
	loadShape(t, "state.shape", "shared.shape").compare(t, "scenario", body, map[string]bool{})
	for _, want := range []string{
		`"ports":"[31000-31001]"`,
		`{"number":31000,"name":"http","protocol":"tcp"},{"number":31001,"name":"stats","protocol":"udp"}`,
		`{"number":8080,"name":"http","protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"container"},{"key":"network-name","value":"lab"}]}}`,
		`"network":"BRIDGE","port_mappings":[{"host_port":31`,
		`"name":"mesos-bridge","port_mappings":[{"host_port":31`,
		`"labels":[{"key":"owner","value":"team-web"}]`,
		`"name":"chronos"`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the state has no %s", want)
		}
	}
	if regexp.MustCompile(`[^0-9]6400[1-4][^0-9]`).Match(body) {
		t.Error("a mark was left in place of a port")
	}
	checkHeld(t, s.Cluster)
}

func TestScenarioFaults(t *testing.T) {
	for _, tt := range []struct{ scenario, want string }{
		{"tasks: -1", "at most"},
		{"tasks: 1000000000", "at most"},
		{"agents: 100000", "at most"},
		{"task: 1", "task"},
		{"apps: [{instances: 1}]", "apps[0] has no name"},
		{"apps: [{name: a, instances: -1}]", "instances"},
		{"apps: [{name: a, ports: [{protocol: sctp}]}]", "sctp"},
		{"networks: [{name: n, pools: [{prefix: 10.0.0.0/24, share: 16}]}]", "/16"},
		{"networks: [{name: n, pools: [{prefix: 10.0.0.0/24}]}]", "/0"},
		{"networks: [{name: n, pools: [{prefix: 10.0.0.0/8, share: 32}]}]", "/32"},
		{"networks: [{name: n, pools: [{prefix: 10.0.0.0, share: 32}]}]", "10.0.0.0"},
		{"networks: [{name: n, pools: [{prefix: 10.0.0.0/32, perAgent: true}]}]", "bridge"},
		{"steps: [{do: dance}]", "dance"},
		{"steps: [{at: 2s, do: kill}, {at: 1s, do: kill}]", "before"},
		{"steps: [{at: soon, do: kill}]", "soon"},
		{"churn: {tasks: -1}", "negative"},
		{"{", "yaml"},
		{strings.Repeat(" ", maxScenario+1), "bytes"},
	} {
		if _, err := ReadScenario(strings.NewReader(tt.scenario)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: error %v, want one with %q", tt.scenario, err, tt.want)
		}
	}
	if s, err := ReadScenario(strings.NewReader("")); err != nil || s.Tasks != 0 {
		t.Errorf("an empty scenario: %v", err)
	}
	sc, err := ReadScenario(strings.NewReader("apps: [{name: a, network: nowhere}]"))
	noError(t, err)
	if _, err := NewSimulation(sc, Options{}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a network that is not there: %v", err)
	}
}

func TestSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc, err := ReadScenario(strings.NewReader(testScenario))
		noError(t, err)
		s, err := NewSimulation(sc, Options{})
		noError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		state := func() string {
			healthy, n := 0, 0
			for _, task := range s.Tasks() {
				if task.Name == "web" {
					n++
					if h := task.Statuses[len(task.Statuses)-1].Healthy; h == nil || *h {
						healthy++
					}
				}
			}
			return fmt.Sprint(n, " web, ", healthy, " healthy, ", s.Overview().Unreachable, " agents away")
		}
		for _, want := range []string{
			"3 web, 3 healthy, 0 agents away",
			"3 web, 0 healthy, 0 agents away",
			"1 web, 0 healthy, 1 agents away",
		} {
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if got := state(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			time.Sleep(500 * time.Millisecond)
		}
		cancel()
		noError(t, <-done)

		s.steps = []Step{{Action: Action{Do: "kill", Task: "nobody"}}}
		if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "step 1") || !strings.Contains(err.Error(), "nobody") {
			t.Errorf("a step that cannot be: %v", err)
		}
	})
}

// TestActions does each action once and looks at what has become of the
// cluster.
func TestActions(t *testing.T) {
	s := testSimulation(t, testScenario)
	do := func(a Action) []string {
		t.Helper()
		ids, err := s.Do(a)
		if err != nil {
			t.Fatalf("%+v: %v", a, err)
		}
		return ids
	}
	states := func(app string) string {
		var out []string
		for _, task := range s.Tasks() {
			if task.Name == app {
				out = append(out, strings.TrimPrefix(task.State, "TASK_"))
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	used := map[string]bool{}
	for _, step := range []struct {
		action Action
		app    string
		want   string
	}{
		{Action{Do: "start", App: "web", Agent: "10.64.0.4"}, "web", "RUNNING RUNNING RUNNING RUNNING"},
		{Action{Do: "scale", App: "web", Count: 2}, "web", "RUNNING RUNNING"},
		{Action{Do: "scale", App: "web", Count: 0}, "web", ""},
		{Action{Do: "scale", App: "web", Count: 1}, "web", "RUNNING"},
		{Action{Do: "launch", App: "web", Count: 2}, "web", "RUNNING STAGING STAGING"},
		{Action{Do: "advance", App: "web"}, "web", "RUNNING STARTING STARTING"},
		{Action{Do: "advance", App: "web"}, "web", "RUNNING RUNNING RUNNING"},
		{Action{Do: "health", App: "web", Count: 1}, "web", "RUNNING RUNNING RUNNING"},
		{Action{Do: "kill", App: "web", Count: 1}, "web", "KILLING RUNNING RUNNING"},
		{Action{Do: "end", App: "web", Count: 1, State: TaskKilled}, "web", "RUNNING RUNNING"},
		{Action{Do: "move", App: "web", Count: 1}, "web", "RUNNING RUNNING"},
		{Action{Do: "finish", App: "job", Framework: "chronos"}, "job", "FINISHED"},
		{Action{Do: "framework-disconnect", Framework: "chronos"}, "job", "FINISHED"},
		{Action{Do: "framework-connect", Framework: "chronos"}, "job", "FINISHED"},
		{Action{Do: "framework-remove", Framework: "chronos"}, "job", ""},
		{Action{Do: "framework-add", Name: "spark"}, "job", ""},
		{Action{Do: "agent-add", Address: "10.64.1.1", Name: "new.example.com"}, "blog", "RUNNING"},
		{Action{Do: "agent-deactivate", Agent: "new.example.com"}, "blog", "RUNNING"},
		{Action{Do: "agent-activate", Agent: "new.example.com"}, "blog", "RUNNING"},
		{Action{Do: "agent-remove", Agent: "10.64.1.1"}, "blog", "RUNNING"},
		{Action{Do: "agent-unreachable", Agent: "10.64.0.1"}, "blog", ""},
		{Action{Do: "agent-return", Agent: "10.64.0.1"}, "blog", "RUNNING"},
		{Action{Do: "agent-gone", Agent: "10.64.0.1"}, "blog", ""},
		{Action{Do: "churn", Tasks: 10, Agents: 1}, "blog", ""},
	} {
		used[step.action.Do] = true
		do(step.action)
		if got := states(step.app); got != step.want {
			t.Errorf("%+v: %s is %q, want %q", step.action, step.app, got, step.want)
		}
	}
	if tasks, agents := s.Life().Rates(); tasks != 10 || agents != 1 {
		t.Errorf("rates %v %v", tasks, agents)
	}
	for name := range actions {
		if !used[name] && !strings.HasPrefix(name, "master-") && !strings.HasPrefix(name, "streams-") {
			t.Errorf("%s was not tried", name)
		}
	}
	for _, a := range []Action{
		{Do: "dance"},
		{Do: "kill"},
		{Do: "kill", App: "nobody"},
		{Do: "kill", Task: "nobody"},
		{Do: "kill", App: "web", Count: 100},
		{Do: "kill", App: "web", Framework: "nobody"},
		{Do: "kill", App: "web", Framework: "spark"},
		{Do: "end", App: "web", State: "TASK_RUNNING"},
		{Do: "start", App: "web", Agent: "nobody"},
		{Do: "scale", App: "web", Count: -1},
		{Do: "move", App: "web", Agent: "nobody"},
		{Do: "agent-add", Address: "here"},
		{Do: "agent-remove"},
		{Do: "framework-add"},
		{Do: "framework-remove"},
		{Do: "master-kill"},
	} {
		if ids, err := s.Do(a); err == nil {
			t.Errorf("%+v gave %v", a, ids)
		}
	}
	checkHeld(t, s.Cluster)
}
