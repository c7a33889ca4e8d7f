package sim

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/testutil"
)

// TestLifeDeterminism: the seed is all that it depends on.
func TestLifeDeterminism(t *testing.T) {
	history := func(seed uint64) []byte {
		c, apps := populated(t, Spec{Tasks: 200, Agents: 10, Seed: 1})
		l := NewLife(c, apps, LifeOptions{Seed: seed, Rate: 20})
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
		t.Error("the same seed lives otherwise")
	}
	if bytes.Equal(a, other) {
		t.Error("another seed lives the same")
	}
}

// TestLife: the cluster stays what it is, all that can happen does, and who
// follows the events knows the cluster.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCluster(Options{Seed: 1})
		apps, err := Populate(c, Spec{Tasks: 400, Agents: 20})
		noError(t, err)
		f := c.Frameworks()[0].ID
		p := serve(t, NewMaster(c, MasterOptions{Addr: testAddr}))
		in := p.Subscribe(t)
		follower := newFollower(t, in)

		l := NewLife(c, apps, LifeOptions{Seed: 3, Rate: 100, AgentRate: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		noError(t, l.Run(ctx))
		if n := float64(l.Steps()); math.Abs(n-6000) > 60 {
			t.Errorf("%v steps in a minute, want 6000", n)
		}
		checkHeld(t, c)
		if n := len(c.Tasks()); n < 250 || n > 400 {
			t.Errorf("%d tasks after a minute, and some on agents that are away", n)
		}
		mark, err := c.AddFramework(Framework{Name: "mark"})
		noError(t, err)
		follower.until(mark)
		if got, want := follower.tasks, seenTasks(c); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the events tell of %d tasks, the cluster has %d; or their states differ", len(got), len(want))
		}
		for _, kind := range []string{
			"TASK_ADDED TASK_STAGING", "TASK_ADDED TASK_RUNNING", "TASK_STARTING", "TASK_RUNNING", "healthy", "unhealthy",
			"TASK_KILLING", "TASK_KILLED", "TASK_FAILED", "TASK_FINISHED", "TASK_LOST", "TASK_UNREACHABLE", "AGENT_ADDED",
		} {
			if follower.kinds[kind] == 0 {
				t.Errorf("no %s in a minute", kind)
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
		checkHeld(t, c)
	})
}

// seenTasks gives the state of each task that the leader shows.
func seenTasks(c *Cluster) map[string]string {
	out := map[string]string{}
	for _, v := range c.snapshot(nil).frameworks {
		for _, t := range v.tasks {
			out[t.ID] = t.State
		}
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
				if terminal(kind) || kind == TaskUnreachable {
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

func TestNothingToLiveOn(t *testing.T) {
	l := NewLife(NewCluster(Options{Now: clock()}), nil, LifeOptions{Rate: 10})
	for range 10 {
		l.Step()
		l.StepAgent()
	}
	if !slices.Equal(l.away, nil) || l.Steps() != 10 {
		t.Errorf("%v away, %d steps", l.away, l.Steps())
	}
}
