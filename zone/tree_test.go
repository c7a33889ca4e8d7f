package zone

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"testing"

	"toponym/internal/names"
)

// A tree has the nodes that were put into it, also at ids far apart, and a
// version does not change when another follows.
func TestTreeVersionsKeepTheirNodes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	type version struct {
		tree tree
		want map[names.ID]*Node
	}
	versions := []version{{want: map[names.ID]*Node{}}}
	for v := range uint64(60) {
		last := versions[len(versions)-1]
		now := version{last.tree.next(), maps.Clone(last.want)}
		for range r.IntN(40) {
			id := names.ID(r.IntN(1 << r.IntN(16)))
			if r.IntN(4) == 0 {
				now.tree.put(id, nil, v)
				delete(now.want, id)
				continue
			}
			n := &Node{origin: uint16(r.IntN(70) * r.IntN(2))}
			now.tree.put(id, n, v)
			now.want[id] = n
		}
		versions = append(versions, now)
	}
	for i, v := range versions {
		for id := range names.ID(1 << 16) {
			if v.tree.get(id) != v.want[id] {
				t.Fatalf("version %d, id %d: got %p, want %p", i, id, v.tree.get(id), v.want[id])
			}
		}
		n := 0
		for range v.tree.all() {
			n++
		}
		if n != len(v.want) {
			t.Errorf("version %d: got %d nodes, want %d", i, n, len(v.want))
		}
		ofOrigin := map[uint16]int{}
		for _, n := range v.want {
			ofOrigin[n.origin]++
		}
		for origin := range uint16(72) {
			n := 0
			for node := range v.tree.of(origin) {
				if n++; node.origin != origin {
					t.Errorf("version %d: got a node of origin %d, want of %d alone", i, node.origin, origin)
				}
			}
			if n != ofOrigin[origin] {
				t.Errorf("version %d: got %d nodes of origin %d, want %d", i, n, origin, ofOrigin[origin])
			}
		}
	}
	if len(versions[60].want) < 200 {
		t.Errorf("got %d nodes at the end, want at least 200 for a test that means something", len(versions[60].want))
	}
}

// The memory of a version depends on its changes, not on the size of the tree.
func TestTreeVersionsAreSmall(t *testing.T) {
	var big tree
	for id := range names.ID(1 << 20) {
		big.put(id, &Node{}, 1)
	}
	const changes = 500
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range uint64(changes) {
		big = big.next()
		big.put(names.ID(i*7919)%(1<<20), nil, i+2)
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / changes; got > 4096 {
		t.Errorf("a change among a million nodes: got %d bytes, want at most 4096", got)
	}
}
