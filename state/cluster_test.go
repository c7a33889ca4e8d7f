package state

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

func task(framework, id, name string) *Task {
	return &Task{Key: TaskKey{framework, id}, Name: name, AgentID: "S0", State: Running}
}

func key(framework, id string) TaskKey { return TaskKey{framework, id} }

// base is what the cluster of the table below knows before each change.
func base() *FullState {
	return &FullState{
		Leader:     Master{Host: "10.0.0.1", Port: 5050},
		Masters:    []Master{{Host: "10.0.0.1", Port: 5050}, {Host: "10.0.0.2", Port: 5050}},
		Agents:     []*Agent{{ID: "S0", Hostname: "a0"}, {ID: "S1", Hostname: "a1"}},
		Frameworks: []*Framework{{ID: "F0", Name: "marathon"}, {ID: "F1", Name: "chronos"}},
		Tasks:      []*Task{task("F0", "t1", "web"), task("F0", "t2", "db"), task("F1", "t1", "job")},
	}
}

func TestDelta(t *testing.T) {
	tests := []struct {
		what   string
		change func(s *FullState)
		want   Delta
	}{
		{"the same again", func(*FullState) {}, Delta{}},
		{"another order", func(s *FullState) {
			slices.Reverse(s.Tasks)
			slices.Reverse(s.Agents)
			slices.Reverse(s.Frameworks)
		}, Delta{}},
		{"a task changed", func(s *FullState) { s.Tasks[1].State = "TASK_FAILED" }, Delta{Tasks: []TaskKey{key("F0", "t2")}}},
		{"a task came", func(s *FullState) { s.Tasks = append(s.Tasks, task("F1", "t2", "job")) }, Delta{Tasks: []TaskKey{key("F1", "t2")}}},
		{"a task went", func(s *FullState) { s.Tasks = s.Tasks[1:] }, Delta{Tasks: []TaskKey{key("F0", "t1")}}},
		{"a task of the same id in another framework", func(s *FullState) { s.Tasks[2].Name = "nightly" }, Delta{Tasks: []TaskKey{key("F1", "t1")}}},
		{"an agent changed", func(s *FullState) { s.Agents[1].Addrs = []netip.Addr{netip.MustParseAddr("10.0.0.9")} }, Delta{Agents: []string{"S1"}}},
		{"an agent came", func(s *FullState) { s.Agents = append(s.Agents, &Agent{ID: "S2"}) }, Delta{Agents: []string{"S2"}}},
		{"an agent went", func(s *FullState) { s.Agents = s.Agents[:1] }, Delta{Agents: []string{"S1"}}},
		{"a framework changed", func(s *FullState) { s.Frameworks[0].Name = "m2" }, Delta{Frameworks: []string{"F0"}}},
		{"a framework came", func(s *FullState) { s.Frameworks = append(s.Frameworks, &Framework{ID: "F2"}) }, Delta{Frameworks: []string{"F2"}}},
		{"a framework went", func(s *FullState) { s.Frameworks = s.Frameworks[1:] }, Delta{Frameworks: []string{"F0"}}},
		{"another leader", func(s *FullState) { s.Leader = s.Masters[1] }, Delta{Masters: true}},
		{"the leader at another address", func(s *FullState) { s.Leader.Addrs = []netip.Addr{netip.MustParseAddr("10.0.0.9")} }, Delta{Masters: true}},
		{"a master came", func(s *FullState) { s.Masters = append(s.Masters, Master{Host: "10.0.0.3", Port: 5050}) }, Delta{Masters: true}},
		{"a master went", func(s *FullState) { s.Masters = s.Masters[:1] }, Delta{Masters: true}},
		{"masters in another order, by which they are numbered", func(s *FullState) { slices.Reverse(s.Masters) }, Delta{Masters: true}},
		{"tasks in the order of the snapshot", func(s *FullState) {
			s.Tasks = []*Task{task("F1", "t9", "new"), task("F0", "t2", "db2"), task("F1", "t1", "job"), task("F0", "t1", "web2"), task("F0", "t0", "new")}
		}, Delta{Tasks: []TaskKey{key("F1", "t9"), key("F0", "t2"), key("F0", "t1"), key("F0", "t0")}}},
		{"a doubled task: the later counts", func(s *FullState) {
			s.Tasks = append(s.Tasks, task("F0", "t1", "web3"))
		}, Delta{Tasks: []TaskKey{key("F0", "t1")}}},
		{"a doubled task: the later is the one known", func(s *FullState) {
			s.Tasks = append([]*Task{task("F0", "t1", "other")}, s.Tasks...)
		}, Delta{}},
		{"a new task, doubled", func(s *FullState) {
			s.Tasks = append(s.Tasks, task("F1", "t2", "job"), task("F1", "t2", "job"))
		}, Delta{Tasks: []TaskKey{key("F1", "t2")}}},
		{"a doubled agent: the later counts", func(s *FullState) {
			s.Agents = append(s.Agents, &Agent{ID: "S0", Hostname: "again"})
		}, Delta{Agents: []string{"S0"}}},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			c := clusterOf(base())
			s := base()
			tt.change(s)
			got := c.Reconcile(s, nil)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("delta %+v, want %+v", got, tt.want)
			}
			if got.Empty() != reflect.DeepEqual(tt.want, Delta{}) {
				t.Errorf("Empty of %+v: got %t, want %t", got, got.Empty(), !got.Empty())
			}
			sameCluster(t, c, clusterOf(s))
		})
	}
}

