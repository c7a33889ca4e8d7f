package zone

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
)

// bigState is a cluster of n tasks in apps of 50 instances, one of which has
// been replaced i times.
func bigState(n, i int) *state.FullState {
	s := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
	for a := range n/20 + 1 {
		s.Agents = append(s.Agents, &state.Agent{ID: fmt.Sprintf("a-S%d", a), Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(a >> 16), byte(a >> 8), byte(a)})}})
	}
	for t := range n {
		id := fmt.Sprintf("app%d.%d", t/50, t)
		if t == n/2 {
			id += fmt.Sprint(".", i)
		}
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f", ID: id}, Name: fmt.Sprintf("app%d", t/50), AgentID: s.Agents[t/20].ID, State: state.Running,
			Ports: []state.PortRange{{First: uint16(31000 + t%20), Last: uint16(31000 + t%20)}},
		})
	}
	return s
}

// BenchmarkPatch replaces one task and measures the step from the changed names
// to the next zone. It must cost the same at any size of the zone.
func BenchmarkPatch(b *testing.B) {
	for _, tasks := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("%d-tasks", tasks), func(b *testing.B) {
			ro, zo := patchOptions()
			ro.Reverse, ro.IPSources = false, []records.IPSource{records.SourceHost}
			c, set := state.NewCluster(), records.NewSet(ro)
			set.Update(c, c.Reconcile(bigState(tasks, 0), nil))
			z := Compile(set, zo, SameSerial(1))
			var changes [2]records.Changes
			states := [2]*state.FullState{bigState(tasks, 1), bigState(tasks, 2)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				changes[i%2] = set.Update(c, c.Reconcile(states[i%2], nil))
				b.StartTimer()
				z = z.Patch(set, changes[i%2], SameSerial(uint32(i)))
			}
			b.ReportMetric(float64(len(changes[0].Names)), "names")
			b.ReportMetric(float64(z.counts.A+z.counts.SRV), "records")
		})
	}
}

// BenchmarkLookup looks names up one after the other: alone, and after what some of them
// read has been read together. The zone mostly stays in the processor's cache here; in a
// server, whose system calls take that, the difference is several times as large.
func BenchmarkLookup(b *testing.B) {
	ro, zo := patchOptions()
	ro.Reverse, ro.IPSources = false, []records.IPSource{records.SourceHost}
	c, set := state.NewCluster(), records.NewSet(ro)
	set.Update(c, c.Reconcile(bigState(10_000, 0), nil))
	z := Compile(set, zo, SameSerial(1))
	var keys [][]byte
	for n := range z.All() {
		keys = append(keys, []byte(n.Name))
	}
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			z.Lookup(keys[i*7919%len(keys)], dns.TypeA)
		}
	})
	b.Run("prefetched", func(b *testing.B) {
		var list [MaxPrefetch][]byte
		for i := 0; b.Loop(); i++ {
			if i%MaxPrefetch == 0 {
				for j := range list {
					list[j] = keys[(i+j)*7919%len(keys)]
				}
				z.Prefetch(list[:])
			}
			z.Lookup(keys[i*7919%len(keys)], dns.TypeA)
		}
	})
}

// BenchmarkMemory measures the memory per record: in the set, which counts
// owners, and in the zone, which shares the data of the set.
func BenchmarkMemory(b *testing.B) {
	for _, tasks := range []int{16_200, 162_000} {
		b.Run(fmt.Sprintf("%d-tasks", tasks), func(b *testing.B) {
			ro, zo := patchOptions()
			ro.Reverse, ro.IPSources = false, []records.IPSource{records.SourceHost}
			for b.Loop() {
				c := state.NewCluster()
				d := c.Reconcile(bigState(tasks, 0), nil)
				cluster := heap()
				set := records.NewSet(ro)
				set.Update(c, d)
				withSet := heap()
				z := Compile(set, zo, SameSerial(1))
				withZone := heap()
				n := float64(z.counts.A + z.counts.SRV)
				b.ReportMetric(n, "records")
				b.ReportMetric((withSet-cluster)/n, "set-B/record")
				b.ReportMetric((withZone-withSet)/n, "zone-B/record")
				runtime.KeepAlive(c)
				runtime.KeepAlive(&d)
				runtime.KeepAlive(set)
				runtime.KeepAlive(z)
			}
		})
	}
}

// heap is the size of live memory in bytes.
func heap() float64 {
	runtime.GC()
	runtime.GC() // frees what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
