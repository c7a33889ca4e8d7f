package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is a cluster as it is, what its leading master knows of it, and the
// replica of a server that follows the master.
type world struct {
	*rand.Rand
	now    time.Time
	tasks  map[TaskKey]*Task // what runs
	agents map[string]bool   // whether the master has it; the others are recovered

	leader  int
	elected time.Time
	replica *Replica
}

const reregisterTimeout = 10 * time.Minute

func newReplica() *Replica {
	r := NewReplica()
	r.ReregisterTimeout = reregisterTimeout
	return r
}

// reconcile takes in a full state without a journal.
func (r *Replica) reconcile(now time.Time, s *FullState) {
	for range r.Reconcile(now, s, nil) {
	}
}

func newWorld(seed uint64) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 2)), now: time.Unix(1_700_000_000, 0), tasks: map[TaskKey]*Task{},
		agents: map[string]bool{}, replica: newReplica(),
	}
	w.elected = w.now
	for i := range 6 {
		w.agents[fmt.Sprint("S", i)] = true
	}
	for range 30 {
		w.start()
	}
	return w
}

func (w *world) agent() string { return fmt.Sprint("S", w.IntN(6)) }

func (w *world) start() *Task {
	t := &Task{
		Key:     TaskKey{Framework: fmt.Sprint("F", w.IntN(3)), ID: fmt.Sprint("t", w.Uint32())},
		AgentID: w.agent(), State: Running,
	}
	w.tasks[t.Key] = t
	return t
}

// fullState is what the master says of everything. Of the frameworks it knows
// those of the tasks that it knows.
func (w *world) fullState() *FullState {
	s := &FullState{Leadership: Leadership{ID: fmt.Sprint("m", w.leader), Elected: float64(w.elected.Unix())}, ListsRecovered: true}
	for id, there := range w.agents {
		if there {
			s.Agents = append(s.Agents, &Agent{ID: id})
		} else {
			s.Recovered = append(s.Recovered, id)
		}
	}
	frameworks := map[string]bool{}
	for _, t := range w.tasks {
		if w.agents[t.AgentID] {
			s.Tasks = append(s.Tasks, t)
			frameworks[t.Key.Framework] = true
		}
	}
	for id := range frameworks {
		s.Frameworks = append(s.Frameworks, &Framework{ID: id})
	}
	return s
}

func (w *world) poll()        { w.replica.reconcile(w.now, w.fullState()) }
func (w *world) tell(e Event) { w.replica.Apply(w.now, e, nil) }

// returns has an agent come back, with its tasks before and after it.
func (w *world) returns(id string) (missing *Task) {
	w.agents[id] = true
	var tasks []*Task
	for _, t := range w.tasks {
		if t.AgentID == id {
			tasks = append(tasks, t)
		}
	}
	before := w.IntN(len(tasks) + 1)
	for i, t := range tasks {
		if i == before {
			w.tell(Event{Agent: &Agent{ID: id}})
		}
		w.tell(Event{Framework: &Framework{ID: t.Key.Framework}})
		w.tell(Event{Task: t})
		if missing == nil {
			missing = w.missing()
		}
	}
	if before >= len(tasks) {
		w.tell(Event{Agent: &Agent{ID: id}})
	}
	return missing
}

// missing is a task that runs and that the replica lacks.
func (w *world) missing() *Task {
	for k, t := range w.tasks {
		if w.replica.Cluster().Task(k) == nil || w.replica.Cluster().Agent(t.AgentID) == nil || w.replica.Cluster().Framework(k.Framework) == nil {
			return t
		}
	}
	return nil
}

