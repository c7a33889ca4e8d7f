package cache

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOrderOfUse does random things to an lru and to a list that is searched.
func TestOrderOfUse(t *testing.T) {
	type item struct {
		hash  uint64
		entry *Entry
	}
	var list []item // oldest first
	r := rand.New(rand.NewPCG(1, 2))
	l := newLRU()
	for step := range 20_000 {
		hash := r.Uint64N(50)
		at := slices.IndexFunc(list, func(i item) bool { return i.hash == hash })
		var want *Entry
		if at >= 0 {
			want = list[at].entry
		}
		switch op := r.IntN(5); {
		case op == 0:
			if got := l.peek(hash); got != want {
				t.Fatalf("step %d: peek returns %p, want %p", step, got, want)
			}
		case op == 1:
			if got := l.use(hash); got != want {
				t.Fatalf("step %d: use returns %p, want %p", step, got, want)
			}
			if at >= 0 {
				list = append(slices.Delete(list, at, at+1), item{hash, want})
			}
		case op == 2:
			e := new(Entry)
			l.put(hash, e)
			if at >= 0 {
				list = slices.Delete(list, at, at+1)
			}
			list = append(list, item{hash, e})
		case op == 3 && at >= 0:
			l.remove(hash)
			list = slices.Delete(list, at, at+1)
		case op == 4 && len(list) > 0:
			if h, e, ok := l.last(); !ok || h != list[0].hash || e != list[0].entry {
				t.Fatalf("step %d: the last is %d (%v), want %d", step, h, ok, list[0].hash)
			}
			l.remove(list[0].hash)
			list = list[1:]
		}
		if l.len() != len(list) {
			t.Fatalf("step %d: %d entries, want %d", step, l.len(), len(list))
		}
		found := 0
		for hash, e := range l.all() {
			found++
			if !slices.Contains(list, item{hash, e}) {
				t.Fatalf("step %d: all has an entry for %d that is not there", step, hash)
			}
		}
		if found != len(list) {
			t.Fatalf("step %d: all has %d entries, want %d", step, found, len(list))
		}
	}
	if len(l.entries) > 50 {
		t.Errorf("there are %d places for 50 hashes, want those that are free to be used", len(l.entries))
	}
}

func TestRemovingAllWhileGoingThrough(t *testing.T) {
	l := newLRU()
	for hash := range uint64(100) {
		l.put(hash, new(Entry))
	}
	for hash := range l.all() {
		l.remove(hash)
	}
	if _, _, ok := l.last(); ok || l.len() != 0 {
		t.Errorf("%d entries are left, want none", l.len())
	}
}
