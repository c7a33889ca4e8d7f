package records_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"toponym/records"
	"toponym/state"
)

// However many cores make a large update, it has the same result: the records, how often
// they are owned, the changed names, and what is omitted.
func TestCoresMakeOneUpdate(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			h := newHistory(1)
			for range 60 {
				h.step()
			}
			c := state.NewCluster()
			var sets [3]*records.Set
			for i := range sets {
				sets[i] = records.NewSet(o)
			}
			update := func() {
				full := h.fullState()
				delta := c.Reconcile(full, nil)
				var changes [len(sets)]records.Changes
				for i, set := range sets {
					before := runtime.GOMAXPROCS(i + 1)
					changes[i] = set.Update(c, delta)
					runtime.GOMAXPROCS(before)
					if err := set.Check(); err != nil {
						t.Fatalf("%d cores: %v", i+1, err)
					}
				}
				built := records.NewSet(o)
				built.TakeShares(sets[0])
				fresh := state.NewCluster()
				built.Update(fresh, fresh.Reconcile(full, nil))
				for i, set := range sets {
					if got, want := text(set), text(built); got != want {
						t.Fatalf("%d cores: %s", i+1, firstDifference(want, got))
					}
					if got, want := slices.Sorted(slices.Values(changes[i].Names)), slices.Sorted(slices.Values(changes[0].Names)); !slices.Equal(got, want) {
						t.Fatalf("%d cores: got %d other changed names than by one core, %d", i+1, len(got), len(want))
					}
					if got, want := omitted(changes[i]), omitted(changes[0]); !slices.Equal(got, want) && len(got) < 1000 {
						t.Fatalf("%d cores: got %d other omissions than by one core, %d", i+1, len(got), len(want))
					}
				}
			}
			update()
			for _, changed := range []func(i int) bool{func(int) bool { return true }, func(i int) bool { return i%3 > 0 }} {
				for i := range 1000 {
					if !changed(i) {
						continue
					}
					task := h.task()
					task.Key = state.TaskKey{Framework: fmt.Sprint("f", i%3), ID: fmt.Sprint("task.", i)}
					task.Name = fmt.Sprint(task.Name, h.IntN(100))
					if h.tasks[task.Key] = task; i%5 == 0 && i > 500 {
						delete(h.tasks, task.Key)
					}
				}
				update()
			}
			clear(h.tasks)
			update()
		})
	}
}

// omitted lists omissions in an order of their own.
func omitted(c records.Changes) (list []string) {
	for _, o := range c.Omitted {
		list = append(list, o.String())
	}
	slices.Sort(list)
	return list
}
