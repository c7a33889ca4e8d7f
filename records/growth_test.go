package records_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"toponym/records"
	"toponym/state"
)

// growthCases are inputs that frameworks control, by size. Each returns the work to
// measure. The limits are off, so that sizes count.
var growthCases = []struct {
	name string
	size int
	work func(n int) func()
}{
	{"labels of a task", 20_000, taskOf(func(t *state.Task, n int) {
		for range n {
			t.Labels = append(t.Labels, state.Label{Key: "DNS_TTL", Value: "5"})
		}
	})},
	{"names in DNS_ALIAS", 20_000, taskOf(func(t *state.Task, n int) {
		t.Labels = []state.Label{{Key: "DNS_ALIAS", Value: strings.Repeat("a b,c,", n)}}
	})},
	{"port mappings and ports", 2_000, taskOf(func(t *state.Task, n int) {
		t.Discovery, t.Container = &state.Discovery{Name: "web"}, &state.Container{}
		for i := range n {
			t.Discovery.Ports = append(t.Discovery.Ports, state.DiscoveryPort{Number: uint16(i + 1), Protocol: "tcp"})
			t.Container.Mappings = append(t.Container.Mappings, state.PortMapping{HostPort: uint16(i + 1), ContainerPort: uint16(60_000 - i)})
			t.Ports = append(t.Ports, state.PortRange{First: uint16(i + 1), Last: uint16(i + 1)})
		}
	})},
	{"port ranges", 2_000, taskOf(func(t *state.Task, n int) {
		t.Discovery = &state.Discovery{Name: "web"}
		for i := range n {
			t.Discovery.Ports = append(t.Discovery.Ports, state.DiscoveryPort{Number: uint16(2*i + 1), Protocol: "tcp"})
			t.Ports = append(t.Ports, state.PortRange{First: uint16(2*i + 1), Last: uint16(2*i + 1)})
		}
	})},
	{"protocols of a port", 2_000, taskOf(func(t *state.Task, n int) {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint("p", i))
		}
		t.Discovery = &state.Discovery{Name: "web", Ports: []state.DiscoveryPort{{Number: 80, Protocol: strings.Join(list, ",")}}}
	})},
	{"frameworks of one name", 5_000, func(n int) func() {
		c := state.NewCluster()
		full := &state.FullState{}
		for i := range n {
			full.Frameworks = append(full.Frameworks, &state.Framework{ID: fmt.Sprint(i), Name: "marathon"})
		}
		c.Reconcile(full, nil)
		return func() { records.Build(c, defaults()) }
	}},
	{"tasks of a framework above its limit", 2_000, func(n int) func() {
		c := state.NewCluster()
		c.Reconcile(manyPorts(n), nil)
		o := defaults()
		o.Limits = records.Limits{TaskRecords: 200, FrameworkRecords: 2_000 * 200}
		return func() { records.Build(c, o) }
	}},
	{"instances that an update adds", 10_000, func(n int) func() {
		return func() {
			set, c := instances(2, state.Healthy)
			var d state.Delta
			for i := range n {
				d.Join(c.Apply(state.Event{Task: instance(i+10, state.Healthy)}))
			}
			set.Update(c, d)
		}
	}},
	{"instances that are explained", 2_000, func(n int) func() {
		set, _ := instances(n, state.Unhealthy)
		return func() { set.Explain(records.MustParseName("web.marathon.mesos")) }
	}},
}

func taskOf(fill func(t *state.Task, n int)) func(n int) func() {
	return func(n int) func() {
		t := app("web.1", "web", "192.168.0.1")
		fill(t, n)
		c := state.NewCluster()
		c.Reconcile(&state.FullState{
			Agents:     []*state.Agent{{ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.10")}}},
			Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
			Tasks:      []*state.Task{t},
		}, nil)
		return func() { records.Build(c, defaults()) }
	}
}

// instances returns the set of an app of which the first instance is healthy.
func instances(n int, others state.Health) (*records.Set, *state.Cluster) {
	full := &state.FullState{
		Agents:     []*state.Agent{{ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.10")}}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
	}
	for i := range n {
		h := others
		if i == 0 {
			h = state.Healthy
		}
		full.Tasks = append(full.Tasks, instance(i, h))
	}
	c := state.NewCluster()
	set := records.NewSet(defaults())
	set.Update(c, c.Reconcile(full, nil))
	return set, c
}

// manyPorts returns a framework of n apps, each of which wants some 200 records.
func manyPorts(n int) *state.FullState {
	full := &state.FullState{
		Agents:     []*state.Agent{{ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.10")}}},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
	}
	var ports []state.DiscoveryPort
	for i := range uint16(50) {
		ports = append(ports, state.DiscoveryPort{Number: 1000 + i, Protocol: "tcp"})
	}
	for i := range n {
		full.Tasks = append(full.Tasks, app(fmt.Sprintf("app%d.1", i), fmt.Sprint("app", i), "192.168.0.1", discovered(ports...)))
	}
	return full
}

func instance(i int, h state.Health) *state.Task {
	return app(fmt.Sprint("web.", i), "web", netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)}).String(), healthy(h),
		discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "tcp"}))
}

// growthWork names the environment variable that tells TestGrowthWork what to do: the
// number of a case and a size.
const growthWork = "TOPONYM_TEST_GROWTH"

// TestGrowthWork does the work of one case, for a test that counts statements. It
// prints the name and the size of the case if the size is 0.
func TestGrowthWork(t *testing.T) {
	var i, n int
	if _, err := fmt.Sscanf(os.Getenv(growthWork), "%d:%d", &i, &n); err != nil {
		t.Skip("runs in a process of its own")
	}
	if i < len(growthCases) {
		tc := growthCases[i]
		if n == 0 {
			fmt.Printf("%d %s\n", tc.size, tc.name)
			return
		}
		tc.work(n)()
	}
}

// BenchmarkGrowth measures the work at a size and at twice that size. The metric
// growth is the ratio: 2 for linear work, 4 for quadratic work.
func BenchmarkGrowth(b *testing.B) {
	for _, tc := range growthCases {
		b.Run(strings.ReplaceAll(tc.name, " ", "-"), func(b *testing.B) {
			single, double := tc.work(tc.size), tc.work(2*tc.size)
			var of [2]time.Duration
			for b.Loop() {
				for i, work := range [...]func(){single, double} {
					start := time.Now()
					work()
					of[i] += time.Since(start)
				}
			}
			b.ReportMetric(float64(of[1])/float64(of[0]), "growth")
		})
	}
}