// Whatever masters come and go while agents return
// within their time, a task that goes on running stays in the replica all the
// time, and in the end the replica is what the master reports.
func TestFailoversKeepWhatRuns(t *testing.T) {
	for seed := range uint64(300) {
		w := newWorld(seed)
		w.poll()
		for step := range 60 {
			w.now = w.now.Add(time.Duration(w.IntN(20)) * time.Second)
			what := ""
			switch w.IntN(7) {
			case 0:
				what = "another master leads, and says so at once or by and by"
				w.leader++
				w.elected = w.now
				for id := range w.agents {
					w.agents[id] = false
				}
				s := w.fullState()
				if w.IntN(2) == 0 {
					s.Recovered = nil // not recovered yet
				}
				w.replica.reconcile(w.now, s)
			case 1:
				what = "a full state"
				w.poll()
			case 2:
				what = "a task starts"
				if task := w.start(); w.agents[task.AgentID] {
					w.tell(Event{Framework: &Framework{ID: task.Key.Framework}})
					w.tell(Event{Task: task})
				} else {
					delete(w.tasks, task.Key)
				}
			case 3:
				what = "a task ends, whether the master hears of it or not"
				for k, task := range w.tasks {
					delete(w.tasks, k)
					if w.agents[task.AgentID] {
						w.tell(Event{Status: &Status{Task: k, State: "TASK_FINISHED"}})
					}
					break
				}
			default:
				if id := w.agent(); !w.agents[id] {
					what = "agent " + id + " comes back"
					if missing := w.returns(id); missing != nil {
						t.Fatalf("seed %d, step %d, while %s: got no %v, want it, since it runs", seed, step, what, missing.Key)
					}
				}
			}
			w.replica.Expire(w.now)
			if missing := w.missing(); missing != nil {
				t.Fatalf("seed %d, step %d, %s: got no %v, want it, since it runs", seed, step, what, missing.Key)
			}
		}
		for id, there := range w.agents {
			if !there {
				w.returns(id)
			}
		}
		w.now = w.now.Add(reregisterTimeout)
		w.replica.Expire(w.now)
		w.poll()
		want := slices.Sorted(maps.Keys(w.reportedNames()))
		if got := slices.Sorted(maps.Keys(namesOf(w.replica.Cluster()))); !slices.Equal(got, want) {
			t.Fatalf("seed %d: in the end %v, want %v", seed, got, want)
		}
		w.replica.Expire(w.now.Add(reregisterTimeout))
		if w.replica.Retained() != 0 || w.replica.Unconfirmed() || !w.replica.NextExpiry().IsZero() {
			t.Fatalf("seed %d: got tracker %+v, want that it waits for nothing", seed, w.replica.failover)
		}
	}
}

func (w *world) reportedNames() map[string]bool { return namesOf(clusterOf(w.fullState())) }

func namesOf(c *Cluster) map[string]bool {
	m := map[string]bool{}
	for t := range c.Tasks() {
		m["task "+t.Key.Framework+"/"+t.Key.ID] = true
	}
	for a := range c.Agents() {
		m["agent "+a.ID] = true
	}
	for f := range c.Frameworks() {
		m["framework "+f.ID] = true
	}
	return m
}

func TestStableLeaderIsBelievedInWhatItLeavesOut(t *testing.T) {
	for seed := range uint64(100) {
		w := newWorld(seed)
		w.poll()
		for range 20 {
			w.now = w.now.Add(time.Second)
			delete(w.agents, w.agent())
			for k, task := range w.tasks {
				if _, ok := w.agents[task.AgentID]; !ok || w.IntN(10) == 0 {
					delete(w.tasks, k)
				}
			}
			w.poll()
			if got, want := namesOf(w.replica.Cluster()), w.reportedNames(); !maps.Equal(got, want) {
				t.Fatalf("seed %d: %v, want %v", seed, got, want)
			}
		}
	}
}

