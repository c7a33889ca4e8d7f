package zone

import "testing"

// Prefetch takes any names: those of the zone and others, none, and more than it reads
// for. It allocates nothing.
func TestPrefetchTakesAnyNames(t *testing.T) {
	z := Compile(testSet(), testOptions(), SameSerial(1))
	list := [][]byte{[]byte(name(".")), []byte(name("nope.mesos")), []byte(name("example.com"))}
	for n := range z.All() {
		list = append(list, []byte(n.Name))
	}
	if len(list) <= MaxPrefetch {
		t.Fatalf("got %d names, want more than %d", len(list), MaxPrefetch)
	}
	for i := range list {
		if allocs := testing.AllocsPerRun(10, func() { z.Prefetch(list[i:]) }); allocs != 0 {
			t.Errorf("%d names: got %v allocations, want none", len(list)-i, allocs)
		}
	}
	z.Prefetch(nil)
}
