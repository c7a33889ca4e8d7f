package records_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"toponym/records"
	"toponym/state"
)

// enumerationOf is the definition: all records of all tasks, and each with the first
// task only.
func enumerationOf(set *records.Set, c *state.Cluster) enumerated {
	all := enumerated{Frameworks: []enumeratedFramework{}}
	seen := map[enumeratedRecord]bool{}
	frameworks := slices.SortedFunc(c.Frameworks(), func(a, b *state.Framework) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	for _, f := range frameworks {
		listed := enumeratedFramework{Tasks: []enumeratedTask{}, Name: f.Name}
		for _, t := range slices.SortedFunc(c.TasksOf(f.ID), func(a, b *state.Task) int { return cmp.Compare(a.Key.ID, b.Key.ID) }) {
			if !t.Running() || c.Agent(t.AgentID) == nil {
				continue
			}
			task := enumeratedTask{Name: t.Name, ID: t.Key.ID}
			for _, r := range set.RecordsOf(t.Key) {
				if r := newEnumeratedRecord(r); !seen[r] {
					seen[r] = true
					task.Records = append(task.Records, r)
				}
			}
			listed.Tasks = append(listed.Tasks, task)
		}
		all.Frameworks = append(all.Frameworks, listed)
	}
	return all
}

// Whatever tasks share, and after whatever changes, each record is listed with the
// first of its tasks.
func TestEachRecordIsEnumeratedWithItsFirstTask(t *testing.T) {
	for seed := range uint64(20) {
		for _, o := range []records.Options{options("netinfo,host"), defaults()} {
			h, c, set := newHistory(seed), state.NewCluster(), records.NewSet(o)
			for step := range 30 {
				h.step()
				set.Update(c, c.Reconcile(h.fullState(), nil))
				if got, want := enumeration(set), enumerationOf(set, c); !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d, step %d:%s", seed, step, differenceOf(got, want))
				}
			}
		}
	}
}

func differenceOf(got, want enumerated) string {
	for i := range min(len(got.Frameworks), len(want.Frameworks)) {
		g, w := got.Frameworks[i], want.Frameworks[i]
		for j := range min(len(g.Tasks), len(w.Tasks)) {
			if !reflect.DeepEqual(g.Tasks[j], w.Tasks[j]) {
				return fmt.Sprintf(" framework %s: got\n%v\nwant\n%v", g.Name, g.Tasks[j], w.Tasks[j])
			}
		}
		if len(g.Tasks) != len(w.Tasks) {
			return fmt.Sprintf(" framework %s: got %d tasks, want %d", g.Name, len(g.Tasks), len(w.Tasks))
		}
	}
	return fmt.Sprintf(" got %d frameworks, want %d", len(got.Frameworks), len(want.Frameworks))
}
