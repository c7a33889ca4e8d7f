package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

func TestEvents(t *testing.T) {
	known := task("F0", "t1", "web")
	known.Addresses.NetInfo = []netip.Addr{netip.MustParseAddr("192.168.0.1")}
	with := func(change func(*Task)) *Task {
		c := *known
		change(&c)
		return &c
	}
	t1 := key("F0", "t1")
	starting := with(func(t *Task) { t.Key, t.State = key("F0", "t7"), Starting })
	tests := []struct {
		what  string
		e     Event
		want  Delta
		after *Task // t1 of F0, nil when it is gone
	}{
		{"nothing", Event{}, Delta{}, known},
		{"a task that is known", Event{Task: with(func(*Task) {})}, Delta{}, known},
		{"a task that changed", Event{Task: with(func(t *Task) { t.Name = "x" })}, Delta{Tasks: []TaskKey{t1}}, with(func(t *Task) { t.Name = "x" })},
		{"a task on what is not known", Event{Task: &Task{Key: key("F9", "t9"), AgentID: "S9"}}, Delta{Tasks: []TaskKey{key("F9", "t9")}}, known},
		{"a task that is over", Event{Task: with(func(t *Task) { t.State = "TASK_FINISHED" })}, Delta{Tasks: []TaskKey{t1}}, nil},
		{"a task that is gone", Event{TaskGone: &t1}, Delta{Tasks: []TaskKey{t1}}, nil},
		{"a task that was never there is gone", Event{TaskGone: &TaskKey{"F0", "t9"}}, Delta{}, known},

		{"health alone keeps the addresses", Event{Status: &Status{Task: t1, AgentID: "S0", State: Running, Health: Unhealthy}},
			Delta{Tasks: []TaskKey{t1}}, with(func(t *Task) { t.Health = Unhealthy })},
		{"the same again", Event{Status: &Status{Task: t1, State: Running}}, Delta{}, known},
		{"other addresses", Event{Status: &Status{Task: t1, State: Running, Addresses: Addresses{Docker: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}},
			Delta{Tasks: []TaskKey{t1}}, with(func(t *Task) { t.Addresses = Addresses{Docker: []netip.Addr{netip.MustParseAddr("10.0.0.1")}} })},
		{"it runs, and that is all that is known of it", Event{Status: &Status{Task: key("F0", "t7"), State: Running}}, Delta{Tasks: []TaskKey{key("F0", "t7")}}, known},
		{"it is being killed", Event{Status: &Status{Task: t1, State: "TASK_KILLING"}}, Delta{Tasks: []TaskKey{t1}}, with(func(t *Task) { t.State = "TASK_KILLING" })},
		{"its agent is away", Event{Status: &Status{Task: t1, State: "TASK_UNREACHABLE"}}, Delta{Tasks: []TaskKey{t1}}, nil},
		{"of a task of that id elsewhere", Event{Status: &Status{Task: t1, AgentID: "S1", State: "TASK_LOST"}}, Delta{}, known},
		{"of a task that is not known", Event{Status: &Status{Task: key("F0", "t9"), State: Running}}, Delta{}, known},
		{"of a task of that id in another framework", Event{Status: &Status{Task: key("F1", "t1"), State: "TASK_LOST"}}, Delta{Tasks: []TaskKey{key("F1", "t1")}}, known},

		{"an agent that is known", Event{Agent: &Agent{ID: "S0", Hostname: "a0"}}, Delta{}, known},
		{"an agent came", Event{Agent: &Agent{ID: "S9"}}, Delta{Agents: []string{"S9"}}, known},
		{"an agent without tasks went", Event{AgentGone: "S1"}, Delta{Agents: []string{"S1"}}, known},
		{"an agent that was never there went", Event{AgentGone: "S9"}, Delta{}, known},
		{"a framework changed", Event{Framework: &Framework{ID: "F0", Name: "m2"}}, Delta{Frameworks: []string{"F0"}}, known},
		{"a framework went, and its task", Event{FrameworkGone: "F1"}, Delta{Tasks: []TaskKey{key("F1", "t1")}, Frameworks: []string{"F1"}}, known},
		{"another leader", Event{Masters: &Masters{Leader: Master{Host: "10.0.0.2", Port: 5050}, All: base().Masters}}, Delta{Masters: true}, known},
		{"the same leader", Event{Masters: &Masters{Leader: base().Leader, All: base().Masters}}, Delta{}, known},
	}
	for _, tt := range tests {
		s := base()
		s.Tasks[0] = known
		s.Tasks = append(s.Tasks, starting)
		c := clusterOf(s)
		if got := c.Apply(tt.e); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: delta %+v, want %+v", tt.what, got, tt.want)
		}
		if got := c.Task(t1); (got == nil) != (tt.after == nil) || got != nil && !got.Equal(tt.after) {
			t.Errorf("%s: the task is %+v, want %+v", tt.what, got, tt.after)
		}
		if got := c.Task(starting.Key); got == nil || got.Addresses.Empty() != (got.State == Running) {
			t.Errorf("%s: got the starting task %+v, want addresses only while it is starting", tt.what, got)
		}
	}
}

