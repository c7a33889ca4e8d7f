package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
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
  - name: chronos
    noDiscovery: true
    apps:
      - {id: /job, cmd: work, container: {type: DOCKER, docker: {image: example/job}}, portDefinitions: []}
apps:
  - id: /web
    cmd: serve
    instances: 3
    portDefinitions: [{name: http}, {name: stats, protocol: udp}]
    labels: {owner: team-web}
  - id: /shop/cart
    container: {type: DOCKER, docker: {image: example/cart}, portMappings: [{containerPort: 8080, name: http}]}
    networks: [{mode: container, name: lab}]
  - id: /blog
    container: {type: DOCKER, docker: {image: example/blog}, portMappings: [{containerPort: 80, name: http}]}
    networks: [{mode: container/bridge}]
  - id: /wiki
    cmd: serve
    container: {type: MESOS, portMappings: [{containerPort: 80, name: http}]}
    networks: [{mode: container/bridge}]
marathon: {startup: 0s, healthy: 0s}
steps:
  - {at: 1s, do: health, app: web, healthy: false}
  - {at: 2s, do: scale, app: web, count: 1}
  - {at: 2s, do: agent-unreachable, agent: agent-3.dc1.example.com}
`

func testSimulation(t testing.TB, text string) *Simulation {
	return simulationOf(t, text, Options{Now: clock()})
}

// TestScenarioAppsAreMarathonApps: they run as a Marathon would have Mesos run
// them.
func TestScenarioAppsAreMarathonApps(t *testing.T) {
	s := testSimulation(t, testScenario)
	want := map[string]string{
		"web":       "10.64.0.1 10.64.0.2 10.64.0.3",
		"cart.shop": "10.200.3.2 fd00:77::3:2",
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
	for _, task := range s.Tasks() {
		if (task.Discovery == nil) != (task.Name == "job") {
			t.Errorf("the DiscoveryInfo of %s is %+v", task.Name, task.Discovery)
		}
	}
}

// TestScenarioErrorsAreReportedAtOnceWithLineAndKey: whoever wrote it mends all of
// them in one go.
func TestScenarioErrorsAreReportedAtOnceWithLineAndKey(t *testing.T) {
	const text = `seed: x
tasks: -1
agents: many
networks:
  - name: lab
    pools:
      - {prefix: 10.0.0.0/24, share: 16}
      - {prefix: 10.0.0.0}
      - {prefix: 10.0.0.0/32, perAgent: true}
  - {nmae: b}
frameworks: [{}]
apps:
  - {id: /a, cmd: x, instances: -1}
  - id: /b
    networks: [{mode: container}]
    container:
      portMappings:
        - {containerPort: 80}
        - containerPort: 81
          protocol: sctp
  - {id: /c, cmd: x, instnaces: 2}
  - {id: /c, cmd: x}
  - just a word
placement:
  /c: [{agent: x, addresses: [here]}]
  /d: [{agent: x}]
churn:
  tasks: fast
  agents: -1
marathon: {startup: soon, healthy: -1s}
steps:
  - {at: 2s, do: dance}
  - {at: 1s, do: kill, count: 1.5}
  - {do: kill, at: soon, at: 3s}
