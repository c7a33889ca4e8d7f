package records

import (
	"slices"
	"strconv"
	"testing"

	"toponym/internal/names"
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

// What a large update needed is not kept for the small ones that follow.
func TestALargeUpdateKeepsNoMemory(t *testing.T) {
	s := NewSet(Options{})
	const n = 2 * maxKeptEdits
	for range 2 { // each record has two owners then
		s.editor.owners = 1
		for i := range n {
			name := names.Bytes(MustParseName("n" + strconv.Itoa(i)))
			target := s.editor.target(name)
			s.editor.srv(name, target.Name, SRV{Target: target.id, Port: 1})
			s.editor.ttl(name, 60)
		}
		s.finish(false)
	}
	if s.size != n || len(s.extraSRV) != n {
		t.Fatalf("got %d names with %d further owners, want %d of each", s.size, len(s.extraSRV), n)
	}
	for what, kept := range map[string]int{
		"edits": cap(s.editor.edits.srv), "edits of TTLs": cap(s.editor.edits.ttls), "settled edits": cap(s.settler.edits.srv),
		"changed names": cap(s.settler.changed), "results": cap(s.settler.results), "numbers of owners": cap(s.settler.recountSRV),
	} {
		if kept > maxKeptEdits {
			t.Errorf("%s: kept memory for %d, want at most %d", what, kept, maxKeptEdits)
		}
	}
}

// Where too much is omitted to list it, what is not listed does not count as reported.
func TestOmissionsWithoutRoomAreNotReported(t *testing.T) {
	var l omissions
	for i := range maxOmissions {
		l.add(Omission{Framework: strconv.Itoa(i), Reason: ErrNameLength})
	}
	late := Omission{Framework: "late", Reason: AgentNetworkError{}}
	l.add(late)
	if n := len(l.take()); n != maxOmissions || l.reported(late) {
		t.Fatalf("got %d omissions, the last one reported: %v, want %d, and not reported", n, l.reported(late), maxOmissions)
	}
	for range 2 {
		l.add(late)
	}
	if n := len(l.take()); n != 1 || !l.reported(late) {
		t.Errorf("then got %d omissions, want 1, reported", n)
	}
}
