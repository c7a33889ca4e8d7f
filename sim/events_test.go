package sim

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
)

// brief writes an event in a word or two.
func brief(t *testing.T, record []byte) string {
	t.Helper()
	v := decode(t, record)
	kind := v["type"].(string)
	switch kind {
	case "TASK_ADDED":
		task := v["task_added"].(map[string]any)["task"].(map[string]any)
		n := 0
		if s, ok := task["statuses"]; ok {
			n = len(s.([]any))
		}
		return fmt.Sprintf("%s %s %s %d", kind, task["name"], task["state"], n)
	case "TASK_UPDATED":
		u := v["task_updated"].(map[string]any)
		s := u["status"].(map[string]any)
		out := fmt.Sprintf("%s %s %s", kind, u["state"], s["state"])
		if s["uuid"] == nil {
			out += " by the master"
		}
		if h, ok := s["healthy"]; ok {
			out += fmt.Sprintf(" healthy %v", h)
		}
		return out
	}
	return kind
}

// scene is a small cluster with what an event can be about.
type scene struct {
	*Cluster
	t        *testing.T
	marathon string
	agents   []string
}

func newScene(t *testing.T) *scene {
	s := &scene{Cluster: NewCluster(Options{Now: clock()}), t: t}
	for _, a := range []string{"10.0.0.1:5051", "10.0.0.2:5051"} {
		id, err := s.AddAgent(Agent{Addr: netip.MustParseAddrPort(a), Attributes: []Label{{Key: "rack", Value: "r1"}}})
		noError(t, err)
		s.agents = append(s.agents, id)
	}
	var err error
	s.marathon, err = s.AddFramework(Framework{Name: "marathon", Capabilities: []string{"MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE"}})
	noError(t, err)
	return s
}

func (s *scene) start(name string, agent int) string {
	s.t.Helper()
	id, err := s.StartTask(Task{Name: name, FrameworkID: s.marathon, AgentID: s.agents[agent]})
	noError(s.t, err)
	return id
}

var eventSteps = []struct {
	name string
	do   func(s *scene)
	want []string
}{
	{"a task at once", func(s *scene) { s.start("web", 0) }, []string{
		"TASK_ADDED web TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING", // the state is newer than the status
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
	}},
	{"a task step by step", func(s *scene) {
		id, err := s.LaunchTask(Task{Name: "slow", FrameworkID: s.marathon, AgentID: s.agents[1]})
		noError(s.t, err)
		for _, want := range []string{TaskStarting, TaskRunning, TaskRunning} {
			state, err := s.AdvanceTask(s.marathon, id)
			noError(s.t, err)
			if state != want {
				s.t.Errorf("state %s, want %s", state, want)
			}
		}
		noError(s.t, s.SetHealth(s.marathon, id, false))
		noError(s.t, s.SetHealth(s.marathon, id, false))
		noError(s.t, s.SetHealth(s.marathon, id, true))
		noError(s.t, s.KillTask(s.marathon, id))
		noError(s.t, s.EndTask(s.marathon, id, TaskKilled))
	}, []string{
		"TASK_ADDED slow TASK_STAGING 0",
		"TASK_UPDATED TASK_STARTING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING healthy false",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING healthy false", // again at each check
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING healthy true",
		"TASK_UPDATED TASK_KILLING TASK_KILLING",
		"TASK_UPDATED TASK_KILLED TASK_KILLED",
	}},
	{"an agent that stops answering, without a word of its own", func(s *scene) {
		noError(s.t, s.MarkUnreachable(s.agents[0]))
	}, []string{"TASK_UPDATED TASK_UNREACHABLE TASK_UNREACHABLE by the master"}},
	{"and returns, its tasks first, with their statuses", func(s *scene) {
		noError(s.t, s.Reregister(s.agents[0]))
	}, []string{"TASK_ADDED web TASK_RUNNING 2", "AGENT_ADDED"}},
	{"what nobody is told of", func(s *scene) {
		noError(s.t, s.SetDeactivated(s.agents[0], true))
		noError(s.t, s.SetDeactivated(s.agents[0], false))
		noError(s.t, s.SetConnected(s.marathon, false))
	}, nil},
	{"a scheduler that is back", func(s *scene) {
		noError(s.t, s.SetConnected(s.marathon, true))
	}, []string{"FRAMEWORK_UPDATED"}},
	{"an agent that is marked gone, without a word of its own", func(s *scene) {
		noError(s.t, s.MarkGone(s.agents[0]))
	}, []string{"TASK_UPDATED TASK_GONE_BY_OPERATOR TASK_GONE_BY_OPERATOR by the master"}},
	{"an agent that unregisters", func(s *scene) {
		s.start("last", 1)
		noError(s.t, s.RemoveAgent(s.agents[1]))
	}, []string{
		"TASK_ADDED last TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_UPDATED TASK_LOST TASK_LOST by the master",
		"AGENT_REMOVED",
	}},
	{"a framework that is torn down", func(s *scene) {
		a, err := s.AddAgent(Agent{Addr: netip.MustParseAddrPort("10.0.0.3:5051")})
		noError(s.t, err)
		s.agents = append(s.agents, a)
		s.start("torn", 2)
		done := s.start("done", 2)
		noError(s.t, s.FinishTask(s.marathon, done, TaskFinished))
		noError(s.t, s.RemoveFramework(s.marathon))
	}, []string{
		"AGENT_ADDED",
		"TASK_ADDED torn TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_ADDED done TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_UPDATED TASK_FINISHED TASK_FINISHED",
		"TASK_UPDATED TASK_KILLED TASK_KILLED by the master",
		"TASK_UPDATED TASK_FINISHED TASK_KILLED by the master",
		"FRAMEWORK_REMOVED",
	}},
	{"a framework that comes", func(s *scene) {
		id, err := s.AddFramework(Framework{Name: "second", Hostname: "h", WebUI: "u", Principal: "p", Labels: []Label{{Key: "k", Value: "v"}}})
		noError(s.t, err)
		s.marathon = id
	}, []string{"FRAMEWORK_ADDED"}},
}

