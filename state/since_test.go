package state

import "testing"

// A health check that is repeated, or a poll that shows only the newest status,
// must not make a task younger than it is.
func TestSinceIsWhenTheStateBegan(t *testing.T) {
	c := NewCluster()
	key := TaskKey{Framework: "f", ID: "t"}
	put := func(state string, since uint32) Delta {
		return c.Apply(Event{Task: &Task{Key: key, State: state, Since: since}})
	}
	status := func(state string, h Health, since uint32) Delta {
		return c.Apply(Event{Status: &Status{Task: key, State: state, Health: h, Since: since}})
	}
	check := func(what string, want uint32) {
		t.Helper()
		if got := c.Task(key).Since; got != want {
			t.Errorf("%s: got %d, want %d", what, got, want)
		}
	}
	put(Starting, 90)
	status(Running, HealthUnknown, 100)
	check("the task runs", 100)
	status(Running, Healthy, 110)
	check("it is healthy", 100)
	if d := status(Running, Healthy, 120); !d.Empty() {
		t.Errorf("a repeated status: got %+v, want no change", d)
	}
	if d := put(Running, 130); c.Task(key).Health != HealthUnknown || len(d.Tasks) != 1 {
		t.Errorf("a full task: got %+v, want its health", d)
	}
	check("a state with the newest status", 100)
	put(Running, 0)
	check("a state without timestamps", 100)
	put(Running, 95)
	check("an earlier status", 95)
	status("TASK_KILLING", HealthUnknown, 140)
	check("it is being killed", 140)
}