more: 1
`
	want := []string{
		`line 1: seed: "x" is not a whole number`,
		`line 3: agents: "many" is not a whole number`,
		`line 8: networks[0].pools[1].prefix: "10.0.0.0" is not an address or a prefix`,
		`line 10: networks[1].nmae: there is no such key; known are name, pools`,
		`line 13: apps[0].instances: error.min`,
		`line 20: apps[1].container.portMappings[1].protocol: error.unknown.enum.literal`,
		`line 21: apps[2].instnaces: there is no such field; did you mean "instances"?`,
		`line 23: apps[4]: want the definition of an app or a pod`,
		`line 28: churn.tasks: "fast" is not a number`,
		`line 30: marathon.startup: "soon" is not a time such as 1m30s`,
		`line 33: steps[1].count: "1.5" is not a whole number`,
		`line 34: steps[2].at: "soon" is not a time such as 1m30s`,
		`line 34: steps[2].at: the key is there twice`,
		`line 35: more: there is no such key; known are agents, apps, `,
		`line 2: tasks: -1 is not between 0 and 1000000`,
		`line 29: churn.agents: a rate cannot be negative`,
		`line 30: marathon.healthy: a time cannot be negative`,
		`line 7: networks[0].pools[0].share: 10.0.0.0/24 has no shares of the length /16`,
		`line 9: networks[0].pools[2].prefix: 10.0.0.0/32 has not the size of a bridge`,
		`line 10: networks[1].name: a network needs a name`,
		`line 10: networks[1].pools: a network needs a pool`,
		`line 11: frameworks[0].name: a framework needs a name`,
		`line 22: apps[3].id: there are two apps /c`,
		`line 25: placement./c[0].addresses[0]: "here" is not an address`,
		`line 26: placement./d: there is no app /d`,
		`line 32: steps[0].do: there is no action "dance"`,
		`line 33: steps[1].at: the step comes before the one above it`,
	}
	_, err := Read(strings.NewReader(text))
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.Split(err.Error(), "\n")
	for _, w := range want {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, w) }) {
			t.Errorf("no error begins with\n%s", w)
		}
	}
	for _, line := range got {
		if !slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(line, w) }) {
			t.Errorf("an error that is not expected:\n%s", line)
		}
	}
}

func TestScenariosThatAreNoneAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{":                       "line 1: ",
		"tasks: 1000000000":       "tasks: ",
		"agents: 100000":          "agents: ",
		"agents: [{hostname: a}]": "line 1: agents[0].address: ",
		"apps: [{id: a, instances: 2000000, cmd: x}]": "line 1: apps[0].instances: ",
		"frameworks: [{name: a}, {name: a}]":          "line 1: frameworks[1].name: there are two frameworks a",
		"- a":                                         "want a mapping",
		"apps: {}":                                    "want a list",
		"seed: []":                                    "want a single value",
		"a: &a [*a, *a]":                              "",
		strings.Repeat(" ", maxScenario+1):            "bytes",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: error %v, want one with %q", text, err, want)
		}
	}
	if s, err := Read(strings.NewReader("")); err != nil || s.Tasks != 0 {
		t.Errorf("an empty scenario: %+v, %v", s, err)
	}
	for text, want := range map[string]string{
		"apps: [{id: a, cmd: x, cpus: 1000}]":                          "app /a: sim: no agent has room",
		"apps: [{id: a, cmd: x}]\nplacement: {/a: [{agent: nowhere}]}": `placement of /a: no agent "nowhere"`,
	} {
		sc, err := Read(strings.NewReader(text))
		noError(t, err)
		if _, err := New(sc, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

// TestStepsAreTakenAtTheirTimes, and those with "every" again and again.
func TestStepsAreTakenAtTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulationOf(t, testScenario+"  - {at: 3s, every: 2s, do: agent-add, address: 10.9.9.9}\n  - {at: 4s, every: 1s, do: kill, task: nobody}\n", Options{})
		stop := run(t, s)
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
			return fmt.Sprint(n, " web, ", healthy, " healthy, ", s.Overview().Unreachable, " away of ", len(s.Agents()))
		}
		for _, want := range []string{
			"3 web, 3 healthy, 0 away of 4",
			"3 web, 0 healthy, 0 away of 4",
			"1 web, 0 healthy, 1 away of 4",
			"1 web, 0 healthy, 1 away of 5",
			"1 web, 0 healthy, 1 away of 5",
			"1 web, 0 healthy, 1 away of 6",
		} {
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if got := state(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			time.Sleep(500 * time.Millisecond)
		}
		stop()

		s.steps = []Step{{Action: Action{Do: "kill", Task: "nobody"}}}
		if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `step "kill"`) || !strings.Contains(err.Error(), "nobody") {
			t.Errorf("a step that cannot be: %v", err)
		}
	})
}

// TestTimesOfAScenarioAreThoseOfItsSchedulers: instances come up at them.
// A task that was killed over HTTP must not make the scenario's next step fail.
func TestActionsOnAnAppSkipTasksThatAreBeingKilled(t *testing.T) {
	s := testSimulation(t, testScenario)
	killed, err := s.Do(Action{Do: "kill", App: "web", Count: 1})
	noError(t, err)
	for _, do := range []string{"health", "kill"} {
		got, err := s.Do(Action{Do: do, App: "web", Count: 1})
		if err != nil || slices.Equal(got, killed) {
			t.Errorf("%s after killing %v: got tasks %v and error %v, want another task", do, killed, got, err)
		}
	}
}

func TestTimesOfAScenarioAreThoseOfItsSchedulers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulationOf(t, "agents: 2\nmarathon: {startup: 1s, healthy: 3s, backoff: 20s}", Options{Marathon: testAddr})
		defer run(t, s)()
		request(t, s.Marathon(), "POST", "/v2/apps", `{"id": "web", "cmd": "x", "healthChecks": [{"protocol": "MESOS_TCP"}]}`, 201)
		for _, step := range []struct {
			after time.Duration
			want  string
		}{
			{400 * time.Millisecond, "TASK_STAGING"}, {500 * time.Millisecond, "TASK_STARTING"}, {200 * time.Millisecond, "TASK_RUNNING"},
			{2800 * time.Millisecond, "TASK_RUNNING"}, {200 * time.Millisecond, "TASK_RUNNING healthy"},
		} {
			time.Sleep(step.after)
			synctest.Wait()
			task := s.Tasks()[0]
			got := task.State
			if n := len(task.Statuses); n > 0 && task.Statuses[n-1].Healthy != nil {
				got += " healthy"
			}
			if got != step.want {
				t.Errorf("%v later: %s, want %s", step.after, got, step.want)
			}
		}
		if _, err := s.Do(Action{Do: "end", App: "web"}); err != nil {
			t.Error(err)
		}
		time.Sleep(19 * time.Second)
		if n := len(s.Tasks()); n != 0 {
			t.Errorf("%d tasks before the backoff is over", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(s.Tasks()); n != 1 {
			t.Errorf("%d tasks after the backoff, want 1", n)
		}
	})
}

// TestEachActionDoesWhatItsNameSays does each action once and looks at what has become
// of the cluster.
func TestEachActionDoesWhatItsNameSays(t *testing.T) {
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
	blog := ""
	for _, task := range s.Tasks() {
		if task.Name == "blog" {
			blog = task.AgentID
		}
	}
	used := map[string]bool{}
	for _, step := range []struct {
		action Action
		app    string
		want   string
	}{
		{Action{Do: "start", App: "/web", Agent: "10.64.0.4"}, "web", "RUNNING RUNNING RUNNING RUNNING"},
		{Action{Do: "scale", App: "web", Count: 2}, "web", "RUNNING RUNNING"},
		{Action{Do: "scale", App: "web", Count: 0}, "web", ""},
		{Action{Do: "scale", App: "web", Count: 1}, "web", "RUNNING"},
		{Action{Do: "launch", App: "web", Count: 2}, "web", "RUNNING STAGING STAGING"},
		{Action{Do: "advance", App: "web"}, "web", "RUNNING STARTING STARTING"},
		{Action{Do: "advance", App: "web"}, "web", "RUNNING RUNNING RUNNING"},
		{Action{Do: "health", App: "web", Count: 1}, "web", "RUNNING RUNNING RUNNING"},
		{Action{Do: "kill", App: "web", Count: 1}, "web", "KILLING RUNNING RUNNING"},
		{Action{Do: "end", App: "web", Count: 1, State: sim.TaskKilled}, "web", "RUNNING RUNNING"},
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
		{Action{Do: "agent-unreachable", Agent: blog}, "blog", ""},
		{Action{Do: "agent-return", Agent: blog}, "blog", "RUNNING"},
		{Action{Do: "agent-gone", Agent: blog}, "blog", ""},
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
		{Do: "streams-break"},
		{Do: "scale", App: "nobody"},
		{Do: "start", App: "nobody"},
		{Do: "kill", App: "job", Framework: "marathon"},
	} {
		if ids, err := s.Do(a); err == nil {
			t.Errorf("%+v gave %v", a, ids)
		}
	}
}