// An agent that went takes along its tasks, and also those that came before
// anything was known of it.
func TestAnAgentTakesItsTasksAlong(t *testing.T) {
	c := NewCluster()
	for i := range 3 {
		c.Apply(Event{Task: task("F0", fmt.Sprint(i), "web")})
	}
	c.Apply(Event{Task: &Task{Key: key("F0", "other"), AgentID: "S1"}})
	if d := c.Apply(Event{AgentGone: "S0"}); len(d.Tasks) != 3 || len(d.Agents) != 0 {
		t.Errorf("got delta %+v, want 3 tasks and no agent", d)
	}
	if n, _, _ := c.Counts(); n != 1 {
		t.Errorf("got %d tasks left, want 1", n)
	}
}

func TestJoinedDeltas(t *testing.T) {
	var d Delta
	d.Join(Delta{Tasks: []TaskKey{key("F", "1"), key("F", "2")}})
	d.Join(Delta{Tasks: []TaskKey{key("F", "2"), key("F", "1"), key("F", "3")}, Agents: []string{"S"}})
	d.Join(Delta{Agents: []string{"S"}, Frameworks: []string{"F"}, Masters: true})
	d.Join(Delta{})
	d.Compact()
	want := Delta{Tasks: []TaskKey{key("F", "1"), key("F", "2"), key("F", "3")}, Agents: []string{"S"}, Frameworks: []string{"F"}, Masters: true}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("%+v, want %+v", d, want)
	}
}

// After any history of events a cluster is what a plain model of it is, its
// deltas name exactly what differs, and its indexes find all tasks.
func TestEventsAgainstAModel(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, model := NewCluster(), NewCluster() // of the model only the maps are used
		for step := range 300 {
			var s *FullState
			var e Event
			if r.IntN(14) == 0 {
				s = randomFullState(r)
			} else {
				e = randomEvent(r)
			}
			before := &Cluster{tasks: maps.Clone(model.tasks), agents: maps.Clone(model.agents), frameworks: maps.Clone(model.frameworks)}
			var d Delta
			if s != nil {
				model.replaceBy(s)
				d = c.Reconcile(s, nil)
			} else {
				model.plainly(e)
				d = c.Apply(e)
			}
			sameCluster(t, c, model)
			sameKeys(t, "tasks", d.Tasks, differing(before.tasks, model.tasks))
			sameKeys(t, "agents", d.Agents, differing(before.agents, model.agents))
			sameKeys(t, "frameworks", d.Frameworks, differing(before.frameworks, model.frameworks))
			for i := range 4 {
				id := fmt.Sprint(i)
				on := slices.DeleteFunc(slices.SortedFunc(maps.Values(model.tasks), byKey), func(t *Task) bool { return t.AgentID != id })
				of := slices.DeleteFunc(slices.SortedFunc(maps.Values(model.tasks), byKey), func(t *Task) bool { return t.Key.Framework != id })
				if got := slices.SortedFunc(c.TasksOn(id), byKey); !slices.EqualFunc(got, on, (*Task).Equal) {
					t.Errorf("on agent %s: %v, want %v", id, got, on)
				}
				if got := slices.SortedFunc(c.TasksOf(id), byKey); !slices.EqualFunc(got, of, (*Task).Equal) {
					t.Errorf("of framework %s: %v, want %v", id, got, of)
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d: %+v", seed, step, e)
			}
		}
	}
}

