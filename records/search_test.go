package records_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// searchSet has two frameworks, two agents and tasks of several apps.
func searchSet() *records.Set {
	addr := netip.MustParseAddr
	full := &state.FullState{
		Frameworks: []*state.Framework{{ID: "f1", Name: "marathon", Addrs: []netip.Addr{addr("10.0.0.9")}}, {ID: "f2", Name: "chronos"}},
		Agents: []*state.Agent{
			{ID: "S0", Hostname: "node0.example", Addrs: []netip.Addr{addr("10.0.0.1")}},
			{ID: "S1", Hostname: "node1.example", Addrs: []netip.Addr{addr("10.0.0.2")}},
		},
	}
	task := func(framework, id, name, agent, a string, h state.Health) {
		full.Tasks = append(full.Tasks, &state.Task{
			Key: state.TaskKey{Framework: framework, ID: id}, Name: name, AgentID: agent, State: state.Running, Health: h,
			Addresses: state.Addresses{NetInfo: []netip.Addr{addr(a)}},
		})
	}
	task("f1", "web.1", "web", "S0", "10.1.0.1", state.Healthy)
	task("f1", "web.2", "web", "S1", "10.1.0.10", state.Unhealthy)
	task("f1", "web-admin.1", "web-admin", "S1", "10.1.0.3", state.HealthUnknown)
	task("f1", "cart.shop.1", "cart.shop", "S0", "fd00::1", state.Healthy)
	task("f2", "web.9", "web", "S0", "10.2.0.1", state.HealthUnknown)
	c := state.NewCluster()
	c.Reconcile(full, nil)
	set, _ := records.Build(c, defaults())
	return set
}

// hitsOf is the result of a search in one line.
func hitsOf(r records.SearchResult) string {
	var all []string
	for _, a := range r.Apps {
		all = append(all, fmt.Sprintf("app:%s/%s=%d+%d-%d", a.FrameworkName, a.App, a.Counts.Tasks, a.Counts.Healthy, a.Counts.Unhealthy))
	}
	for _, f := range r.Tasks {
		all = append(all, "task:"+f.Key.Name)
	}
	for _, f := range r.Frameworks {
		all = append(all, fmt.Sprintf("framework:%s=%d", f.Name, f.Counts.Tasks))
	}
	for _, a := range r.Agents {
		all = append(all, fmt.Sprintf("agent:%s=%d", a.Hostname, a.Counts.Tasks))
	}
	return strings.Join(all, " ")
}

func TestSearchFindsNamesIDsAndAddresses(t *testing.T) {
	s := searchSet()
	for text, want := range map[string]string{
		"web":                    "app:marathon/web=2+1-1 app:chronos/web=1+0-0 app:marathon/web-admin=1+0-0 task:web-admin.1 task:web.1 task:web.2 task:web.9",
		"WEB.marathon.mesos.":    "app:marathon/web=2+1-1 task:web.1 task:web.2",
		"/shop/cart":             "app:marathon/cart.shop=1+1-0 task:cart.shop.1",
		"cart-shop":              "app:marathon/cart.shop=1+1-0 task:cart.shop.1",
		"10.1.0.1":               "app:marathon/web=2+1-1 task:web.1 task:web.2",
		"10.1.0.3":               "app:marathon/web-admin=1+0-0 task:web-admin.1",
		"FD00::1":                "app:marathon/cart.shop=1+1-0 task:cart.shop.1",
		"10.0.0.":                "framework:marathon=4 agent:node0.example=3 agent:node1.example=2",
		"node1":                  "agent:node1.example=2",
		"chron":                  "app:chronos/web=1+0-0 task:web.9 framework:chronos=1",
		"nothing":                "",
		strings.Repeat("x", 999): "",
	} {
		r := s.Search(records.Search{Text: text, Kinds: records.SearchAll, Limit: 10})
		if got := hitsOf(r); got != want || r.More != 0 {
			t.Errorf("%.30q: got %s, more of %b; want %s", text, got, r.More, want)
		}
	}
	r := s.Search(records.Search{Framework: "f2", Kinds: records.SearchApps, Limit: 10})
	if got, want := hitsOf(r), "app:chronos/web=1+0-0"; got != want {
		t.Errorf("the apps of a framework: got %s, want %s", got, want)
	}
}

