package scenario

import (
	"bytes"
	"strings"
	"testing"

	"toponym/sim"
)

// TestPopulationIsMixed: names, ports, networks and sizes of all kinds occur.
func TestPopulationIsMixed(t *testing.T) {
	const tasks = 4000
	c := sim.NewCluster(sim.Options{Now: clock()})
	_, err := Populate(c, Spec{Tasks: tasks, Seed: 7})
	noError(t, err)
	if size := len(bodyOf(t, c)) / tasks; size < 2500 || size > 3100 {
		t.Errorf("%d bytes for each task, want about 2800", size)
	}
	frameworks, apps, counts := map[string]string{}, map[string]int{}, map[string]int{}
	for _, f := range c.Frameworks() {
		frameworks[f.ID] = f.Name
	}
	for _, task := range c.Tasks() {
		counts["of "+frameworks[task.FrameworkID]]++
		apps[task.FrameworkID+task.Name]++
		if task.State != sim.TaskRunning {
			t.Fatalf("task %s is in %s", task.ID, task.State)
		}
		if strings.Contains(task.Name, ".") {
			counts["in a group"]++
		}
		if task.ExecutorID != "" {
			counts["in a pod"]++
		}
		if len(task.Resources.Ports) > 0 {
			counts["with host ports"]++
		}
		if task.Discovery == nil {
			counts["without discovery"]++
		} else if len(task.Discovery.Ports) > 0 && task.Discovery.Ports[0].Name != "" {
			counts["with named ports"]++
		}
		last := task.Statuses[len(task.Statuses)-1]
		if len(last.Container.Networks) != 1 {
			t.Fatalf("task %s has no network", task.ID)
		}
		if len(last.Container.Networks[0].Addresses) == 2 {
			counts["dual stack"]++
		}
		if last.Healthy != nil && !*last.Healthy {
			counts["unhealthy"]++
		}
	}
	largest := 0
	for _, n := range apps {
		largest = max(largest, n)
	}
	if n := c.CountTasks(); n != tasks || len(c.Agents()) != tasks/20 || largest < 100 || largest > 300 {
		t.Errorf("%d tasks on %d agents, the largest app has %d", n, len(c.Agents()), largest)
	}
	for _, some := range []string{
		"of marathon", "of marathon.user", "of jenkins", "in a group", "in a pod", "with host ports", "without discovery", "with named ports", "dual stack", "unhealthy",
	} {
		if n := counts[some]; n == 0 || n == tasks {
			t.Errorf("%s: %d of %d tasks, want some of them", some, n, tasks)
		}
	}
}

// TestWriteStateFollowsFromItsSpec: the same bytes for the same Spec.
func TestWriteStateFollowsFromItsSpec(t *testing.T) {
	state := func(s Spec) []byte {
		var b bytes.Buffer
		noError(t, WriteState(&b, s))
		return b.Bytes()
	}
	s := Spec{Tasks: 500, Agents: 7, MaxInstances: 20, Seed: 3}
	a := state(s)
	if !bytes.Equal(a, state(s)) {
		t.Error("the same Spec gives other bytes")
	}
	s.Seed = 4
	if bytes.Equal(a, state(s)) {
		t.Error("another seed gives the same bytes")
	}
	if v := decode(t, a); v["pid"] != "master@10.0.0.10:5050" || len(v["slaves"].([]any)) != 7 {
		t.Errorf("pid %v, %d agents", v["pid"], len(v["slaves"].([]any)))
	}
	state(Spec{}) // no task at all
}
