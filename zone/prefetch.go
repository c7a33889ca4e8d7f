package zone

import "toponym/internal/names"

// MaxPrefetch is how many names Prefetch takes at most: what it reads for them fits into
// the processor's nearest cache, together with the packets.
const MaxPrefetch = 16

// Prefetch reads what looking up some names, in lower-case wire form, is going to read.
// A look-up is a chain of loads, each of which needs the one before, and in a large zone
// most of them miss the processor's cache. Here the processor waits for those of all
// names together.
//
// What it returns only keeps the compiler from leaving loads out.
func (z *Zone) Prefetch(list [][]byte) (read byte) {
	list = list[:min(len(list), MaxPrefetch)]
	var searches [MaxPrefetch]names.Search
	for i, name := range list {
		searches[i] = z.index.Search(name)
	}
	var nodes [MaxPrefetch]*Node
	found := 0
	for i := range list {
		// Nearly always the first id is the right one.
		if id, ok := searches[i].Next(); ok {
			if n := z.nodes.get(id); n != nil {
				nodes[found] = n
				found++
			}
		}
	}
	for _, n := range nodes[:found] {
		read += n.Name[0] + n.Name[len(n.Name)-1] + byte(n.TTL)
	}
	for _, n := range nodes[:found] {
		if len(n.A) > 0 {
			read += n.A[0][0]
		}
		if len(n.SRV) > 0 {
			read += byte(n.SRV[0].Port)
		}
	}
	return read
}
