package state

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Wherever between the request of a full state and
// its answer the master makes it, however far behind the stream is, and
// whatever event was missed before: once the stream has come to its end, the
// replica is what the master has.
func TestReconcileBesideEvents(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 3))
		events, after := masterHistory(r, 60)
		// The stream has been read up to asked when the state is requested, and
		// up to got when it comes; it was made at some time since.
		asked := r.IntN(len(events))
		made := asked + r.IntN(len(events)-asked)
		got := asked + r.IntN(len(events)-asked)
		if r.IntN(2) == 0 {
			got = min(got, made)
		}
		replica := newReplica()
		now := time.Unix(1e9, 0)
		leader := Leadership{ID: "a"}
		replica.reconcile(now, &FullState{Leadership: leader})
		missed := -1
		if r.IntN(2) == 0 && asked > 3 {
			missed = r.IntN(asked)
		}
		for i, e := range events[:asked] {
			if i != missed {
				replica.Apply(now, e, nil)
			}
		}
		j := NewJournal()
		for _, e := range events[asked:got] {
			replica.Apply(now, e, j)
		}
		rest := events[got:]
		s := after[made]
		s.Leadership = leader
		// As Replica.Reconcile does, with a pause after each task.
		in := j.correct(s, replica.cluster)
		keep := replica.failover.fullState(now, s, in, j)
		replica.cluster.reconcile(s, j, in, keep, &replica.delta, func() bool {
			if len(rest) > 0 && r.IntN(4) == 0 { // the stream goes on meanwhile
				replica.Apply(now, rest[0], j)
				rest = rest[1:]
			}
			return true
		})
		for _, e := range rest {
			replica.Apply(now, e, nil)
		}
		sameCluster(t, replica.cluster, clusterOf(after[len(events)-1]))
		if t.Failed() {
			t.Fatalf("seed %d: requested at %d, made at %d, got at %d, missed %d", seed, asked, made, got, missed)
		}
	}
}

func TestEmptyJournalIsLikeNone(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 4))
		a, b := NewReplica(), NewReplica()
		for range 10 {
			s := randomFullState(r)
			s.Leadership = Leadership{ID: fmt.Sprint(r.IntN(3))}
			other := *s
			now := time.Unix(1e9, 0)
			for range a.Reconcile(now, s, nil) {
			}
			for range b.Reconcile(now, &other, NewJournal()) {
			}
			sameCluster(t, a.cluster, b.cluster)
			da, db := a.TakeDelta(), b.TakeDelta()
			sameKeys(t, "tasks", da.Tasks, setOf(db.Tasks))
			sameKeys(t, "agents", da.Agents, setOf(db.Agents))
			sameKeys(t, "frameworks", da.Frameworks, setOf(db.Frameworks))
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

func setOf[K comparable](keys []K) map[K]bool {
	set := map[K]bool{}
	for _, k := range keys {
		set[k] = true
	}
	return set
}

// masterHistory is a random life of a cluster, as events and as the state after
// each.
func masterHistory(r *rand.Rand, n int) (events []Event, after []*FullState) {
	c := NewCluster()
	for range n {
		agent, framework := fmt.Sprint("S", r.IntN(3)), fmt.Sprint("F", r.IntN(2))
		k := TaskKey{Framework: framework, ID: fmt.Sprint("t", r.IntN(6))}
		var e Event
		switch r.IntN(12) {
		case 0:
			e.Agent = &Agent{ID: agent, Hostname: fmt.Sprint("h", r.IntN(3))}
		case 1:
			e.AgentGone = agent
		case 2:
			e.Framework = &Framework{ID: framework, Name: fmt.Sprint("n", r.IntN(3))}
		case 3:
			e.FrameworkGone = framework
		case 4, 5:
			e.Status = &Status{Task: k, State: "TASK_FINISHED"}
		case 6, 7:
			e.Status = &Status{Task: k, State: Running, Health: Health(r.IntN(3))}
		default:
			if c.Task(k) != nil {
				continue // a master adds a task once
			}
			e.Task = &Task{Key: k, AgentID: agent, State: "TASK_STAGING", Name: fmt.Sprint("n", r.Uint32())}
		}
		if e.Status != nil && c.Task(e.Status.Task) == nil {
			continue // nor does it report a task that it does not have
		}
		c.Apply(e)
		events = append(events, e)
		after = append(after, c.FullState())
	}
	return events, after
}
