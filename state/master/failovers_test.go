package master

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	"toponym/sim/scenario"
	"toponym/state"
)

// witness looks at each publication whether a task that was believed to run,
// and that still does, is missing.
type lossCheck struct {
	cluster *sim.Cluster
	known   map[state.TaskKey]string // as they were believed last
	lost    []string
}

func (w *lossCheck) check(c *state.Cluster) {
	runs := map[state.TaskKey]bool{}
	for _, t := range w.cluster.Tasks() {
		runs[state.TaskKey{Framework: t.FrameworkID, ID: t.ID}] = t.State == sim.TaskRunning
	}
	for k := range w.known {
		if !runs[k] {
			delete(w.known, k)
		} else if t := c.Task(k); t == nil || !t.Running() || c.Agent(t.AgentID) == nil || c.Framework(k.Framework) == nil {
			w.lost = append(w.lost, w.known[k])
			delete(w.known, k)
		}
	}
	for t := range c.Tasks() {
		if t.Running() && c.Agent(t.AgentID) != nil && c.Framework(t.Key.Framework) != nil {
			w.known[t.Key] = describe(t)
		}
	}
}

// failoverSeeds is the number of histories of each kind. Raise it to search for
// longer.
const failoverSeeds uint64 = 1

// Masters follow each other, some before all agents are back, while tasks, agents
// and frameworks come and go. No task that runs is missing from any publication,
// and in the end the replica is what is there.
func TestFailoversWithoutEnd(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll, "auto": Auto} {
		for seed := range failoverSeeds {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { failovers(t, source, rand.New(rand.NewPCG(seed, 21))) })
			})
		}
	}
}

func failovers(t *testing.T, source Source, r *rand.Rand) {
	b := newTestbed(t, twoMasters(source))
	b.watcher.o.Interval, b.watcher.o.Resync = 5*time.Second, 30*time.Second
	b.watcher.o.Reregister = 20 * time.Minute // longer than all of this
	apps := b.populate(40)
	w := &lossCheck{cluster: b.cluster, known: map[state.TaskKey]string{}}
	b.each = w.check
	defer b.run()()
	time.Sleep(10 * time.Second)
	life := scenario.NewLife(b.cluster, apps, scenario.LifeOptions{Seed: r.Uint64()})
	lead, next := first, second
	for range 30 {
		agents, frameworks := b.cluster.Agents(), b.cluster.Frameworks()
		a, f := agents[r.IntN(len(agents))], frameworks[r.IntN(len(frameworks))]
		switch r.IntN(9) { // what cannot be done now is not
		case 0:
			b.cluster.Failover()
			b.network.set(lead.String(), nil)
			if r.IntN(3) == 0 { // and nobody leads for a while
				time.Sleep(time.Duration(r.IntN(60)) * time.Second)
			}
			lead, next = next, lead
			b.master(lead, sim.MasterOptions{Recovery: time.Duration(r.IntN(10)) * time.Second})
		case 1:
			_ = b.cluster.MarkUnreachable(a.ID)
			time.Sleep(time.Second)
		case 2, 3, 4:
			_ = b.cluster.Reregister(a.ID)
		case 5:
			_ = b.cluster.SetConnected(f.ID, r.IntN(2) == 0)
		case 6:
			if len(agents) > 3 && r.IntN(4) == 0 {
				_ = b.cluster.RemoveAgent(a.ID)
			}
		default:
			for range 5 {
				life.Step()
				time.Sleep(100 * time.Millisecond)
			}
		}
		time.Sleep(time.Duration(r.IntN(20)) * time.Second)
	}
	for _, a := range b.cluster.Agents() {
		_ = b.cluster.Reregister(a.ID)
	}
	for _, f := range b.cluster.Frameworks() {
		_ = b.cluster.SetConnected(f.ID, true)
	}
	time.Sleep(b.watcher.o.Reregister + 2*time.Minute) // an agent may have gone while nobody led
	wantLines(t, "in the end", b.published(), b.reported(lead))
	for _, l := range w.lost {
		t.Errorf("got a publication without %s, want it in each", l)
	}
	if b.published(); len(w.known) < 10 {
		t.Errorf("got %d tasks at the end, want at least 10 to tell", len(w.known))
	}
}