func TestFirstFullStateChangesEverything(t *testing.T) {
	c := NewCluster()
	if tasks, agents, frameworks := c.Counts(); tasks+agents+frameworks != 0 {
		t.Errorf("a new cluster: got %d tasks, %d agents, %d frameworks, want none", tasks, agents, frameworks)
	}
	want := Delta{
		Tasks:      []TaskKey{key("F0", "t1"), key("F0", "t2"), key("F1", "t1")},
		Agents:     []string{"S0", "S1"},
		Frameworks: []string{"F0", "F1"},
		Masters:    true,
	}
	if got := c.Reconcile(base(), nil); !reflect.DeepEqual(got, want) {
		t.Errorf("delta %+v, want %+v", got, want)
	}
	if tasks, agents, frameworks := c.Counts(); tasks != 3 || agents != 2 || frameworks != 2 {
		t.Errorf("got %d tasks, %d agents, %d frameworks, want 3, 2, 2", tasks, agents, frameworks)
	}
	if l := c.Leader(); !l.Equal(Master{Host: "10.0.0.1", Port: 5050}) {
		t.Errorf("got leader %+v, want 10.0.0.1:5050", l)
	}
	if n := len(c.Masters()); n != 2 {
		t.Errorf("got %d masters, want 2", n)
	}
}

func TestEventWithoutAnythingChangesNothing(t *testing.T) {
	c := clusterOf(base())
	if d := c.Apply(Event{}); !d.Empty() {
		t.Errorf("got delta %+v, want the change of everything that was there", d)
	}
	sameCluster(t, c, clusterOf(base()))
}

func TestEmptyFullStateEmptiesTheCluster(t *testing.T) {
	c := clusterOf(base())
	d := c.Reconcile(&FullState{}, nil)
	if len(d.Tasks) != 3 || len(d.Agents) != 2 || len(d.Frameworks) != 2 || !d.Masters {
		t.Errorf("got delta %+v, want the change of everything that was there", d)
	}
	sameCluster(t, c, NewCluster())
}

// Those who keep a pointer need not
// compare what it points to.
func TestUnchangedValuesKeepTheirPointers(t *testing.T) {
	first, second := base(), base()
	second.Tasks[1].Name = "db2"
	c := clusterOf(first)
	c.Reconcile(second, nil)
	if got := c.Task(key("F0", "t1")); got != first.Tasks[0] {
		t.Error("a task that did not change: got another pointer, want the same")
	}
	if got := c.Task(key("F0", "t2")); got != second.Tasks[1] {
		t.Error("a task that changed: got the old pointer, want the new one")
	}
	if c.Agent("S0") != first.Agents[0] || c.Framework("F1") != first.Frameworks[1] {
		t.Error("an agent or a framework that did not change: got another pointer, want the same")
	}
	if first.Tasks[1].Name != "db" {
		t.Error("a value that was handed over: got it changed, want it as it was")
	}
}

func TestUnknownKeysAreNil(t *testing.T) {
	c := clusterOf(base())
	if c.Task(key("F1", "t2")) != nil || c.Agent("S9") != nil || c.Framework("F9") != nil {
		t.Error("unknown keys: got a value, want nil")
	}
}
