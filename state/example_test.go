package state_test

import (
	"fmt"
	"time"

	"toponym/state"
)

// A full state comes first, then events. After a failover the new leader lists
// an agent as recovered that has not registered yet: its tasks are retained.
func ExampleReplica() {
	r := state.NewReplica()
	r.ReregisterTimeout = 10 * time.Minute
	now := time.Now()
	reconcile := func(s *state.FullState) {
		for range r.Reconcile(now, s, nil) {
			// Other work may be done between two pieces of a large state.
		}
	}
	key := state.TaskKey{Framework: "f", ID: "web.1"}
	reconcile(&state.FullState{
		Leadership: state.Leadership{ID: "master-1"},
		Agents:     []*state.Agent{{ID: "S0"}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Tasks:      []*state.Task{{Key: key, AgentID: "S0", State: "TASK_STAGING"}},
	})
	fmt.Println("first state:", len(r.TakeDelta().Tasks), "task changed")

	r.Apply(now, state.Event{Status: &state.Status{Task: key, State: state.Running}}, nil)
	fmt.Println("event:", r.TakeDelta().Tasks[0].ID, "is", r.Cluster().Task(key).State)

	reconcile(&state.FullState{Leadership: state.Leadership{ID: "master-2"}, ListsRecovered: true, Recovered: []string{"S0"}})
	fmt.Println("failover:", r.Retained(), "agent retained, task known:", r.Cluster().Task(key) != nil)

	r.Expire(now.Add(10 * time.Minute))
	fmt.Println("after its time, task known:", r.Cluster().Task(key) != nil)
	// Output:
	// first state: 1 task changed
	// event: web.1 is TASK_RUNNING
	// failover: 1 agent retained, task known: true
	// after its time, task known: false
}