// How many agents stay when masters tell little of
// who they are.
func TestFailoverOfOddIdentities(t *testing.T) {
	agents := func(n int) *FullState {
		s := &FullState{}
		for i := range n {
			s.Agents = append(s.Agents, &Agent{ID: fmt.Sprint("S", i)})
		}
		return s
	}
	type step struct {
		leader Leadership
		agents int
		want   int // agents in the replica
	}
	a, b := Leadership{ID: "a", PID: "10.0.0.1:5050", Elected: 1e9}, Leadership{ID: "b", PID: "10.0.0.1:5050", Elected: 1e9 + 60}
	unknown := Leadership{}
	for _, tt := range []struct {
		what  string
		steps []step
	}{
		{"the same master", []step{{a, 4, 4}, {a, 2, 2}}},
		{"another one", []step{{a, 4, 4}, {b, 2, 4}, {b, 1, 3}}},
		{"nothing is said, and then that it is the same", []step{{a, 4, 4}, {unknown, 2, 4}, {a, 2, 2}}},
		{"nothing is said, and then that it is another one", []step{{a, 4, 4}, {unknown, 2, 4}, {b, 2, 4}}},
		{"without ids", []step{{Leadership{PID: "x:1", Elected: 1}, 4, 4}, {Leadership{PID: "x:1", Elected: 1}, 3, 3}, {Leadership{PID: "x:1", Elected: 2}, 1, 3}}},
		{"without anything but the pid, and empty", []step{{Leadership{PID: "x:1"}, 4, 4}, {Leadership{PID: "x:1"}, 3, 3}, {Leadership{PID: "x:1"}, 0, 3}}},
		{"nothing is ever said", []step{{unknown, 4, 4}, {unknown, 3, 4}, {unknown, 3, 4}}},
		{"another pid without ids", []step{{Leadership{PID: "x:1"}, 4, 4}, {Leadership{PID: "y:1"}, 3, 4}}},
	} {
		r := newReplica()
		now := time.Unix(1e9, 0)
		for i, s := range tt.steps {
			now = now.Add(time.Second)
			full := agents(s.agents)
			full.Leadership = s.leader
			r.reconcile(now, full)
			if _, n, _ := r.Cluster().Counts(); n != s.want {
				t.Errorf("%s: after step %d got %d agents, want %d", tt.what, i, n, s.want)
			}
		}
	}
}

// One without tasks, and one whose tasks
// come late, may register again.
func TestFrameworksAreRetainedForTheirTime(t *testing.T) {
	r := newReplica()
	now := time.Unix(1e9, 0)
	r.reconcile(now, &FullState{Frameworks: []*Framework{{ID: "F"}}, Leadership: Leadership{ID: "a"}})
	r.reconcile(now, &FullState{Leadership: Leadership{ID: "b"}})
	if r.Cluster().Framework("F") == nil {
		t.Error("after the failover: got no framework, want it retained")
	}
	r.Expire(now.Add(reregisterTimeout))
	if r.Cluster().Framework("F") != nil {
		t.Error("after its time: got the framework, want it gone")
	}
}

// An agent that registered again is unconfirmed
// until all of its tasks have been reported, or a full state made after that
// shows which are over, or its time has passed.
func TestReturnedAgentIsConfirmed(t *testing.T) {
	task := func(id string) *Task {
		return &Task{Key: TaskKey{Framework: "F", ID: id}, AgentID: "S", State: Running}
	}
	agent := &Agent{ID: "S"}
	known := func(leader string, tasks ...*Task) *FullState {
		return &FullState{Agents: []*Agent{agent}, Frameworks: []*Framework{{ID: "F"}}, Tasks: tasks, Leadership: Leadership{ID: leader}}
	}
	now := time.Unix(1e9, 0)
	returned := func() *Replica {
		r := newReplica()
		r.reconcile(now, known("a", task("1"), task("2")))
		r.reconcile(now, &FullState{Recovered: []string{"S"}, Leadership: Leadership{ID: "b"}})
		r.Apply(now, Event{Task: task("1")}, nil)
		r.Apply(now, Event{Agent: agent}, nil)
		return r
	}
	check := func(what string, r *Replica, tasks int, unconfirmed bool) {
		t.Helper()
		if n, agents, _ := r.Cluster().Counts(); n != tasks || agents != 1 || r.Unconfirmed() != unconfirmed {
			t.Errorf("%s: got %d tasks on %d agents, unconfirmed %t; want %d, 1, %t", what, n, agents, r.Unconfirmed(), tasks, unconfirmed)
		}
	}
	r := returned()
	check("one of two tasks reported", r, 2, true)
	r.Apply(now, Event{Status: &Status{Task: task("2").Key, State: Running}}, nil)
	check("both reported", r, 2, false)

	r = returned()
	j := NewJournal()
	r.Apply(now, Event{Agent: agent}, j)
	for range r.Reconcile(now, &FullState{Frameworks: []*Framework{{ID: "F"}}, Leadership: Leadership{ID: "b"}, Recovered: []string{"S"}}, j) {
	}
	check("a state from before the return", r, 2, true)
	r.reconcile(now, known("b", task("1")))
	check("a state from after the return", r, 1, false)

	r = returned()
	r.Expire(now.Add(reregisterTimeout))
	check("its time has passed", r, 1, false)
}

