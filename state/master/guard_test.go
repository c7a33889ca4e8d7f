package master

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"toponym/state"
)

// world is a cluster as it is, and as its leading master knows it.
type world struct {
	*rand.Rand
	now    time.Time
	tasks  map[state.TaskKey]*state.Task // what runs
	agents map[string]bool               // whether the master has it; the others are recovered

	leader   int
	elected  time.Time
	guard    *guard
	believed *state.Cluster
}

const guardTimeout = 10 * time.Minute

func newWorld(seed uint64) *world {
	c := state.NewCluster()
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 2)), now: time.Unix(1_700_000_000, 0), tasks: map[state.TaskKey]*state.Task{},
		agents: map[string]bool{}, guard: newGuard(c, guardTimeout), believed: c,
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

func (w *world) start() *state.Task {
	t := &state.Task{
		Key:     state.TaskKey{Framework: fmt.Sprint("F", w.IntN(3)), ID: fmt.Sprint("t", w.Uint32())},
		AgentID: w.agent(), State: state.Running,
	}
	w.tasks[t.Key] = t
	return t
}

// said is what the master says of everything. Of the frameworks it knows those
// of the tasks that it knows.
func (w *world) said() said {
	s := said{FullState: &state.FullState{}, who: identity{id: fmt.Sprint("m", w.leader), elected: float64(w.elected.Unix())}}
	for id, there := range w.agents {
		if there {
			s.Agents = append(s.Agents, &state.Agent{ID: id})
		} else {
			s.recovered = append(s.recovered, id)
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
		s.Frameworks = append(s.Frameworks, &state.Framework{ID: id})
	}
	return s
}

func (w *world) full() { w.believed.Apply(w.guard.state(w.now, w.said())) }
func (w *world) tell(e state.Event) {
	w.believed.Apply(w.guard.event(w.now, e))
}

func (w *world) expire() {
	for _, e := range w.guard.expire(w.now) {
		w.believed.Apply(e)
	}
}

// returns has an agent come back, with its tasks before and after it.
func (w *world) returns(id string) (missing *state.Task) {
	w.agents[id] = true
	var tasks []*state.Task
	for _, t := range w.tasks {
		if t.AgentID == id {
			tasks = append(tasks, t)
		}
	}
	before := w.IntN(len(tasks) + 1)
	for i, t := range tasks {
		if i == before {
			w.tell(state.Event{Agent: &state.Agent{ID: id}})
		}
		w.tell(state.Event{Framework: &state.Framework{ID: t.Key.Framework}})
		w.tell(state.Event{Task: t})
		if missing == nil {
			missing = w.missing()
		}
	}
	if before >= len(tasks) {
		w.tell(state.Event{Agent: &state.Agent{ID: id}})
	}
	return missing
}

// missing is a task that runs and is not believed in.
func (w *world) missing() *state.Task {
	for k, t := range w.tasks {
		if w.believed.Task(k) == nil || w.believed.Agent(t.AgentID) == nil || w.believed.Framework(k.Framework) == nil {
			return t
		}
	}
	return nil
}

// Whatever masters come and go while agents return within their time: a task
// that goes on running is believed in all the time, and in the end what is
// believed is what the master says.
func TestGuardKeepsWhatRuns(t *testing.T) {
	for seed := range uint64(300) {
		w := newWorld(seed)
		w.full()
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
				s := w.said()
				if w.IntN(2) == 0 {
					s.recovered = nil // not recovered yet
				}
				w.believed.Apply(w.guard.state(w.now, s))
			case 1:
				what = "a full state"
				w.full()
			case 2:
				what = "a task starts"
				if task := w.start(); w.agents[task.AgentID] {
					w.tell(state.Event{Framework: &state.Framework{ID: task.Key.Framework}})
					w.tell(state.Event{Task: task})
				} else {
					delete(w.tasks, task.Key)
				}
			case 3:
				what = "a task ends, whether the master hears of it or not"
				for k, task := range w.tasks {
					delete(w.tasks, k)
					if w.agents[task.AgentID] {
						w.tell(state.Event{Status: &state.Status{Task: k, State: "TASK_FINISHED"}})
					}
					break
				}
			default:
				if id := w.agent(); !w.agents[id] {
					what = "agent " + id + " comes back"
					if missing := w.returns(id); missing != nil {
						t.Fatalf("seed %d, step %d, while %s: %v is missing", seed, step, what, missing.Key)
					}
				}
			}
			w.expire()
			if missing := w.missing(); missing != nil {
				t.Fatalf("seed %d, step %d, %s: %v is missing", seed, step, what, missing.Key)
			}
		}
		for id, there := range w.agents {
			if !there {
				w.returns(id)
			}
		}
		w.now = w.now.Add(guardTimeout)
		w.expire()
		w.full()
		want := slices.Sorted(maps.Keys(w.saidNames()))
		if got := slices.Sorted(maps.Keys(namesOf(w.believed))); !slices.Equal(got, want) {
			t.Fatalf("seed %d: in the end %v, want %v", seed, got, want)
		}
		if w.guard.keeping() != 0 || w.guard.unsettled() || !w.guard.next().IsZero() {
			t.Fatalf("seed %d: the guard waits for something: %+v", seed, w.guard)
		}
	}
}

func (w *world) saidNames() map[string]bool {
	c := state.NewCluster()
	c.Apply(state.Event{FullState: w.said().FullState})
	return namesOf(c)
}

func namesOf(c *state.Cluster) map[string]bool {
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

// A stable leader is believed in all that it leaves out.
func TestGuardBelievesAStableLeader(t *testing.T) {
	for seed := range uint64(100) {
		w := newWorld(seed)
		w.full()
		for range 20 {
			w.now = w.now.Add(time.Second)
			delete(w.agents, w.agent())
			for k, task := range w.tasks {
				if _, ok := w.agents[task.AgentID]; !ok || w.IntN(10) == 0 {
					delete(w.tasks, k)
				}
			}
			w.full()
			if got, want := namesOf(w.believed), w.saidNames(); !maps.Equal(got, want) {
				t.Fatalf("seed %d: %v, want %v", seed, got, want)
			}
		}
	}
}
