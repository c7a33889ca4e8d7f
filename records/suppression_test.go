package records_test

import (
	"fmt"
	"testing"

	"toponym/records"
	"toponym/state"
)

func TestUnhealthyTasksAreSuppressedWhileOthersAreHealthy(t *testing.T) {
	port := discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "tcp"})
	c := newCluster(t, defaults())
	c.put(app("web.1", "web", "192.168.0.1", port, healthy(state.Healthy)), app("web.2", "web", "192.168.0.2", port, healthy(state.Unhealthy)))
	for _, suffix := range []string{"mesos", "containerip." + trees, "autoip." + trees} {
		c.owns("web.marathon."+suffix, "A 192.168.0.1")
		c.owns("_http._tcp.web.marathon."+suffix, "SRV 0 1 80 web-e844k-s0.marathon.mesos.")
	}
	c.owns("_web._tcp.marathon.mesos", "SRV 0 1 80 web-e844k-s0.marathon.mesos.")
	// Its own name stays: SRV records that clients read before point to it.
	c.owns("web-izm16-s0.marathon.mesos", "A 192.168.0.2")

	// If no task is healthy, all are answered.
	c.put(app("web.1", "web", "192.168.0.1", port, healthy(state.Unhealthy)))
	c.owns("web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2")
	// A task without health checks counts as healthy.
	c.put(app("web.3", "web", "192.168.0.3", port))
	c.owns("web.marathon.mesos", "A 192.168.0.3")
	c.drop("web.3")
	c.apply().owns("web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2")
	c.put(app("web.2", "web", "192.168.0.2", port, healthy(state.Healthy)))
	c.owns("web.marathon.mesos", "A 192.168.0.2")
}

// Neither the health of another app matters, nor that of a task with the same name
// in another framework.
func TestHealthCountsPerSharedName(t *testing.T) {
	c := newCluster(t, defaults())
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "marathon.user"}, &state.Framework{ID: "h", Name: "marathon-user"})
	in := func(framework string) func(*state.Task) {
		return func(t *state.Task) { t.Key.Framework = framework }
	}
	unhealthy := healthy(state.Unhealthy)
	c.put(app("web.1", "web", "192.168.0.1", unhealthy), app("db.1", "db", "192.168.0.2"),
		app("web.2", "web", "192.168.0.3", unhealthy, in("g")), app("web.3", "web", "192.168.0.4", in("h")))
	c.owns("web.marathon.mesos", "A 192.168.0.1")
	c.owns("web.marathon.user.mesos", "A 192.168.0.3")
	// In the address trees both frameworks are the same label.
	c.owns("web.marathon-user.containerip."+trees, "A 192.168.0.4")

	// Tasks that are called differently may share a label, but not the raw name.
	dotted := func(name string) func(*state.Task) {
		return func(t *state.Task) { t.Discovery = &state.Discovery{Name: name} }
	}
	c.put(app("x.1", "x", "192.168.1.1", dotted("x.y"), unhealthy), app("x.2", "x", "192.168.1.2", dotted("x-y")))
	c.owns("x-y.marathon.mesos", "A 192.168.1.2")
	c.owns("x.y.marathon.mesos", "A 192.168.1.1")
}

func TestHealthCountsOnlyTasksThatAreLeft(t *testing.T) {
	c := newCluster(t, defaults())
	instance := func(i int, h state.Health) *state.Task {
		return app(fmt.Sprint("web.", i), "web", fmt.Sprint("192.168.0.", i), healthy(h), labelled("DNS_ALIAS", "www"))
	}
	for i := range 20 {
		c.full.Tasks = append(c.full.Tasks, instance(i, []state.Health{state.Healthy, state.Unhealthy}[i/10]))
	}
	c.apply()
	for i := range 18 {
		c.drop(fmt.Sprint("web.", i+2))
	}
	c.apply()
	c.put(instance(1, state.Unhealthy))
	c.owns("web.marathon.mesos", "A 192.168.0.0")
	c.owns("www.marathon.mesos", "A 192.168.0.0")
}

func TestUnhealthyTasksAreAnsweredWhenIncluded(t *testing.T) {
	o := defaults()
	o.IncludeUnhealthy = true
	c := newCluster(t, o)
	c.put(app("web.1", "web", "192.168.0.1", healthy(state.Healthy)), app("web.2", "web", "192.168.0.2", healthy(state.Unhealthy)))
	c.owns("web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2")
}

func TestAChangeOfHealthChangesOnlyNamesOfItsApp(t *testing.T) {
	c := newCluster(t, defaults())
	var tasks []*state.Task
	for i := range 600 {
		tasks = append(tasks, app(fmt.Sprint("t.", i), fmt.Sprint("app", i%200), fmt.Sprintf("192.168.%d.%d", i/200, i%200)))
	}
	c.put(tasks...)
	c.put(app("t.7", "app7", "192.168.0.7", healthy(state.Unhealthy)))
	// T.F.D and its name in two address trees. The agent's address has other owners.
	if n := len(c.changes.Names); n != 3 {
		t.Errorf("got %d changed names, %v, want 3", n, c.changes.Names)
	}
	c.owns("app7.marathon.mesos", "A 192.168.1.7", "A 192.168.2.7")
}

// BenchmarkHealth measures an update in which one task of an app of ten turns
// unhealthy, or healthy again, in clusters of two sizes.
func BenchmarkHealth(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("%d-tasks", n), func(b *testing.B) {
			c := state.NewCluster()
			s := &state.FullState{
				Agents:     []*state.Agent{{ID: "a-S0"}},
				Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
			}
			for i := range n {
				s.Tasks = append(s.Tasks, app(fmt.Sprint("t.", i), fmt.Sprint("app", i/10), "192.168.0.1"))
			}
			set := records.NewSet(defaults())
			set.Update(c, c.Reconcile(s, nil))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				next := *s
				next.Tasks = append([]*state.Task(nil), s.Tasks...)
				next.Tasks[5] = app("t.5", "app0", "192.168.0.1", healthy([]state.Health{state.Unhealthy, state.Healthy}[i%2]))
				d := c.Reconcile(&next, nil)
				b.StartTimer()
				set.Update(c, d)
			}
		})
	}
}
