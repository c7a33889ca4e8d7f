package master

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"toponym/state"
)

// Events as Mesos 1.12 sends them, with what names depend on and some of the
// rest.
const (
	agentAdded = `{"type":"AGENT_ADDED","agent_added":{"agent":{"agent_info":{"hostname":"10.0.0.11","port":5051,"resources":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000}]}}],"id":{"value":"x-S0"}},"active":true,"version":"1.12.0","pid":"slave(1)@10.0.0.11:5051","registered_time":{"nanoseconds":1795223863411635456},"total_resources":[]}}}`

	frameworkAdded = `{"type":"FRAMEWORK_ADDED","framework_added":{"framework":{"framework_info":{"user":"root","name":"marathon","id":{"value":"x-0000"},"failover_timeout":3600.0,"roles":["web"],"hostname":"10.0.0.2","capabilities":[{"type":"MULTI_ROLE"}],"labels":{"labels":[{"key":"a","value":"b"}]}},"active":true,"connected":true,"recovered":false,"registered_time":{"nanoseconds":1795223863826599168}}}}`

	taskAdded = `{"type":"TASK_ADDED","task_added":{"task":{"name":"web","task_id":{"value":"web.1"},"framework_id":{"value":"x-0000"},"agent_id":{"value":"x-S0"},"state":"TASK_STAGING","resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1},"allocation_info":{"role":"web"}},{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31005,"end":31005},{"begin":31001,"end":31001},{"begin":31000,"end":31000}]},"allocation_info":{"role":"web"}}],"labels":{"labels":[{"key":"DNS_X","value":"y"},{"key":"tier"}]},"discovery":{"visibility":"CLUSTER","name":"web","ports":{"ports":[{"number":31000,"name":"http","protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"host"}]}}]}},"container":{"type":"DOCKER","docker":{"image":"nginx","network":"BRIDGE","port_mappings":[{"host_port":31000,"container_port":80,"protocol":"tcp"}]}}}}}`

	taskStarting = `{"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"x-0000"},"status":{"task_id":{"value":"web.1"},"state":"TASK_STARTING","source":"SOURCE_EXECUTOR","agent_id":{"value":"x-S0"},"executor_id":{"value":"web.1"},"timestamp":1795223867.31,"uuid":"8NWU36mdQOKRoqyDe6GT6A==","container_status":{"network_infos":[{"ip_addresses":[{"ip_address":"172.17.0.9"}]}]}},"state":"TASK_RUNNING"}}`
	taskRunning  = `{"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"x-0000"},"status":{"task_id":{"value":"web.1"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR","agent_id":{"value":"x-S0"},"timestamp":1795223868.31,"uuid":"8NWU36mdQOKRoqyDe6GT6A==","container_status":{"container_id":{"value":"c"},"network_infos":[{"name":"dual","ip_addresses":[{"protocol":"IPv4","ip_address":"172.17.0.2"},{"protocol":"IPv6","ip_address":"fd99:5::2/64"}]}],"executor_pid":1609}},"state":"TASK_RUNNING"}}`
	taskSick     = `{"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"x-0000"},"status":{"task_id":{"value":"web.1"},"state":"TASK_RUNNING","reason":"REASON_TASK_HEALTH_CHECK_STATUS_UPDATED","agent_id":{"value":"x-S0"},"timestamp":1795223869.31,"healthy":false},"state":"TASK_RUNNING"}}`
	taskFinished = `{"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"x-0000"},"status":{"task_id":{"value":"web.1"},"state":"TASK_KILLED","reason":"REASON_FRAMEWORK_REMOVED","agent_id":{"value":"x-S0"},"timestamp":1795223870.31},"state":"TASK_FINISHED"}}`

	agentRemoved     = `{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"x-S0"}}}`
	frameworkRemoved = `{"type":"FRAMEWORK_REMOVED","framework_removed":{"framework_info":{"user":"root","name":"marathon","id":{"value":"x-0000"},"failover_timeout":5.0}}}`
	heartbeatEvent   = `{"type":"HEARTBEAT"}`
	subscribed       = `{"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[],"unreachable_tasks":[{"task_id":{"value":"u"}}],"completed_tasks":[{"task_id":{"value":"c"}}]},"get_executors":{"executors":[]},"get_frameworks":{"frameworks":[],"completed_frameworks":[{"framework_info":{"id":{"value":"old"}}}]},"get_agents":{"agents":[],"recovered_agents":[{"hostname":"10.0.0.12","port":5051,"id":{"value":"x-S1"}}]}},"heartbeat_interval_seconds":15.0}}`
)

