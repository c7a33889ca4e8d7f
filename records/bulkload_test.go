package records_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"toponym/records"
	"toponym/state"
)

// However many loaders make the records of the first update, the names come in the same
// order, with the same records; and owners are counted, so that the last one takes
// a record along.
func TestLoadersMakeOneSet(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			h := newHistory(1)
			for range 60 {
				h.step()
			}
			for i := range 3 {
				id := fmt.Sprint("f", i)
				h.frameworks[id] = &state.Framework{ID: id, Name: frameworkNames[i+1]}
			}
			for i := range 4000 {
				task := h.task()
				if task.Discovery != nil {
					task.Discovery.Visibility = "EXTERNAL"
				}
				task.Key.ID, task.Name = fmt.Sprint("task.", i), fmt.Sprint(task.Name, h.IntN(100))
				h.tasks[task.Key] = task
			}
			full := h.fullState()
			c := state.NewCluster()
			delta := c.Reconcile(full, nil)
			one := records.NewSet(o)
			one.Update(c, delta)
			if one.Len() < 1000 {
				t.Fatalf("got %d names, too few to tell anything", one.Len())
			}
			o.Loaders = 4
			several := records.NewSet(o)
			changes := several.Update(c, delta)
			if got, want := text(several), text(one); got != want {
				t.Fatal(firstDifference(want, got))
			}
			if got, want := changes.Names, slices.Collect(namesOf(one)); !slices.Equal(got, want) {
				t.Errorf("got %d names in another order than without loaders, %d", len(got), len(want))
			}

			gone := c.Reconcile(&state.FullState{Leader: full.Leader, Masters: full.Masters}, nil)
			several.Update(c, gone)
			empty, _ := records.Build(c, o)
			if got, want := content(several), content(empty); !maps.Equal(got, want) {
				t.Errorf("got %d names after all tasks are gone, want %d", len(got), len(want))
			}
		})
	}
}

// An app may have most of the tasks. What comes after it is as if it had come alone.
func TestAnAppOfManyTasksLeavesNothingToOthers(t *testing.T) {
	o := defaults()
	full := &newCluster(t, o).full
	add := func(name string, tasks int) {
		for i := range tasks {
			full.Tasks = append(full.Tasks, app(fmt.Sprint(name, ".", i), name, fmt.Sprint("10.2.", i/250, ".", i%250)))
		}
	}
	add("first", 1)
	some := *full
	add("large", 10_000)
	for i := range 300 {
		add(fmt.Sprint("small", i), 1)
	}
	c := state.NewCluster()
	set := records.NewSet(o)
	set.Update(c, c.Reconcile(&some, nil))
	set.Update(c, c.Reconcile(full, nil))
	if set.Len() < 20_000 {
		t.Fatalf("got %d names, too few to tell anything", set.Len())
	}
	for _, o.Loaders = range []int{1, 4} {
		fresh, one := state.NewCluster(), records.NewSet(o)
		one.Update(fresh, fresh.Reconcile(full, nil))
		if got, want := text(one), text(set); got != want {
			t.Errorf("%d loaders: %s", o.Loaders, firstDifference(want, got))
		}
	}
}

func namesOf(s *records.Set) func(func(records.Name) bool) {
	return func(yield func(records.Name) bool) {
		for n := range s.All() {
			if !yield(n) {
				return
			}
		}
	}
}
