package master

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"toponym/sim"
	"toponym/sim/scenario"
	"toponym/state"
)

// What feeds show beside records, in the shapes of both APIs.
const (
	detailsV0 = `{"slaves":[{"id":"S","hostname":"a.example","attributes":{"zone":"z","rack":"r1","cores":2.5,"ports":"[1-5, 9-9]","disks":"{a, b}","empty":""},
		"domain":{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"eu-1"}}}}],
		"frameworks":[{"id":"F","name":"m","roles":["b","a","b"],"tasks":[{"id":"t","slave_id":"S","state":"TASK_RUNNING","role":"prod",
		"statuses":[{"state":"TASK_STARTING","timestamp":9.5},{"state":"TASK_RUNNING","timestamp":12.5},{"state":"TASK_RUNNING","timestamp":20}],
		"labels":[{"key":"HAPROXY_GROUP","value":"external"},{"key":"DNS_TTL","value":"5"},{"key":"secret","value":"x"},{"key":"HAPROXY_GROUP","value":"internal"},{"key":"traefik.enable"}],
		"discovery":{"name":"t","ports":{"ports":[{"number":80,"labels":{"labels":[{"key":"traefik.x","value":"y"},{"key":"network-scope","value":"host"},{"key":"DNS_TTL","value":"7"},{"key":"other","value":"z"}]}}]}}}]}]}`
	detailsV1 = `{"type":"GET_STATE","get_state":{"get_agents":{"agents":[{"agent_info":{"id":{"value":"S"},"hostname":"a.example","attributes":[
		{"name":"zone","type":"TEXT","text":{"value":"z"}},{"name":"rack","type":"TEXT","text":{"value":"r1"}},{"name":"cores","type":"SCALAR","scalar":{"value":2.5}},
		{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":5},{"begin":9,"end":9}]}},{"name":"disks","type":"SET","set":{"item":["a","b"]}},{"name":"empty","type":"TEXT","text":{"value":""}}],
		"domain":{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"eu-1"}}}}}]},
		"get_frameworks":{"frameworks":[{"framework_info":{"id":{"value":"F"},"name":"m","roles":["b","a"]}}]},
		"get_tasks":{"tasks":[{"task_id":{"value":"t"},"framework_id":{"value":"F"},"agent_id":{"value":"S"},"state":"TASK_RUNNING",
		"resources":[{"name":"cpus","scalar":{"value":1},"allocation_info":{"role":"prod"}}],
		"statuses":[{"state":"TASK_STARTING","timestamp":9.5},{"state":"TASK_RUNNING","timestamp":12.5},{"state":"TASK_RUNNING","timestamp":20}],
		"labels":{"labels":[{"key":"HAPROXY_GROUP","value":"external"},{"key":"DNS_TTL","value":"5"},{"key":"secret","value":"x"},{"key":"HAPROXY_GROUP","value":"internal"},{"key":"traefik.enable"}]},
		"discovery":{"name":"t","ports":{"ports":[{"number":80,"labels":{"labels":[{"key":"traefik.x","value":"y"},{"key":"network-scope","value":"host"},{"key":"DNS_TTL","value":"7"},{"key":"other","value":"z"}]}}]}}}]}}}`
)

func TestBothAPIsSayTheSameDetails(t *testing.T) {
	v0, err := decode(strings.NewReader(detailsV0), false, "HAPROXY_", "traefik.")
	if err != nil {
		t.Fatal(err)
	}
	m, err := newEventDecoder("HAPROXY_", "traefik.").read(strings.NewReader(detailsV1))
	if err != nil {
		t.Fatal(err)
	}
	wantAgent := &state.Agent{ID: "S", Hostname: "a.example", Region: "eu", Zone: "eu-1", Attributes: []state.Attribute{
		{Name: "cores", Value: "2.5"}, {Name: "disks", Value: "{a, b}"}, {Name: "ports", Value: "[1-5, 9-9]"}, {Name: "rack", Value: "r1"}, {Name: "zone", Value: "z"},
	}}
	wantTask := &state.Task{
		Key: state.TaskKey{Framework: "F", ID: "t"}, AgentID: "S", State: state.Running, Since: 12,
		Labels: []state.Label{{Key: "DNS_TTL", Value: "5"}},
		Details: &state.TaskDetails{Role: "prod", Labels: []state.Label{
			{Key: "HAPROXY_GROUP", Value: "external"}, {Key: "HAPROXY_GROUP", Value: "internal"},
		}},
		Discovery: &state.Discovery{Name: "t", Ports: []state.DiscoveryPort{{
			Number: 80, Scope: "host", Labels: []state.Label{{Key: "traefik.x", Value: "y"}, {Key: "DNS_TTL", Value: "7"}},
		}}},
	}
	for api, doc := range map[string]*document{"state": v0, "operator API": m.doc} {
		if len(doc.Agents) != 1 || len(doc.Frameworks) != 1 || len(doc.Tasks) != 1 || doc.issues.count != 0 {
			t.Fatalf("%s: got %+v, want one of everything and no issues", api, doc)
		}
		if !doc.Agents[0].Equal(wantAgent) {
			t.Errorf("%s: got agent %+v, want %+v", api, doc.Agents[0], wantAgent)
		}
		if got := doc.Frameworks[0].Roles; !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%s: got roles %q, want a and b", api, got)
		}
		if got := doc.Tasks[0]; !got.Equal(wantTask) {
			t.Errorf("%s: got task %+v with %+v, want %+v with %+v", api, got, got.Details, wantTask, wantTask.Details)
		}
	}
}

