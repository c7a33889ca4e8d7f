package zone

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"testing"
)

// A tree has what was put into it, at numbers far apart too, and versions that
// others follow stay what they were.
func TestTree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	type version struct {
		tree tree
		want map[uint32]*Node
	}
	versions := []version{{want: map[uint32]*Node{}}}
	for v := range uint64(60) {
		last := versions[len(versions)-1]
		now := version{last.tree.next(), maps.Clone(last.want)}
		for range r.IntN(40) {
			id := uint32(r.IntN(1 << r.IntN(16)))
			if r.IntN(4) == 0 {
				now.tree.put(id, nil, v)
				delete(now.want, id)
				continue
			}
			n := &Node{}
			now.tree.put(id, n, v)
			now.want[id] = n
		}
		versions = append(versions, now)
	}
	for i, v := range versions {
		for id := range uint32(1 << 16) {
			if v.tree.at(id) != v.want[id] {
				t.Fatalf("version %d: %d is %p, want %p", i, id, v.tree.at(id), v.want[id])
			}
		}
		n := 0
		for range v.tree.all() {
			n++
		}
		if n != len(v.want) {
			t.Errorf("version %d: %d nodes, want %d", i, n, len(v.want))
		}
	}
	if len(versions[60].want) < 200 {
		t.Errorf("only %d nodes", len(versions[60].want))
	}
}

// What a version costs does not grow with what the tree has.
func TestTreeVersionsAreSmall(t *testing.T) {
	var big tree
	for id := range uint32(1 << 20) {
		big.put(id, &Node{}, 1)
	}
	const changes = 500
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range uint64(changes) {
		big = big.next()
		big.put(uint32(i*7919)%(1<<20), nil, i+2)
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / changes; got > 4096 {
		t.Errorf("%d octets for a change among a million", got)
	}
}
