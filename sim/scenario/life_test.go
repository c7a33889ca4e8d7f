package scenario

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/testutil"
	"toponym/sim"
)

// TestLifeFollowsFromItsSeed: the seed is all that it depends on.
func TestLifeFollowsFromItsSeed(t *testing.T) {
	history := func(seed uint64) []byte {
		c := sim.NewCluster(sim.Options{Seed: 1, Now: clock()})
		schedulers, err := Populate(c, Spec{Tasks: 200, Agents: 10, Seed: 1})
		noError(t, err)
		l := NewLife(c, schedulers, LifeOptions{Seed: seed, Rate: 20})
		for i := range 2000 {
			l.Step()
			if i%50 == 0 {
				l.StepAgent()
			}
		}
		return bodyOf(t, c)
	}
	a, b, other := history(1), history(1), history(2)
	if !bytes.Equal(a, b) {
		t.Error("the same seed gives another history")
	}
	if bytes.Equal(a, other) {
		t.Error("another seed gives the same history")
	}
}

// TestEventsOfALifeTellTheCluster: the cluster keeps its size, everything that can
// happen does, and whoever follows the events knows the cluster.
func TestEventsOfALifeTellTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.NewCluster(sim.Options{Seed: 1})
		schedulers, err := Populate(c, Spec{Tasks: 400, Agents: 20})
		noError(t, err)
		f := c.Frameworks()[0].ID
		p := testutil.ServePipes(t, testAddr, sim.NewMaster(c, sim.MasterOptions{Addr: testAddr}))
		in := p.Subscribe(t)
		follower := newFollower(t, in)

		l := NewLife(c, schedulers, LifeOptions{Seed: 3, Rate: 100, AgentRate: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		noError(t, l.Run(ctx))
		if n := float64(l.Steps()); math.Abs(n-6000) > 60 {
			t.Errorf("%v steps in a minute, want 6000", n)
		}
		if n := len(c.Tasks()); n < 250 || n > 400 {
			t.Errorf("%d tasks after a minute, want 250 to 400: some are on agents that are away", n)
		}
		mark, err := c.AddFramework(sim.Framework{Name: "mark"})
		noError(t, err)
		follower.until(mark)
		if got, want := follower.tasks, shownTasks(t, p); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the events tell of %d tasks, the cluster has %d; or their states differ", len(got), len(want))
		}
		for _, kind := range []string{
			"TASK_ADDED TASK_STAGING", "TASK_ADDED TASK_RUNNING", "TASK_STARTING", "TASK_RUNNING", "healthy", "unhealthy",
			"TASK_KILLING", "TASK_KILLED", "TASK_FAILED", "TASK_FINISHED", "TASK_LOST", "TASK_UNREACHABLE", "AGENT_ADDED",
		} {
			if follower.kinds[kind] == 0 {
				t.Errorf("no %s in a minute: %v", kind, follower.kinds)
			}
		}

		// Life goes on, whatever else happens to the cluster.
		noError(t, c.RemoveFramework(f))
		c.Failover()
		l.SetRates(50, -1)
		for range 1000 {
			l.Step()
			l.StepAgent()
		}
	})
}

// TestLifeKeepsTheNumberOfTasks: what it ends it replaces.
func TestLifeKeepsTheNumberOfTasks(t *testing.T) {
	c := sim.NewCluster(sim.Options{Seed: 1})
	schedulers, err := Populate(c, Spec{Tasks: 300, Agents: 10})
	noError(t, err)
	l := NewLife(c, schedulers, LifeOptions{Seed: 5, Rate: 50})
	for range 5000 {
		l.Step()
	}
	if n := len(c.Tasks()); n < 270 || n > 300 {
		t.Errorf("%d tasks after 5000 steps, want nearly 300", n)
	}
}

// shownTasks returns the state of each task that the leader shows.
func shownTasks(t *testing.T, p *testutil.PipeListener) map[string]string {
	t.Helper()
	out := map[string]string{}
	_, _, body := p.Do(t, "POST", "/api/v1", `{"type":"GET_TASKS"}`)
	for _, v := range decode(t, []byte(body))["get_tasks"].(map[string]any)["tasks"].([]any) {
		task := v.(map[string]any)
		out[task["task_id"].(map[string]any)["value"].(string)] = task["state"].(string)
	}
	return out
}

// follower knows the tasks from the events alone.
type follower struct {
	t     *testing.T
	tasks map[string]string
	kinds map[string]int
	ready chan string
}

func newFollower(t *testing.T, in *testutil.RecordStream) *follower {
	f := &follower{t: t, tasks: map[string]string{}, kinds: map[string]int{}, ready: make(chan string)}
	id := func(v any) string { return v.(map[string]any)["value"].(string) }
	add := func(task map[string]any) { f.tasks[id(task["task_id"])] = task["state"].(string) }
	first := decode(t, in.Next(t))
	state := first["subscribed"].(map[string]any)["get_state"].(map[string]any)
	for _, v := range state["get_tasks"].(map[string]any)["tasks"].([]any) {
		add(v.(map[string]any))
	}
	go func() {
		for {
			b, err := in.Chunk()
			if err != nil || len(b) == 0 {
				return
			}
			_, message, _ := bytes.Cut(b, []byte("\n"))
			v := decode(t, message)
			kind := v["type"].(string)
			switch kind {
			case "TASK_ADDED":
				task := v["task_added"].(map[string]any)["task"].(map[string]any)
				add(task)
				kind += " " + task["state"].(string)
			case "TASK_UPDATED":
				u := v["task_updated"].(map[string]any)
				status := u["status"].(map[string]any)
				kind = u["state"].(string)
				task := id(status["task_id"])
				if f.tasks[task] == "" {
					t.Errorf("an update of the unknown task %s", task)
				}
				f.tasks[task] = kind
				if sim.Terminal(kind) || kind == sim.TaskUnreachable {
					delete(f.tasks, task)
				}
				if h, ok := status["healthy"]; ok {
					f.kinds[map[bool]string{true: "healthy", false: "unhealthy"}[h.(bool)]]++
				}
			case "FRAMEWORK_ADDED":
				info := v["framework_added"].(map[string]any)["framework"].(map[string]any)["framework_info"].(map[string]any)
				f.ready <- id(info["id"])
				return
			}
			f.kinds[kind]++
		}
	}()
	return f
}

// until waits for the framework that comes last.
func (f *follower) until(id string) {
	if got := <-f.ready; got != id {
		f.t.Errorf("framework %s came before", got)
	}
}

func TestLifeGoesOnWithoutTasks(t *testing.T) {
	l := NewLife(sim.NewCluster(sim.Options{Now: clock()}), nil, LifeOptions{Rate: 10})
	for range 10 {
		l.Step()
		l.StepAgent()
	}
	if len(l.away) != 0 || l.Steps() != 10 {
		t.Errorf("%v are away after %d steps, want nobody after 10", l.away, l.Steps())
	}
}