// A poll after an update must find no difference, or each of them would change
// all tasks.
func TestBothAPIsSayTheSameDetailsOfASimulatedCluster(t *testing.T) {
	c := sim.NewCluster(sim.Options{})
	if _, err := scenario.Populate(c, scenario.Spec{Tasks: 300}); err != nil {
		t.Fatal(err)
	}
	m := sim.NewMaster(c, sim.MasterOptions{})
	v0, err := decode(answerOf(t, m, "GET", "/master/state", ""), false)
	if err != nil {
		t.Fatal(err)
	}
	v1, err := newEventDecoder().read(answerOf(t, m, "POST", "/api/v1", `{"type":"GET_STATE"}`))
	if err != nil {
		t.Fatal(err)
	}
	tasks := map[state.TaskKey]*state.Task{}
	for _, one := range v1.doc.Tasks {
		tasks[one.Key] = one
	}
	roles := 0
	for _, one := range v0.Tasks {
		if got := tasks[one.Key]; got == nil || !got.Details.Equal(one.Details) || got.Since != one.Since {
			t.Errorf("task %v: got %+v in the operator API, want %+v", one.Key, got, one)
		}
		if one.Role() != "" && one.Since != 0 {
			roles++
		}
	}
	if roles < 300 {
		t.Errorf("got %d tasks with a role and a time, want 300", roles)
	}
	for i, one := range v0.Frameworks {
		if got := v1.doc.Frameworks[i]; !slices.Equal(got.Roles, one.Roles) || len(one.Roles) == 0 {
			t.Errorf("framework %s: got roles %q, want %q", one.ID, got.Roles, one.Roles)
		}
	}
	attributes := 0
	for _, one := range v0.Agents {
		i := slices.IndexFunc(v1.doc.Agents, func(a *state.Agent) bool { return a.ID == one.ID })
		if i < 0 || !slices.Equal(v1.doc.Agents[i].Attributes, one.Attributes) {
			t.Errorf("agent %s: got %+v, want %+v", one.ID, v1.doc.Agents, one)
		}
		attributes += len(one.Attributes)
	}
	if attributes == 0 {
		t.Error("got no attributes, want some")
	}
}

// An update tells when the task entered its state.
func TestUpdatesTellSinceWhen(t *testing.T) {
	m := mustMessage(t, `{"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"F"},"state":"TASK_RUNNING","status":{"task_id":{"value":"t"},"state":"TASK_RUNNING","timestamp":1795223868.88}}}`)
	if u := m.event.Status; u == nil || u.Since != 1795223868 {
		t.Errorf("got %+v, want an update since 1795223868", m.event)
	}
	for timestamp, want := range map[string]uint32{"-5": 0, "1e300": 0, `"x"`: 0, "4294967295": 4294967295, "4294967296": 0} {
		doc := mustDecode(t, []byte(`{"frameworks":[{"id":"F","tasks":[{"id":"t","state":"TASK_RUNNING","statuses":[{"state":"TASK_RUNNING","timestamp":`+timestamp+`}]}]}]}`))
		if got := doc.Tasks[0].Since; got != want {
			t.Errorf("timestamp %s: got %d, want %d", timestamp, got, want)
		}
	}
}