func mustMessage(t testing.TB, text string) message {
	t.Helper()
	m, err := newEventDecoder().read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("got %v, want a message: %.200s", err, text)
	}
	return m
}

// showEvent is an event in a line.
func showEvent(e state.Event) string {
	switch {
	case e.Task != nil:
		return "task " + describe(e.Task)
	case e.Status != nil:
		return fmt.Sprintf("status %s/%s on %s %s health %d %v", e.Status.Task.Framework, e.Status.Task.ID, e.Status.AgentID, e.Status.State, e.Status.Health, e.Status.Addresses.NetInfo)
	case e.Agent != nil:
		return fmt.Sprintf("agent %s %q %s", e.Agent.ID, e.Agent.Hostname, pid(e.Agent.PID))
	case e.Framework != nil:
		return fmt.Sprintf("framework %s %q %q %s", e.Framework.ID, e.Framework.Name, e.Framework.Hostname, pid(e.Framework.PID))
	case e.AgentGone != "":
		return "agent gone " + e.AgentGone
	case e.FrameworkGone != "":
		return "framework gone " + e.FrameworkGone
	}
	return ""
}

func TestEventsOfTheOperatorAPI(t *testing.T) {
	tests := []struct {
		what, text, want string
		known            bool
		issues           int
	}{
		{"a heartbeat", heartbeatEvent, "", true, 0},
		{"an agent", agentAdded, `agent x-S0 "10.0.0.11" slave(1)@10.0.0.11:5051`, true, 0},
		{"a framework, which has no pid", frameworkAdded, `framework x-0000 "marathon" "10.0.0.2" -`, true, 0},
		{"a framework that changed", strings.NewReplacer("ADDED", "UPDATED", "added", "updated").Replace(frameworkAdded), `framework x-0000 "marathon" "10.0.0.2" -`, true, 0},
		{"a task", taskAdded, `task x-0000/web.1 "web" on x-S0 STAGING 31000-31001 31005-31005 container BRIDGE[{31000 80 tcp}] as "web"CLUSTER 31000/"http"/tcp(host,) [{DNS_X y}]`, true, 0},
		{"the state is newer than the status, whose address is none of a running task", taskStarting, "status x-0000/web.1 on x-S0 TASK_RUNNING health 0 []", true, 0},
		{"the address of a task that is starting", strings.Replace(taskStarting, "TASK_RUNNING", "TASK_STARTING", 1), "status x-0000/web.1 on x-S0 TASK_STARTING health 0 [172.17.0.9]", true, 0},
		{"addresses, one with its prefix length", taskRunning, "status x-0000/web.1 on x-S0 TASK_RUNNING health 0 [172.17.0.2 fd99:5::2]", true, 0},
		{"health alone", taskSick, "status x-0000/web.1 on x-S0 TASK_RUNNING health 2 []", true, 0},
		{"an end by the master, without uuid and container_status", taskFinished, "status x-0000/web.1 on x-S0 TASK_FINISHED health 0 []", true, 0},
		{"the state behind its status", `{"type":"TASK_UPDATED","task_updated":{"state":"TASK_LOST","framework_id":{"value":"f"},"status":{"state":"TASK_RUNNING","task_id":{"value":"t"}}}}`, "status f/t on  TASK_LOST health 0 []", true, 0},
		{"no state beside its status", `{"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"f"},"status":{"state":"TASK_RUNNING","task_id":{"value":"t"}}}}`, "status f/t on  TASK_RUNNING health 0 []", true, 0},
		{"the type behind", `{"agent_removed":{"agent_id":{"value":"x-S0"}},"type":"AGENT_REMOVED"}`, "agent gone x-S0", true, 0},
		{"an agent went", agentRemoved, "agent gone x-S0", true, 0},
		{"a framework went", frameworkRemoved, "framework gone x-0000", true, 0},
		{"what nobody knows", `{"type":"QUOTA_ADDED","quota_added":{"x":[1,2,{"type":"TASK_ADDED"}]}}`, "", false, 0},
		{"a task without an id", `{"type":"TASK_ADDED","task_added":{"task":{"name":"x","framework_id":{"value":"f"}}}}`, "", true, 1},
		{"a task without a framework", `{"type":"TASK_ADDED","task_added":{"task":{"task_id":{"value":"t"}}}}`, "", true, 1},
		{"an update of nobody knows what", `{"type":"TASK_UPDATED","task_updated":{}}`, "", true, 1},
		{"an update that is none", `{"type":"TASK_UPDATED","task_updated":null}`, "", true, 1},
		{"an agent without an id", `{"type":"AGENT_ADDED","agent_added":{"agent":{"agent_info":{"id":{"value":7}}}}}`, "", true, 1},
		{"a framework without an id", `{"type":"FRAMEWORK_ADDED","framework_added":{"framework":{}}}`, "", true, 1},
		{"an agent went, but which", `{"type":"AGENT_REMOVED","agent_removed":[]}`, "", true, 0},
		{"ports that are none", `{"type":"TASK_ADDED","task_added":{"task":{"task_id":{"value":"t"},"framework_id":{"value":"f"},"resources":[{"name":"ports","ranges":{"range":[{"begin":2,"end":1},{"begin":1},{"begin":70000,"end":70001},{"begin":5,"end":6}]}},{"name":"disks","ranges":{"range":[{"begin":1,"end":9}]}}, 7]}}}`, `task f/t "" on   5-6`, true, 3},
	}
	for _, tt := range tests {
		m := mustMessage(t, tt.text)
		if got := showEvent(m.event); got != tt.want || (m.known != "") != tt.known || m.issues.count != tt.issues {
			t.Errorf("%s: got %s, known %q, issues %v; want %s, known %t, %d issues", tt.what, got, m.known, m.issues, tt.want, tt.known, tt.issues)
		}
	}
	m := mustMessage(t, subscribed)
	if m.kind != "SUBSCRIBED" || m.heartbeat != 15*time.Second || m.doc == nil || len(m.doc.Tasks)+len(m.doc.Frameworks)+len(m.doc.Agents) != 0 || fmt.Sprint(m.doc.Recovered) != "[x-S1]" {
		t.Errorf("got %+v with the state %+v, want SUBSCRIBED with its heartbeat and state", m, m.doc)
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	for _, text := range []string{"", "7", `"HEARTBEAT"`, "[]", "{}", `{"type":7}`, `{"type":"HEARTBEAT"`, heartbeatEvent + heartbeatEvent, `{"type":"HEARTBEAT"}x`, "<html>"} {
		if m, err := newEventDecoder().read(strings.NewReader(text)); err == nil {
			t.Errorf("%q: got %+v, want an error", text, m)
		}
	}
}

// A task in the shapes of a state and of the operator
// API, with statuses.
func TestBothAPIsSayTheSame(t *testing.T) {
	statuses := `"statuses":[{"state":"TASK_RUNNING","timestamp":1.5,"healthy":true,"container_status":{"network_infos":[{"name":"n","ip_addresses":[{"ip_address":"192.168.0.1"}]}]}},{"state":"TASK_KILLING","timestamp":2.5}],"state":"TASK_KILLING"`
	doc := mustDecode(t, []byte(`{"slaves":[{"id":"S","hostname":"a","pid":"slave(1)@10.0.0.1:5051"}],"frameworks":[{"id":"F","name":"m","hostname":"h","tasks":[{"id":"t","name":"web","framework_id":"F","slave_id":"S","resources":{"ports":"[31000-31001, 31005-31005]"},`+statuses+`}]}]}`))
	v1 := mustMessage(t, `{"type":"GET_STATE","get_state":{"get_tasks":{"tasks":[{"task_id":{"value":"t"},"name":"web","framework_id":{"value":"F"},"agent_id":{"value":"S"},"resources":[{"name":"ports","ranges":{"range":[{"begin":31005,"end":31005},{"begin":31000,"end":31001}]}}],`+statuses+`}]},"get_frameworks":{"frameworks":[{"framework_info":{"id":{"value":"F"},"name":"m","hostname":"h"}}]},"get_agents":{"agents":[{"agent_info":{"id":{"value":"S"},"hostname":"a"},"pid":"slave(1)@10.0.0.1:5051"}]}}}`)
	wantLines(t, "v1", lines(v1.doc), lines(doc))
}

// cleanRun are the events of a small life, and the cluster they end in.
var cleanRun = []string{subscribed, heartbeatEvent, taskAdded, agentAdded, frameworkAdded, taskStarting, taskRunning, taskSick, heartbeatEvent, taskRunning}

func applied(texts ...string) *state.Cluster {
	c := state.NewCluster()
	d := newEventDecoder()
	for _, text := range texts {
		if m, err := d.read(strings.NewReader(text)); err == nil {
			c.Apply(m.event)
		}
	}
	return c
}

// Wherever a stream is cut, what came before counts, the cut is
// seen, and the state at the beginning of the next stream puts all right.
func TestCutStream(t *testing.T) {
	stream := framed(cleanRun...)
	whole := applied(cleanRun...)
	var all state.FullState
	for a := range whole.Agents() {
		all.Agents = append(all.Agents, a)
	}
	for f := range whole.Frameworks() {
		all.Frameworks = append(all.Frameworks, f)
	}
	for task := range whole.Tasks() {
		all.Tasks = append(all.Tasks, task)
	}
	for cut := range len(stream) {
		rec := newRecordIO(iotest.HalfReader(strings.NewReader(stream[:cut])), 1<<20)
		d := newEventDecoder()
		c := state.NewCluster()
		n := 0
		var err error
		for {
			if err = rec.next(); err != nil {
				break
			}
			var m message
			if m, err = d.read(rec); err != nil {
				break
			}
			c.Apply(m.event)
			n++
		}
		if complete := len(framed(cleanRun[:n]...)) == cut; complete != (err == io.EOF) {
			t.Fatalf("cut at %d, after %d events: got %v, want io.EOF exactly between two events", cut, n, err)
		}
		wantLines(t, "before the cut", clusterLines(c), clusterLines(applied(cleanRun[:n]...)))
		c.Reconcile(&all, nil)
		wantLines(t, "after the next state", clusterLines(c), clusterLines(whole))
		if t.Failed() {
			t.Fatalf("cut at %d", cut)
		}
	}
}

// A full state corrects what such events have done.
func TestRepeatedAndReorderedEventsDoNoLastingHarm(t *testing.T) {
	all := append([]string{agentRemoved, frameworkRemoved, taskFinished}, cleanRun[1:]...)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 4))
		replica := state.NewReplica()
		d := newEventDecoder()
		now := time.Unix(1e9, 0)
		for range 40 {
			m, err := d.read(strings.NewReader(all[r.IntN(len(all))]))
			if err != nil {
				t.Fatal(err)
			}
			replica.Apply(now, m.event, nil)
		}
		want := applied(cleanRun...)
		for range 2 {
			s := want.FullState()
			s.Leadership = state.Leadership{ID: "a"}
			reconcile(replica, now, s)
		}
		wantLines(t, fmt.Sprint("seed ", seed), clusterLines(replica.Cluster()), clusterLines(want))
	}
}

