package names

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkGrowth fills a table. Beside the mean time for a name it reports the longest.
func BenchmarkGrowth(b *testing.B) {
	const count = 700_000
	all := make([][]byte, count)
	for i := range all {
		all[i] = fmt.Appendf(nil, "\x0a%010d\x05mesos\x00", i)
	}
	for b.Loop() {
		t := NewTable(300_000)
		longest := time.Duration(0)
		for _, name := range all {
			began := time.Now()
			t.Hold(t.Intern(name))
			longest = max(longest, time.Since(began))
		}
		b.ReportMetric(float64(longest.Microseconds()), "longest-us")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/name")
}
