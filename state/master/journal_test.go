package master

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/sim"
	"toponym/state"
	"toponym/state/leader"
)

// Wherever between the request of a full state and its answer the master makes
// it, and however far behind the stream is: when the stream has come to its
// end, what is believed is what the master has.
func TestStateBesideAStream(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		events, after := masterHistory(r, 60)
		// The stream has been read up to asked when the state is asked for, and
		// up to got when it comes; it was made at some time since.
		asked := r.IntN(len(events))
		made := asked + r.IntN(len(events)-asked)
		got := asked + r.IntN(len(events)-asked)
		if r.IntN(2) == 0 {
			got = min(got, made)
		}
		c := state.NewCluster()
		g := newGuard(c, guardTimeout)
		now := time.Unix(1e9, 0)
		who := identity{id: "a"}
		c.Apply(g.state(now, said{FullState: &state.FullState{}, who: who}))
		if r.IntN(2) == 0 && asked > 3 { // something of the stream was missed
			lost := r.IntN(asked)
			for i, e := range events[:asked] {
				if i != lost {
					c.Apply(g.event(now, e))
				}
			}
		} else {
			for _, e := range events[:asked] {
				c.Apply(g.event(now, e))
			}
		}
		j := newJournal()
		for _, e := range events[asked:got] {
			j.note(e, c)
			c.Apply(g.event(now, e))
		}
		rest := events[got:]
		for range compare(g, j, said{FullState: after[made], who: who}, now, 1, func(e state.Event) { c.Apply(e) }) {
			if len(rest) > 0 && r.IntN(4) == 0 { // the stream goes on meanwhile
				j.note(rest[0], c)
				c.Apply(g.event(now, rest[0]))
				rest = rest[1:]
			}
		}
		for _, e := range rest {
			c.Apply(g.event(now, e))
		}
		want := state.NewCluster()
		want.Apply(state.Event{FullState: after[len(events)-1]})
		wantLines(t, fmt.Sprintf("seed %d: asked at %d, made at %d, got at %d", seed, asked, made, got), clusterLines(c), clusterLines(want))
		if t.Failed() {
			return
		}
	}
}

// masterHistory is a random life of a cluster, as events and as the state after
// each.
func masterHistory(r *rand.Rand, n int) (events []state.Event, after []*state.FullState) {
	c := state.NewCluster()
	for range n {
		agent, framework := fmt.Sprint("S", r.IntN(3)), fmt.Sprint("F", r.IntN(2))
		k := state.TaskKey{Framework: framework, ID: fmt.Sprint("t", r.IntN(6))}
		var e state.Event
		switch r.IntN(12) {
		case 0:
			e.Agent = &state.Agent{ID: agent, Hostname: fmt.Sprint("h", r.IntN(3))}
		case 1:
			e.AgentGone = agent
		case 2:
			e.Framework = &state.Framework{ID: framework, Name: fmt.Sprint("n", r.IntN(3))}
		case 3:
			e.FrameworkGone = framework
		case 4, 5:
			e.Status = &state.Status{Task: k, State: "TASK_FINISHED"}
		case 6, 7:
			e.Status = &state.Status{Task: k, State: state.Running, Health: state.Health(r.IntN(3))}
		default:
			if c.Task(k) != nil {
				continue // a master adds a task once
			}
			e.Task = &state.Task{Key: k, AgentID: agent, State: "TASK_STAGING", Name: fmt.Sprint("n", r.Uint32())}
		}
		if e.Status != nil && c.Task(e.Status.Task) == nil {
			continue // nor does it tell of what it does not have
		}
		c.Apply(e)
		events = append(events, e)
		s := &state.FullState{}
		for a := range c.Agents() {
			s.Agents = append(s.Agents, a)
		}
		for f := range c.Frameworks() {
			s.Frameworks = append(s.Frameworks, f)
		}
		for t := range c.Tasks() {
			s.Tasks = append(s.Tasks, t)
		}
		after = append(after, s)
	}
	return events, after
}

// TestOldStateBesideAStream: a full state that was under way for long undoes
// nothing of what the stream has told since.
func TestOldStateBesideAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, func(o *Options) { o.Source = Stream; o.Resync, o.Timeout = 70*time.Second, time.Minute })
		apps := b.populate(60)
		m := b.master(first, sim.MasterOptions{})
		aside := leader.Address{Host: "10.0.1.99", Port: 5050} // for those who want to know at once
		b.network.set(aside.String(), m)
		slow := atomic.Bool{}
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/master/state" && slow.Load() {
				w = &late{ResponseWriter: w, wait: 30 * time.Second}
			}
			m.ServeHTTP(w, r)
		}))
		defer b.run()()
		time.Sleep(time.Minute)
		slow.Store(true)
		resyncs := b.watcher.Status().Resyncs
		life := sim.NewLife(b.cluster, apps, sim.LifeOptions{Seed: 5})
		for step := 0; b.watcher.Status().Resyncs == resyncs; step++ {
			if step == 200 {
				t.Fatalf("no state came: %q", messages(b.log, logrus.InfoLevel))
			}
			life.Step()
			time.Sleep(500 * time.Millisecond)
			wantLines(t, "all the time", b.now(), b.truth(aside))
			if t.Failed() {
				return
			}
		}
	})
}

// late waits before it answers, with what was to be said before.
type late struct {
	http.ResponseWriter
	wait time.Duration
}

func (l *late) Write(p []byte) (int, error) {
	time.Sleep(l.wait)
	l.wait = 0
	return l.ResponseWriter.Write(p)
}
