package master

import (
	"os"
	"runtime"
	"testing"

	"toponym/internal/testutil"
	"toponym/state"
)

// BenchmarkKeptLabels decodes a state of 100,000 tasks, whose apps mostly have
// labels of Marathon-LB, and measures the memory that its tasks hold.
func BenchmarkKeptLabels(b *testing.B) {
	file, size := bigState(b, 100_000)
	for _, bb := range []struct {
		name string
		keep []string
	}{
		{"for records", nil},
		{"default", []string{"HAPROXY_", "traefik.", "prometheus."}},
		{"all", []string{""}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			var held, cpu float64
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				began := testutil.CPUSeconds()
				s := readBigState(b, file, bb.keep)
				cpu += testutil.CPUSeconds() - began
				runtime.GC()
				runtime.ReadMemStats(&after)
				held = float64(after.HeapAlloc-before.HeapAlloc) / 1e6
				runtime.KeepAlive(s)
			}
			b.ReportMetric(held, "held-MB")
			b.ReportMetric(cpu/float64(b.N), "cpu-s")
		})
	}
}

func readBigState(b *testing.B, file string, keep []string) *state.FullState {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s, err := Decode(f, keep...)
	if err != nil {
		b.Fatal(err)
	}
	return s
}
