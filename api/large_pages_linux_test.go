package api

import (
	"testing"

	"toponym/internal/testutil"
)

// Pages of a cluster of 100,000 tasks.
func BenchmarkPages(b *testing.B) {
	s := New(testOptions(largeCluster()))
	for name, target := range largePages {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			begin := testutil.CPUSeconds()
			for b.Loop() {
				get(s, target)
			}
			b.ReportMetric((testutil.CPUSeconds()-begin)*1000/float64(b.N), "cpu-ms/op")
		})
	}
}
