package state

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// After any history a cluster is what the last
// full state alone makes of it, and each delta names exactly what differs.
func TestOnlyTheLastFullStateCounts(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		c, before := NewCluster(), NewCluster()
		for step := range 20 {
			s := randomFullState(r)
			d := c.Reconcile(s, nil)
			after := clusterOf(s)
			sameCluster(t, c, after)
			sameKeys(t, "tasks", d.Tasks, differing(before.tasks, after.tasks))
			sameKeys(t, "agents", d.Agents, differing(before.agents, after.agents))
			sameKeys(t, "frameworks", d.Frameworks, differing(before.frameworks, after.frameworks))
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
			before = after
		}
	}
}

// randomFullState has few names and values, so that histories repeat, change
// and double them all the time.
func randomFullState(r *rand.Rand) *FullState {
	s := &FullState{Leader: Master{Host: fmt.Sprint(r.IntN(2)), Port: 5050}}
	for range r.IntN(3) {
		s.Masters = append(s.Masters, Master{Host: fmt.Sprint(r.IntN(2))})
	}
	for range r.IntN(4) {
		s.Agents = append(s.Agents, &Agent{ID: fmt.Sprint(r.IntN(4)), Hostname: fmt.Sprint(r.IntN(2))})
	}
	for range r.IntN(4) {
		s.Frameworks = append(s.Frameworks, &Framework{ID: fmt.Sprint(r.IntN(3)), Name: fmt.Sprint(r.IntN(2))})
	}
	for range r.IntN(12) {
		t := task(fmt.Sprint(r.IntN(2)), fmt.Sprint(r.IntN(6)), fmt.Sprint(r.IntN(2)))
		if r.IntN(2) == 0 {
			t.Discovery = &Discovery{Name: fmt.Sprint(r.IntN(2))}
		}
		s.Tasks = append(s.Tasks, t)
	}
	return s
}

func clusterOf(s *FullState) *Cluster {
	c := NewCluster()
	c.Reconcile(s, nil)
	return c
}

func sameCluster(t *testing.T, got, want *Cluster) {
	t.Helper()
	if !reflect.DeepEqual(slices.SortedFunc(got.Tasks(), byKey), slices.SortedFunc(want.Tasks(), byKey)) {
		t.Errorf("tasks %v, want %v", got.tasks, want.tasks)
	}
	if !reflect.DeepEqual(got.agents, want.agents) || !reflect.DeepEqual(got.frameworks, want.frameworks) {
		t.Errorf("agents %v and frameworks %v, want %v and %v", got.agents, got.frameworks, want.agents, want.frameworks)
	}
	if n := len(slices.Collect(got.Agents())); n != len(want.agents) {
		t.Errorf("%d agents, want %d", n, len(want.agents))
	}
	if n := len(slices.Collect(got.Frameworks())); n != len(want.frameworks) {
		t.Errorf("%d frameworks, want %d", n, len(want.frameworks))
	}
	if !got.Leader().Equal(want.Leader()) || !slices.EqualFunc(got.Masters(), want.Masters(), Master.Equal) {
		t.Errorf("leader %v of %v, want %v of %v", got.Leader(), got.Masters(), want.Leader(), want.Masters())
	}
}

func byKey(a, b *Task) int {
	return cmp.Or(strings.Compare(a.Key.Framework, b.Key.Framework), strings.Compare(a.Key.ID, b.Key.ID))
}

// differing are the keys whose values are not the same.
func differing[K comparable, V any](a, b map[K]*V) map[K]bool {
	keys := map[K]bool{}
	for k, v := range a {
		if !reflect.DeepEqual(v, b[k]) {
			keys[k] = true
		}
	}
	for k := range b {
		if a[k] == nil {
			keys[k] = true
		}
	}
	return keys
}

// sameKeys wants each of the keys once.
func sameKeys[K comparable](t *testing.T, what string, got []K, want map[K]bool) {
	t.Helper()
	set := map[K]bool{}
	for _, k := range got {
		set[k] = true
	}
	if len(set) != len(got) || !maps.Equal(set, want) {
		t.Errorf("%s in the delta: %v, want %v", what, got, want)
	}
}