// What a framework or an operator writes has a bound, in number and in bytes, and
// what exceeds it costs nobody else anything.
func TestDetailsAreBounded(t *testing.T) {
	value := strings.Repeat("v", 1000)
	for what, tt := range map[string]struct{ agent, task, want string }{
		"number of labels": {task: `"labels":` + listOf(2000, `{"key":"HAPROXY_%d","value":"x"}`), want: "1024 labels"},
		"bytes of labels":  {task: `"labels":` + listOf(100, `{"key":"HAPROXY_%d","value":"`+value+`"}`), want: "65536 bytes of labels"},
		"bytes over all ports": {task: `"discovery":{"name":"x","ports":{"ports":` + listOf(100, `{"number":%d,"labels":[{"key":"HAPROXY_X","value":"`+value+`"}]}`) + `}}`,
			want: "65536 bytes of labels"},
		"number of attributes": {agent: `"attributes":` + listOf(1000, `{"name":"a%d","text":{"value":"x"}}`), want: "256 attributes"},
		"bytes of attributes":  {agent: `"attributes":` + listOf(100, `{"name":"a%d","text":{"value":"`+value+`"}}`), want: "16384 bytes"},
	} {
		extra := func(s string) string {
			if s == "" {
				return ""
			}
			return "," + s
		}
		body := fmt.Sprintf(`{"slaves":[{"id":"S"%s},{"id":"S2","attributes":{"a":"b"}}],"frameworks":[{"id":"F","roles":%s,"tasks":[{"id":"big"%s},{"id":"small","labels":[{"key":"HAPROXY_X","value":"y"}]}]}]}`,
			extra(tt.agent), listOf(1000, `"r%d"`), extra(tt.task))
		doc, err := decode(strings.NewReader(body), false, "HAPROXY_")
		if err != nil {
			t.Fatal(err)
		}
		if doc.issues.count != 1 || !strings.Contains(doc.issues.example, tt.want) {
			t.Errorf("%s: got issues %+v, want one with %q", what, doc.issues, tt.want)
		}
		if got := len(doc.Frameworks[0].Roles); got != maxRoles {
			t.Errorf("got %d roles, want %d", got, maxRoles)
		}
		if len(doc.Tasks[1].KeptLabels()) != 1 || len(doc.Agents[1].Attributes) != 1 {
			t.Errorf("%s: got %+v and %+v, want the others whole", what, doc.Tasks[1].Details, doc.Agents[1])
		}
	}
	long := strings.Repeat("x", maxKept+1)
	doc, err := decode(strings.NewReader(`{"slaves":[{"id":"S","attributes":{"`+long+`":"v","a":"`+long+`"}}],"frameworks":[{"id":"F","tasks":[{"id":"t","labels":[{"key":"HAPROXY_`+long+`","value":"v"},{"key":"HAPROXY_X","value":"`+long+`"}]}]}]}`), false, "HAPROXY_")
	if err != nil || len(doc.Agents[0].Attributes) != 0 || doc.Tasks[0].Details != nil {
		t.Errorf("got %+v, %+v, error %v: want no string of more than %d bytes", doc.Agents[0], doc.Tasks[0].Details, err, maxKept)
	}
}

// Attributes and domains of other types than expected are skipped.
func TestOddAttributesAndDomainsAreSkipped(t *testing.T) {
	for _, odd := range []string{
		`"attributes":7`, `"attributes":[7,"x",{"name":7},{"name":"a","scalar":{"value":"x"}},{"name":"a","ranges":{"range":7}},{"name":"a","text":7}]`,
		`"attributes":{"a":null,"b":[1],"c":{}}`, `"domain":7`, `"domain":{"fault_domain":[]}`, `"domain":{"fault_domain":{"region":"x","zone":7}}`,
	} {
		doc := mustDecode(t, []byte(`{"slaves":[{"id":"S",`+odd+`,"hostname":"h"}]}`))
		got := slices.DeleteFunc(doc.Agents[0].Attributes, func(a state.Attribute) bool { return a.Value == "[]" })
		if len(got) > 0 || doc.Agents[0].Region+doc.Agents[0].Zone != "" || doc.Agents[0].Hostname != "h" {
			t.Errorf("%s: got %+v, want nothing but the host name", odd, doc.Agents[0])
		}
	}
}

// Labels that no setting selects are not held in memory.
func TestTasksShareTheirDetails(t *testing.T) {
	var body bytes.Buffer
	body.WriteString(`{"frameworks":[{"id":"F","tasks":`)
	body.WriteString(listOf(100, `{"id":"t%d","role":"prod","labels":[{"key":"HAPROXY_GROUP","value":"external"},{"key":"x","value":"y"}]}`))
	body.WriteString(`}]}`)
	doc, err := decode(&body, false, "HAPROXY_")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range doc.Tasks {
		if one.Details != doc.Tasks[0].Details || !reflect.DeepEqual(one.KeptLabels(), []state.Label{{Key: "HAPROXY_GROUP", Value: "external"}}) {
			t.Fatalf("got %+v, want the same details for all tasks", one.Details)
		}
	}
}

// answerOf is the body of an answer of a simulated master.
func answerOf(t *testing.T, m http.Handler, method, path, body string) io.Reader {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: got %d %s, want 200", method, path, w.Code, w.Body)
	}
	return w.Body
}