// An agent that the leader lists as recovered
// stays, however long ago that was elected; another one does not.
func TestRecoveredAgentsAreWaitedFor(t *testing.T) {
	r := newReplica()
	r.Restore(&FullState{
		Agents:     []*Agent{{ID: "listed"}, {ID: "other"}},
		Frameworks: []*Framework{{ID: "F"}},
		Tasks:      []*Task{{Key: TaskKey{Framework: "F", ID: "t"}, AgentID: "listed", State: Running}},
	})
	now := time.Unix(1e9, 0)
	s := func() *FullState {
		return &FullState{Recovered: []string{"listed"}, Leadership: Leadership{ID: "a", Elected: 1e9 - 86400}, LeaderAge: 24 * time.Hour}
	}
	for range 3 {
		r.reconcile(now, s())
		now = now.Add(reregisterTimeout / 4)
	}
	c := r.Cluster()
	if c.Agent("listed") == nil || c.Agent("other") != nil || c.Task(TaskKey{Framework: "F", ID: "t"}) == nil || c.Framework("F") == nil {
		t.Errorf("got %v, want the agent that is listed and what runs on it", namesOf(c))
	}
	r.reconcile(now.Add(reregisterTimeout/4), s())
	if tasks, agents, _ := c.Counts(); tasks+agents != 0 {
		t.Errorf("after its time: got %v, want nothing", namesOf(c))
	}
}

