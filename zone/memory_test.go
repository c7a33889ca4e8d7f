package zone

import (
	"fmt"
	"runtime"
	"testing"

	"toponym/records"
	"toponym/state"
)

// BenchmarkMemory tells what a record costs in memory: in the set, which counts
// owners, and in the zone, which shares its data.
func BenchmarkMemory(b *testing.B) {
	for _, tasks := range []int{16_200, 162_000} {
		b.Run(fmt.Sprintf("%d-tasks", tasks), func(b *testing.B) {
			ro, zo := patchOptions()
			ro.Reverse, ro.IPSources = false, []records.IPSource{records.SourceHost}
			for b.Loop() {
				c := state.NewCluster()
				d := c.Apply(state.Event{FullState: bigSnapshot(tasks, 0)})
				cluster := heap()
				set := records.NewSet(ro)
				set.Update(c, d)
				withSet := heap()
				z := Compile(set, zo, 1)
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

// heap is how many octets are in use.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