func TestEachChangeHasTheEventsOfMesos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
		in := p.Subscribe(t)
		if got := brief(t, in.Next(t)); got != "SUBSCRIBED" {
			t.Fatal(got)
		}
		if got := brief(t, in.Next(t)); got != "HEARTBEAT" {
			t.Fatal(got)
		}
		for _, step := range eventSteps {
			step.do(s)
			// A mark, so that what is not told is seen not to be told.
			s.Cluster.mu.Lock()
			s.publish(nil, "MARK", "mark", func(*encoder) {})
			s.Cluster.mu.Unlock()
			var got []string
			for {
				b := brief(t, in.Next(t))
				if b == "MARK" {
					break
				}
				got = append(got, b)
			}
			if fmt.Sprint(got) != fmt.Sprint(step.want) {
				t.Errorf("%s:\n got %s\nwant %s", step.name, strings.Join(got, "\n     "), strings.Join(step.want, "\n     "))
			}
		}
	})
}

// everyEvent gives the records of all the steps, and of a new leader's stream.
func everyEvent(t *testing.T) (records [][]byte) {
	t.Helper()
	s := newScene(t)
	p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
	in := p.Subscribe(t)
	records = in.Skip(t, 2)
	for _, step := range eventSteps {
		step.do(s)
		records = append(records, in.Skip(t, len(step.want))...)
	}
	return records
}

// TestReturningAgentsAnnounceFrameworksAndTasks: the first agent to return tells of a framework that the
// new leader does not know; the second is preceded by its tasks.
func TestReturningAgentsAnnounceFrameworksAndTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.start("web", 0)
		s.start("api", 1)
		p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
		old := p.Subscribe(t)
		old.Skip(t, 2)
		s.Failover()
		if _, err := old.Chunk(); err != io.EOF && err != io.ErrUnexpectedEOF {
			t.Errorf("the old leader's stream: %v", err)
		}
		in := p.Subscribe(t)
		first := in.Next(t)
		if strings.Contains(string(first), "marathon") || !strings.Contains(string(first), `"recovered_agents":[{"hostname":"10.0.0.`) {
			t.Errorf("the first record is %s", first)
		}
		in.Next(t)
		noError(t, s.Reregister(s.agents[0]))
		noError(t, s.SetConnected(s.marathon, true))
		noError(t, s.Reregister(s.agents[1]))
		var got []string
		for _, r := range in.Skip(t, 6) {
			got = append(got, brief(t, r))
		}
		want := []string{
			"AGENT_ADDED", "FRAMEWORK_ADDED", "TASK_ADDED web TASK_RUNNING 2",
			"FRAMEWORK_UPDATED",
			"TASK_ADDED api TASK_RUNNING 2", "AGENT_ADDED",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	})
}
