package records

import (
	"slices"
	"testing"
)

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
		s.editor.owners = 1
		id, _ := s.editor.id([]byte(Root))
		for _, owners := range []int32{1, 1, -1, -1} {
			for i := range n {
				s.editor.edits.a = append(s.editor.edits.a, edit[[4]byte]{id: id, owners: owners, value: addr(i)})
			}
			counting.settle(&settler{set: s}, s.dataOf(id), &nameEdits{edits: edits{a: slices.Clone(s.editor.edits.a)}})
			s.finish(false)
		}
		if s.size > 0 || len(s.dataOf(id).A) > 0 || len(s.extraA) > 0 {
			t.Errorf("of %d records added and removed twice %d are left, with %d owners", n, len(s.dataOf(id).A), len(s.extraA))
		}
		return comparisons
	}
	if single, double := count(4096), count(8192); double > 3*single {
		t.Errorf("8192 records take %d comparisons, 4096 take %d, want at most three times as many", double, single)
	}
}
