package master

import (
	"fmt"
	"testing"
	"time"

	"toponym/state"
)

func TestGuardOfOddIdentities(t *testing.T) {
	agents := func(n int) *state.FullState {
		s := &state.FullState{}
		for i := range n {
			s.Agents = append(s.Agents, &state.Agent{ID: fmt.Sprint("S", i)})
		}
		return s
	}
	type step struct {
		who    identity
		agents int
		want   int // agents believed in
	}
	a, b := identity{id: "a", pid: "10.0.0.1:5050", elected: 1e9}, identity{id: "b", pid: "10.0.0.1:5050", elected: 1e9 + 60}
	tests := []struct {
		what  string
		steps []step
	}{
		{"the same master", []step{{a, 4, 4}, {a, 2, 2}}},
		{"another one", []step{{a, 4, 4}, {b, 2, 4}, {b, 1, 3}}},
		{"nothing is said, and then that it is the same", []step{{a, 4, 4}, {identity{}, 2, 4}, {a, 2, 2}}},
		{"nothing is said, and then that it is another one", []step{{a, 4, 4}, {identity{}, 2, 4}, {b, 2, 4}}},
		{"without ids", []step{{identity{pid: "x:1", elected: 1}, 4, 4}, {identity{pid: "x:1", elected: 1}, 3, 3}, {identity{pid: "x:1", elected: 2}, 1, 3}}},
		{"without anything but the pid, and empty", []step{{identity{pid: "x:1"}, 4, 4}, {identity{pid: "x:1"}, 3, 3}, {identity{pid: "x:1"}, 0, 3}}},
		{"nothing is ever said", []step{{identity{}, 4, 4}, {identity{}, 3, 4}, {identity{}, 3, 4}}},
		{"another pid without ids", []step{{identity{pid: "x:1"}, 4, 4}, {identity{pid: "y:1"}, 3, 4}}},
	}
	for _, tt := range tests {
		c := state.NewCluster()
		g := newGuard(c, guardTimeout)
		now := time.Unix(1e9, 0)
		for i, s := range tt.steps {
			now = now.Add(time.Second)
			c.Apply(g.state(now, said{FullState: agents(s.agents), who: s.who}))
			if _, n, _ := c.Counts(); n != s.want {
				t.Errorf("%s: after step %d %d agents, want %d", tt.what, i, n, s.want)
			}
		}
	}
}

// A framework without tasks, and one whose tasks come late, keep their names
// while they may come back.
func TestGuardKeepsFrameworks(t *testing.T) {
	c := state.NewCluster()
	g := newGuard(c, guardTimeout)
	now := time.Unix(1e9, 0)
	c.Apply(g.state(now, said{FullState: &state.FullState{Frameworks: []*state.Framework{{ID: "F"}}}, who: identity{id: "a"}}))
	c.Apply(g.state(now, said{FullState: &state.FullState{}, who: identity{id: "b"}}))
	if c.Framework("F") == nil {
		t.Error("it is gone at once")
	}
	for _, e := range g.expire(now.Add(guardTimeout)) {
		c.Apply(e)
	}
	if c.Framework("F") != nil {
		t.Error("it is there for ever")
	}
}

// An agent that came back by an event is waited for until all of its tasks have
// been shown, or a full state made after that shows which are over.
func TestGuardSettles(t *testing.T) {
	task := func(id string) *state.Task {
		return &state.Task{Key: state.TaskKey{Framework: "F", ID: id}, AgentID: "S", State: state.Running}
	}
	agent, framework := &state.Agent{ID: "S"}, &state.Framework{ID: "F"}
	known := func(tasks ...*state.Task) *state.FullState {
		return &state.FullState{Agents: []*state.Agent{agent}, Frameworks: []*state.Framework{framework}, Tasks: tasks}
	}
	now := time.Unix(1e9, 0)
	set := func() (*guard, *state.Cluster) {
		c := state.NewCluster()
		g := newGuard(c, guardTimeout)
		c.Apply(g.state(now, said{FullState: known(task("1"), task("2")), who: identity{id: "a"}}))
		c.Apply(g.state(now, said{FullState: &state.FullState{}, recovered: []string{"S"}, who: identity{id: "b"}}))
		c.Apply(g.event(now, state.Event{Task: task("1")}))
		c.Apply(g.event(now, state.Event{Agent: agent}))
		return g, c
	}
	g, c := set()
	if n, _, _ := c.Counts(); n != 2 || !g.unsettled() {
		t.Errorf("%d tasks; unsettled %v", n, g.unsettled())
	}
	c.Apply(g.event(now, state.Event{Status: &state.Status{Task: task("2").Key, State: state.Running}}))
	if g.unsettled() {
		t.Error("all have been shown")
	}

	g, c = set()
	c.Apply(g.state(now, said{FullState: known(task("1"), task("2")), who: identity{id: "b"}, later: map[string]bool{"S": true}}))
	if !g.unsettled() {
		t.Error("a state from before the agent came back settles nothing")
	}
	c.Apply(g.state(now, said{FullState: known(task("1")), who: identity{id: "b"}}))
	if n, _, _ := c.Counts(); n != 1 || g.unsettled() {
		t.Errorf("%d tasks; unsettled %v", n, g.unsettled())
	}

	g, c = set()
	for _, e := range g.expire(now.Add(guardTimeout)) {
		c.Apply(e)
	}
	if n, agents, _ := c.Counts(); n != 1 || agents != 1 || g.unsettled() {
		t.Errorf("after its time %d tasks on %d agents", n, agents)
	}
}
