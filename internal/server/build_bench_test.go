package server

import (
	"bytes"
	"runtime"
	"testing"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/records"
	"toponym/sim/scenario"
	"toponym/state"
	"toponym/state/master"
	"toponym/zone"
)

// BenchmarkBuild makes the records and the zone of a cluster of 10,000 tasks with
// the default settings. It reports what stays in memory beside what is allocated.
func BenchmarkBuild(b *testing.B) {
	var text bytes.Buffer
	if err := scenario.WriteState(&text, scenario.Spec{Tasks: 10_000}); err != nil {
		b.Fatal(err)
	}
	full, err := master.Decode(&text)
	if err != nil {
		b.Fatal(err)
	}
	c := state.NewCluster()
	c.Reconcile(full, nil)
	ro, zo, err := recordsAndZone(config.Defaults())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var cpu float64
	for b.Loop() {
		b.StopTimer()
		before := liveHeap()
		start := testutil.CPUSeconds()
		b.StartTimer()
		set, _ := records.Build(c, ro)
		z := zone.Compile(set, zo, zone.SameSerial(1))
		b.StopTimer()
		cpu += testutil.CPUSeconds() - start
		n := z.Counts()
		b.ReportMetric((liveHeap()-before)/1e6, "kept-MB")
		b.ReportMetric(float64(n.Names), "names")
		b.ReportMetric(float64(n.A+n.AAAA+n.SRV+n.PTR), "records")
		runtime.KeepAlive(set)
		runtime.KeepAlive(z)
		b.StartTimer()
	}
	b.ReportMetric(cpu/float64(b.N)*1e3, "cpu-ms")
}

// liveHeap returns the size of live memory in bytes.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC() // frees what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