func FuzzEvent(f *testing.F) {
	for _, text := range append(cleanRun, agentRemoved, frameworkRemoved, taskFinished) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := newEventDecoder().read(strings.NewReader(text))
		again, err2 := newEventDecoder().read(iotest.OneByteReader(strings.NewReader(text)))
		if (err == nil) != (err2 == nil) || showEvent(m.event) != showEvent(again.event) {
			t.Fatalf("got %v %s, want as in other pieces %v %s", err, showEvent(m.event), err2, showEvent(again.event))
		}
		if err != nil {
			return
		}
		c := state.NewCluster()
		c.Apply(m.event)
		if d := c.Apply(m.event); !d.Empty() && m.event.Status == nil {
			t.Fatalf("the same again: got delta %+v, want none", d)
		}
	})
}

// Before a task runs its addresses are those of its TASK_STARTING status. Of one
// that runs nothing that was said before is believed.
func TestAddressesBeforeATaskRuns(t *testing.T) {
	const (
		starting = `{"state":"TASK_STARTING","timestamp":1,"container_status":{"network_infos":[{"ip_addresses":[{"ip_address":"9.0.0.1"}]}]}}`
		running  = `{"state":"TASK_RUNNING","timestamp":2,"container_status":{"network_infos":[{"ip_addresses":[{"ip_address":"9.0.0.2"}]}]}}`
		bare     = `{"state":"TASK_RUNNING","timestamp":3,"healthy":true}`
	)
	for _, tt := range []struct{ state, statuses, want string }{
		{"TASK_STAGING", "", "[]"},
		{"TASK_STARTING", starting, "[9.0.0.1]"},
		{"TASK_RUNNING", starting, "[]"},
		{"TASK_RUNNING", starting + "," + running, "[9.0.0.2]"},
		{"TASK_RUNNING", starting + "," + running + "," + bare, "[9.0.0.2]"},
		{"TASK_RUNNING", starting + "," + bare, "[]"},
		{"TASK_KILLING", starting + "," + bare, "[]"},
		{"TASK_KILLING", starting, "[9.0.0.1]"},
		{"TASK_KILLING", starting + "," + running, "[9.0.0.2]"},
	} {
		m := mustMessage(t, fmt.Sprintf(`{"type":"TASK_ADDED","task_added":{"task":{"task_id":{"value":"t"},"framework_id":{"value":"f"},"state":%q,"statuses":[%s]}}}`, tt.state, tt.statuses))
		if got := fmt.Sprint(m.event.Task.Addresses.NetInfo); got != tt.want {
			t.Errorf("%s with %s: %s, want %s", tt.state, tt.statuses, got, tt.want)
		}
	}
}
