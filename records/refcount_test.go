package records

import "testing"

// Many records that one update adds to a name, and removes from it, are sorted once:
// the comparisons grow with their number, not with its square.
func TestComparisonsOfAnUpdateGrowLinearly(t *testing.T) {
	count := func(n int) (comparisons int) {
		counting := recordsA
		counting.compare = func(a, b [4]byte, name nameFunc) int {
			comparisons++
			return recordsA.compare(a, b, name)
		}
		addr := func(i int) [4]byte { return [4]byte{10, byte(i >> 16), byte(i * 7 >> 8), byte(i * 7)} }
		s := NewSet(Options{})
		e := s.entryFor([]byte(Root))
		for _, update := range []func(*Set, *entry, [4]byte){counting.add, counting.add, counting.remove, counting.remove} {
			for i := range n {
				update(s, e, addr(i))
			}
			counting.settle(s, e, s.changeOf(e))
			s.finish(false)
			e = s.entryFor([]byte(Root))
		}
		if s.size > 1 || len(e.data.A) > 0 || len(s.extraA) > 0 {
			t.Errorf("of %d records added and removed twice %d are left, with %d owners", n, len(e.data.A), len(s.extraA))
		}
		return comparisons
	}
	if single, double := count(4096), count(8192); double > 3*single {
		t.Errorf("8192 records take %d comparisons, 4096 take %d, want at most three times as many", double, single)
	}
}