// replaceBy makes the model what a full state says.
func (c *Cluster) replaceBy(s *FullState) {
	clear(c.tasks)
	clear(c.agents)
	clear(c.frameworks)
	for _, t := range s.Tasks {
		c.tasks[t.Key] = t
	}
	for _, a := range s.Agents {
		c.agents[a.ID] = a
	}
	for _, f := range s.Frameworks {
		c.frameworks[f.ID] = f
	}
	c.leader, c.masters = s.Leader, s.Masters
	maps.DeleteFunc(c.tasks, func(_ TaskKey, t *Task) bool { return t.Ended() })
}

// plainly applies an event as its documentation says, whatever it costs.
func (c *Cluster) plainly(e Event) {
	drop := func(out func(*Task) bool) {
		maps.DeleteFunc(c.tasks, func(_ TaskKey, t *Task) bool { return out(t) })
	}
	switch {
	case e.Task != nil:
		c.tasks[e.Task.Key] = e.Task
	case e.Status != nil:
		if known := c.tasks[e.Status.Task]; known != nil {
			t := *known
			t.State, t.Health = e.Status.State, e.Status.Health
			if !e.Status.Addresses.Empty() {
				t.Addresses = e.Status.Addresses
			}
			c.tasks[t.Key] = &t
		}
	case e.TaskGone != nil:
		drop(func(t *Task) bool { return t.Key == *e.TaskGone })
	case e.Agent != nil:
		c.agents[e.Agent.ID] = e.Agent
	case e.AgentGone != "":
		drop(func(t *Task) bool { return t.AgentID == e.AgentGone })
		delete(c.agents, e.AgentGone)
	case e.Framework != nil:
		c.frameworks[e.Framework.ID] = e.Framework
	case e.FrameworkGone != "":
		drop(func(t *Task) bool { return t.Key.Framework == e.FrameworkGone })
		delete(c.frameworks, e.FrameworkGone)
	case e.Masters != nil:
		c.leader, c.masters = e.Masters.Leader, e.Masters.All
	}
	drop((*Task).Ended)
}

func randomEvent(r *rand.Rand) Event {
	id := func() string { return fmt.Sprint(r.IntN(4)) }
	k := key(id(), fmt.Sprint(r.IntN(6)))
	state := []string{Running, Running, "TASK_STAGING", "TASK_KILLED"}[r.IntN(4)]
	addrs := Addresses{}
	if r.IntN(2) == 0 {
		addrs.NetInfo = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(3))})}
	}
	switch 1 + r.IntN(13) {
	case 1:
		return Event{TaskGone: &k}
	case 2:
		return Event{Agent: &Agent{ID: id(), Hostname: id()}}
	case 3:
		return Event{AgentGone: id()}
	case 4:
		return Event{Framework: &Framework{ID: id(), Name: id()}}
	case 5:
		return Event{FrameworkGone: id()}
	case 6:
		return Event{Masters: &Masters{Leader: Master{Host: id()}}}
	case 7, 8, 9:
		return Event{Status: &Status{Task: k, State: state, Health: Health(r.IntN(3)), Addresses: addrs}}
	}
	return Event{Task: &Task{Key: k, Name: id(), AgentID: id(), State: state, Addresses: addrs}}
}
