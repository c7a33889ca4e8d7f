package records_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// content returns the records of each name in a form that can be compared.
func content(s *records.Set) map[records.Name]string {
	m := map[records.Name]string{}
	for n, d := range s.All() {
		ptr := ""
		if target, ok := d.Pointer(); ok {
			ptr = target.String()
		}
		var services []string
		for _, v := range d.SRV {
			services = append(services, fmt.Sprint(v.Priority, v.Weight, v.Port, s.Target(v)))
		}
		m[n] = fmt.Sprint(d.A, d.AAAA, services, ptr, d.TTL)
	}
	return m
}

// everything returns options that cover all features.
func everything() map[string]records.Options {
	narrow := defaults()
	narrow.MinVisibility, narrow.States = records.VisibleCluster, []string{state.Running, "TASK_KILLING"}
	included := defaults()
	included.Reverse, included.IncludeUnhealthy = true, true
	included.AddressDomains = []records.Name{records.MustParseName("mesos"), records.MustParseName("x.mesos")}
	included.VIPDomains = []records.Name{records.MustParseName(vipDomain), records.MustParseName("vip.mesos")}
	limited := included
	limited.Limits = records.Limits{TaskPorts: 2, TaskAddrs: 2, TaskRecords: 60, FrameworkRecords: 300}
	return map[string]records.Options{
		"compat": options("netinfo,docker,host"), "default": defaults(), "narrow": narrow, "included": included, "limited": limited,
	}
}

// A set that was updated step by step, by events and by full states, equals one
// that is built at once. An update lists exactly the names whose records changed.
func TestUpdateEqualsBuild(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				testHistory(t, o, seed)
			}
		})
	}
}

func testHistory(t *testing.T, o records.Options, seed uint64) {
	h := newHistory(seed)
	c := state.NewCluster()
	set := records.NewSet(o)
	before := content(set)
	for step := range 60 {
		events := h.step()
		full := h.fullState()
		var delta state.Delta
		if step == 0 || h.IntN(4) == 0 {
			delta = c.Reconcile(full, nil)
		} else {
			for _, e := range events {
				delta.Join(c.Apply(e))
			}
		}
		delta.Compact()
		changes := set.Update(c, delta)

		fresh, built := state.NewCluster(), records.NewSet(o)
		built.TakeShares(set)
		built.Update(fresh, fresh.Reconcile(full, nil))
		if got, want := text(set), text(built); got != want {
			t.Fatalf("seed %d, step %d: %s", seed, step, firstDifference(want, got))
		}
		if got, want := set.Collisions(), built.Collisions(); got != want {
			t.Fatalf("seed %d, step %d: got %d collisions, want %d", seed, step, got, want)
		}

		if err := errors.Join(set.Check(), built.Check()); err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, step, err)
		}

		after := content(set)
		want := map[records.Name]bool{}
		for n := range before {
			if before[n] != after[n] {
				want[n] = true
			}
		}
		for n := range after {
			if before[n] != after[n] {
				want[n] = true
			}
		}
		got := map[records.Name]bool{}
		for _, n := range changes.Names {
			got[n] = true
		}
		if !maps.Equal(got, want) || len(got) != len(changes.Names) {
			t.Fatalf("seed %d, step %d: got changed names %v, want %v", seed, step, changes.Names, want)
		}
		before = after
	}
}

// A first update that is long enough to be sorted in parts ends with what short
// updates end with, even if tasks of several parts share names.
func TestALongFirstUpdateEqualsShortOnes(t *testing.T) {
	h := newHistory(6)
	for range 40 {
		h.step()
	}
	for i, name := range []string{"marathon", "marathon.user", "marathon-user"} {
		id := fmt.Sprint("f", i)
		h.frameworks[id] = &state.Framework{ID: id, Name: name}
	}
	for i := range 3000 {
		task := h.task()
		task.Key.ID = fmt.Sprint("long.", i)
		task.Name = fmt.Sprint([]string{"a.", "A.", "a-", "b"}[h.IntN(4)], h.IntN(900))
		if task.Discovery != nil {
			task.Discovery.Name = task.Name
		}
		h.tasks[task.Key] = task
	}
	o := defaults()
	o.Reverse = true
	full := h.fullState()
	c := state.NewCluster()
	c.Reconcile(full, nil)
	built, _ := records.Build(c, o)

	few := *full
	few.Tasks = full.Tasks[:5]
	c = state.NewCluster()
	set := records.NewSet(o)
	set.Update(c, c.Reconcile(&few, nil))
	set.Update(c, c.Reconcile(full, nil))
	if got, want := text(set), text(built); got != want {
		t.Errorf("in one update: %s", firstDifference(want, got))
	}
	if err := errors.Join(set.Check(), built.Check()); err != nil {
		t.Error(err)
	}
	if built.Len() < 9000 {
		t.Errorf("got %d names, want at least 9000 for the test to make sense", built.Len())
	}

	// Both count owners alike: a record goes with the last of them.
	c = state.NewCluster()
	set, _ = records.Build(c, o)
	set.Update(c, c.Reconcile(full, nil))
	set.Update(c, c.Reconcile(&few, nil))
	c = state.NewCluster()
	c.Reconcile(&few, nil)
	built, _ = records.Build(c, o)
	if got, want := text(set), text(built); got != want {
		t.Errorf("after removal: %s", firstDifference(want, got))
	}
}