// The pages of a search together are all hits, with the counts of all tasks.
func TestPagesOfASearchAreTheWhole(t *testing.T) {
	full := &state.FullState{
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Agents:     []*state.Agent{{ID: "S0", Hostname: "node0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
	}
	random := rand.New(rand.NewPCG(1, 2))
	counts := map[string]int{}
	for i := range 500 {
		name := fmt.Sprintf("app%d", random.IntN(60))
		counts[name]++
		full.Tasks = append(full.Tasks, &state.Task{Key: state.TaskKey{Framework: "f", ID: fmt.Sprint(name, ".", i)}, Name: name, AgentID: "S0", State: state.Running})
	}
	c := state.NewCluster()
	c.Reconcile(full, nil)
	set, _ := records.Build(c, defaults())
	for _, limit := range []int{1, 7, len(counts), 100} {
		got := map[string]int{}
		q := records.Search{Text: "app", Kinds: records.SearchApps, Limit: limit}
		for {
			r := set.Search(q)
			for _, a := range r.Apps {
				got[a.App] += a.Counts.Tasks
				q.After = a.Key
			}
			if len(r.Apps) > limit || r.More != 0 && len(r.Apps) != limit {
				t.Fatalf("limit %d: got a page of %d with more of %b", limit, len(r.Apps), r.More)
			}
			if r.More == 0 {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(counts) {
			t.Errorf("limit %d: got %v, want %v", limit, got, counts)
		}
	}
}

// The groups of names lead to the instances of an app: those that a look at all tasks
// finds, whatever apps and frameworks are called, also after changes.
func TestInstancesOfAnAppAreThoseOfAllThatAreCalledSo(t *testing.T) {
	apps := []string{"web", "Web", "shop.cart", "shop-cart", "cart/shop", "a_b", "---", "", strings.Repeat("x", 300), "role/env/job"}
	frameworks := []string{"marathon", "Marathon", "sub.marathon", "---", strings.Repeat("y.", 150)}
	random := rand.New(rand.NewPCG(3, 4))
	c := state.NewCluster()
	var set *records.Set
	for round := range 20 {
		full := &state.FullState{Agents: []*state.Agent{{ID: "S0", Hostname: "node0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}}
		n := 1 + random.IntN(len(frameworks))
		for i := range n {
			full.Frameworks = append(full.Frameworks, &state.Framework{ID: fmt.Sprint("f", i), Name: frameworks[random.IntN(len(frameworks)-round%2)]})
		}
		for i := range 60 {
			one := &state.Task{Key: state.TaskKey{Framework: fmt.Sprint("f", random.IntN(n)), ID: fmt.Sprint(i)}, Name: apps[random.IntN(len(apps))], AgentID: "S0", State: state.Running}
			if random.IntN(3) == 0 {
				one.Discovery = &state.Discovery{Name: apps[random.IntN(len(apps))]}
			}
			full.Tasks = append(full.Tasks, one)
		}
		d := c.Reconcile(full, nil)
		if set == nil {
			set, _ = records.Build(c, defaults())
		} else {
			set.Update(c, d)
		}
		for _, app := range apps {
			for _, framework := range append([]string{"", "f0", "f1", "none"}, frameworks...) {
				var want, got []string
				for i := range set.Instances(records.InstanceFilter{Framework: framework}) {
					if app == "" || i.App == app {
						want = append(want, i.Framework.ID+"/"+i.Task)
					}
				}
				for i := range set.Instances(records.InstanceFilter{App: app, Framework: framework}) {
					got = append(got, i.Framework.ID+"/"+i.Task)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("round %d: app %q of framework %q: got %v, want %v", round, app, framework, got, want)
				}
			}
		}
	}
}

// An app that has few instances is found without a look at all tasks: what that costs
// is memory in proportion to the cluster.
func TestOneAppCostsAsMuchInALargeCluster(t *testing.T) {
	allocated := func(tasks int) uint64 {
		set := appsOfTen(tasks)
		f := func() {
			n := 0
			for range set.Instances(records.InstanceFilter{App: "service-7", Framework: "f"}) {
				n++
			}
			r := set.Search(records.Search{App: "service-7", Framework: "f", Kinds: records.SearchApps, Limit: 1})
			if n != 10 || len(r.Apps) != 1 || r.Apps[0].Counts.Tasks != 10 {
				t.Fatalf("got %d instances and %+v, want 10", n, r)
			}
		}
		f()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if small, large := allocated(100), allocated(20_000); large > small+64<<10 {
		t.Errorf("got %d KB allocated with 20,000 tasks, %d KB with 100; want about the same", large>>10, small>>10)
	}
}

// appsOfTen has tasks on one agent, of apps of 10.
func appsOfTen(tasks int) *records.Set {
	full := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Agents: []*state.Agent{{ID: "S0", Hostname: "node0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}}
	for i := range tasks {
		full.Tasks = append(full.Tasks, &state.Task{Key: state.TaskKey{Framework: "f", ID: fmt.Sprint(i)}, Name: fmt.Sprint("service-", i/10), AgentID: "S0", State: state.Running})
	}
	c := state.NewCluster()
	c.Reconcile(full, nil)
	set, _ := records.Build(c, defaults())
	return set
}

// The framework that is asked for is on every page of its apps.
func TestTheOnlyFrameworkIsOnEveryPage(t *testing.T) {
	s := searchSet()
	q := records.Search{Framework: "f1", Kinds: records.SearchApps | records.SearchFrameworks, Limit: 1}
	for page, want := range []string{"app:marathon/cart.shop=1+1-0 framework:marathon=4", "app:marathon/web=2+1-1 framework:marathon=4"} {
		r := s.Search(q)
		if got := hitsOf(r); got != want {
			t.Fatalf("page %d: got %s, want %s", page, got, want)
		}
		q.After = r.Apps[0].Key
	}
}

// A task is described with the records that it owns, or with the reason why it has
// none.
func TestTaskIsDescribed(t *testing.T) {
	s := searchSet()
	d, ok := s.Task(state.TaskKey{Framework: "f1", ID: "web.2"})
	if !ok || d.Instance == nil || d.Instance.Health != records.UnhealthyText {
		t.Fatalf("got %+v and %t, want an unhealthy instance", d, ok)
	}
	want := records.TaskRecord{Name: d.Instance.CanonicalName.String(), Type: "A", Data: "10.1.0.10"}
	if !slices.Contains(d.Records, want) {
		t.Errorf("got %v, want %v among them", d.Records, want)
	}
	for _, r := range d.Records {
		if r.Name == "web.marathon.mesos." {
			t.Errorf("got %v, which belongs to the healthy instance alone", r)
		}
	}
	if _, ok := s.Task(state.TaskKey{Framework: "f1", ID: "none"}); ok || s.HasTask(state.TaskKey{Framework: "f1", ID: "none"}) {
		t.Error("got a task that there is not")
	}
	if !s.HasTask(state.TaskKey{Framework: "f1", ID: "web.2"}) {
		t.Error("got no task, want one")
	}
}

// Searches of 100,000 tasks.
func BenchmarkSearch(b *testing.B) {
	full := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
	for i := range 1000 {
		full.Agents = append(full.Agents, &state.Agent{ID: fmt.Sprintf("4b1c9a39-S%d", i), Hostname: fmt.Sprintf("node%d.example", i), Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}})
	}
	for i := range 100_000 {
		name := fmt.Sprintf("service-%d.group", i/10)
		full.Tasks = append(full.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f", ID: fmt.Sprintf("%s.7c4c0c0e-4e4f-4b1c-9a39-%d", name, i)}, Name: name, AgentID: fmt.Sprintf("4b1c9a39-S%d", i%1000), State: state.Running,
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{9, byte(i >> 16), byte(i >> 8), byte(i)})}},
		})
	}
	c := state.NewCluster()
	c.Reconcile(full, nil)
	set, _ := records.Build(c, defaults())
	for _, text := range []string{"s", "service-77", "nothing", "9.0.1.", "node77"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Search(records.Search{Text: text, Kinds: records.SearchAll, Limit: 20})
			}
		})
	}
}