// What it leaves out goes in the end.
func TestLeaderThatNeverSaysWhoItIs(t *testing.T) {
	r := newReplica()
	now := time.Unix(1e9, 0)
	state := func(ids ...string) *FullState {
		s := &FullState{}
		for _, id := range ids {
			s.Agents = append(s.Agents, &Agent{ID: id})
			s.Frameworks = append(s.Frameworks, &Framework{ID: "F" + id})
		}
		return s
	}
	r.reconcile(now, state("a", "b"))
	for range 12 {
		now = now.Add(reregisterTimeout / 10)
		r.reconcile(now, state("a"))
	}
	if got, want := namesOf(r.Cluster()), map[string]bool{"agent a": true, "framework Fa": true}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// agentsOf is a state with agents that are registered, and others that are
// recovered.
func agentsOf(leader string, registered []string, recovered ...string) *FullState {
	s := &FullState{Leadership: Leadership{ID: leader}, Recovered: recovered, ListsRecovered: true}
	for _, id := range registered {
		s.Agents = append(s.Agents, &Agent{ID: id})
	}
	return s
}

func wantAgents(t *testing.T, what string, r *Replica, want ...string) {
	t.Helper()
	got := []string{}
	for a := range r.Cluster().Agents() {
		got = append(got, a.ID)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%s: got agents %v, want %v", what, got, want)
	}
}

// A new leader lists the agents that it waits for as recovered. An agent that is
// neither registered nor recovered was removed earlier, without an event.
func TestAgentGoneBeforeAFailoverGoes(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := newReplica()
	r.reconcile(now, agentsOf("a", []string{"S0", "S1", "S2"}))
	r.reconcile(now, agentsOf("b", nil))
	wantAgents(t, "the new leader has not recovered", r, "S0", "S1", "S2")
	r.reconcile(now, agentsOf("b", nil, "S0", "S1"))
	wantAgents(t, "it lists two as recovered", r, "S0", "S1")
	r.reconcile(now, agentsOf("b", []string{"S0"}))
	wantAgents(t, "it has given up one of them", r, "S0")
}

// A leader that knows less than half of the
// agents has lost its registry; they register again in their time.
func TestLostRegistryTakesNothingAway(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := newReplica()
	r.reconcile(now, agentsOf("a", []string{"S0", "S1", "S2", "S3", "S4"}))
	r.reconcile(now, agentsOf("b", []string{"S0"}, "S1"))
	wantAgents(t, "a new leader knows two of five", r, "S0", "S1", "S2", "S3", "S4")
	r.reconcile(now, agentsOf("b", []string{"S0", "S1", "S2", "S3"}))
	wantAgents(t, "four have registered", r, "S0", "S1", "S2", "S3", "S4")
	r.Expire(now.Add(reregisterTimeout))
	wantAgents(t, "after its time", r, "S0", "S1", "S2", "S3")
}

// This is about agents that no leader lists.
func TestLaterFailoversDoNotProlongTheWait(t *testing.T) {
	for _, listed := range []bool{false, true} {
		start := time.Unix(1e9, 0)
		r := newReplica()
		r.reconcile(start, agentsOf("a", []string{"S0", "S1", "S2"}))
		for i := range 4 {
			s := agentsOf(fmt.Sprint("b", i), []string{"S0"})
			if s.ListsRecovered = listed; listed {
				s.Recovered = []string{"S1", "S2"}
			}
			now := start.Add(time.Duration(i) * reregisterTimeout / 4)
			r.reconcile(now, s)
			r.Expire(now)
		}
		r.Expire(start.Add(reregisterTimeout))
		if listed { // each leader waits for them again
			wantAgents(t, "listed by each leader", r, "S0", "S1", "S2")
		} else {
			wantAgents(t, "listed by none", r, "S0")
		}
	}
}

// A leader that has led for longer than agents
// may take to register has given up those that it lacks, whatever its registry
// holds. Its own clock tells, since this server's may be wrong.
func TestLeaderOfOldWaitsNoLonger(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, tt := range []struct {
		elected float64
		age     time.Duration
		want    []string
	}{
		{1e9 - 86400, 0, []string{"S0", "S1", "S2"}}, // this server's clock is ahead, for all it knows
		{1e9 + 86400, 24 * time.Hour, []string{"S2"}},
		{1e9 - 86400, time.Minute, []string{"S0", "S1", "S2"}},
	} {
		r := newReplica()
		r.Restore(agentsOf("", []string{"S0", "S1"}))
		s := agentsOf("b", []string{"S2"})
		s.Leadership.Elected, s.LeaderAge = tt.elected, tt.age
		r.reconcile(now, s)
		wantAgents(t, fmt.Sprintf("elected at %.0f, age %v", tt.elected, tt.age), r, tt.want...)
	}
}

// BenchmarkLostAgents: the cost of giving up all agents after a failover grows
// with what runs on them and not with its square.
func BenchmarkLostAgents(b *testing.B) {
	for _, agents := range []int{1000, 2000, 4000} {
		b.Run(fmt.Sprint(agents), func(b *testing.B) {
			now := time.Unix(1e9, 0)
			s := &FullState{Leadership: Leadership{ID: "a"}}
			for i := range agents {
				id := fmt.Sprint("S", i)
				s.Agents = append(s.Agents, &Agent{ID: id})
				s.Frameworks = append(s.Frameworks, &Framework{ID: id})
				for j := range 10 {
					s.Tasks = append(s.Tasks, &Task{Key: TaskKey{Framework: id, ID: fmt.Sprint(j)}, AgentID: id, State: Running})
				}
			}
			for b.Loop() {
				b.StopTimer()
				r := newReplica()
				r.reconcile(now, s)
				r.reconcile(now, &FullState{Leadership: Leadership{ID: "b"}})
				b.StartTimer()
				if got := r.Expire(now.Add(reregisterTimeout)); got != agents {
					b.Fatalf("got %d agents given up, want %d", got, agents)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(agents), "ns/agent")
		})
	}
}