// Zones answer from data that later updates must not change.
func TestPublishedDataNeverChanges(t *testing.T) {
	h := newHistory(7)
	c := state.NewCluster()
	set := records.NewSet(defaults())
	given := map[*records.Data]string{}
	for range 200 {
		h.step()
		set.Update(c, c.Reconcile(h.fullState(), nil))
		for d, want := range given {
			if got := fmt.Sprint(*d); got != want {
				t.Fatalf("published data changed: got %s, want %s", got, want)
			}
		}
		for _, d := range set.All() {
			given[d] = fmt.Sprint(*d)
		}
		if len(given) > 3000 {
			clear(given)
		}
	}
}

func TestTheSameStateTwiceChangesNothing(t *testing.T) {
	h := newHistory(3)
	for range 50 {
		h.step()
	}
	c := state.NewCluster()
	set := records.NewSet(options("netinfo,host"))
	set.Update(c, c.Reconcile(h.fullState(), nil))
	if d := c.Reconcile(h.fullState(), nil); !d.Empty() {
		t.Errorf("got delta %+v, want an empty one", d)
	}
}

// The tasks of an agent follow a change of its address, even if most other tasks
// are gone at the same time.
func TestTasksFollowTheAddressOfTheirAgent(t *testing.T) {
	full := func(tasks int, agent string) *state.FullState {
		s := &state.FullState{
			Leader:     state.Master{Host: "m", Port: 5050},
			Agents:     []*state.Agent{{ID: "x-S0", Addrs: []netip.Addr{netip.MustParseAddr(agent)}}},
			Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		}
		for i := range tasks {
			s.Tasks = append(s.Tasks, &state.Task{Key: state.TaskKey{Framework: "f", ID: fmt.Sprint(i)}, Name: "web", AgentID: "x-S0", State: state.Running})
		}
		return s
	}
	c := state.NewCluster()
	set := records.NewSet(options("host"))
	set.Update(c, c.Reconcile(full(5, "10.0.0.1"), nil))
	set.Update(c, c.Reconcile(full(2, "10.0.0.2"), nil))
	built, _ := records.Build(c, options("host"))
	if got, want := text(set), text(built); got != want {
		t.Error(firstDifference(want, got))
	}
}

// In a first update, tasks are ordered by the groups of their names. A task is not
// lost if another one has its name as a raw name.
func TestTheFirstUpdateHasTasksWhoseNameIsARawNameOfOthers(t *testing.T) {
	raw := app("raw.1", "x", "192.168.0.1", func(t *state.Task) { t.Discovery = &state.Discovery{Name: "api.web"} })
	api := app("api.1", "api", "192.168.0.2", func(t *state.Task) { t.Key.Framework = "g" })
	c := newCluster(t, options("netinfo"))
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "web.marathon"})
	for range 20 { // the order of tasks is random
		c.set, c.state = records.NewSet(options("netinfo")), state.NewCluster()
		c.put(raw, api)
		c.owns("api.web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2")
	}
}

// Tasks that come or go together, as with their agents, change the names of one app
// after the other, in whatever order they were listed.
func TestManyTasksChangeAppByApp(t *testing.T) {
	c := newCluster(t, defaults()).put(app("old", "old", "10.1.0.1"))
	expect := func(what string) {
		t.Helper()
		apps := ""
		for _, n := range c.changes.Names {
			if a := n.String()[:4]; a[:3] == "app" && !strings.HasSuffix(apps, a) {
				apps += a
			}
		}
		if want := "app0app1app2"; apps != want {
			t.Errorf("%s: got names in the order %s, want %s", what, apps, want)
		}
	}
	for i := range 300 {
		name := fmt.Sprint("app", i%3)
		c.full.Tasks = append(c.full.Tasks, app(fmt.Sprintf("%s.%d", name, i), name, fmt.Sprint("10.2.", i/100, ".", i%100)))
	}
	c.apply()
	expect("tasks came")
	c.full.Tasks = c.full.Tasks[:1]
	c.apply()
	expect("tasks went")
}
