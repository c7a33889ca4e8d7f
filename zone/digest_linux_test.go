package zone

import (
	"testing"

	"toponym/internal/testutil"
	"toponym/records"
	"toponym/state"
)

// BenchmarkDigests sums up all records, as for each snapshot.
func BenchmarkDigests(b *testing.B) {
	ro, zo := patchOptions()
	c, set := state.NewCluster(), records.NewSet(ro)
	set.Update(c, c.Reconcile(bigState(16_200, 0), nil))
	z := Compile(set, zo, SameSerial(1))
	n := z.Counts()
	b.ReportAllocs()
	before := testutil.CPUSeconds()
	for b.Loop() {
		z.Digests(nil)
	}
	b.ReportMetric((testutil.CPUSeconds()-before)*1e9/float64(b.N)/float64(n.A+n.AAAA+n.SRV+n.PTR), "cpu-ns/record")
}
