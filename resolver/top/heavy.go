package top

import (
	"cmp"
	"container/heap"
	"slices"
)

// heavy finds the keys that occur most with a fixed number of counters (the algorithm
// Space-Saving: Metwally, Agrawal and El Abbadi, 2005). A key that has no counter takes
// over the smallest one. So every key that makes up more than one part in as many as
// there are counters has one, and its count is too large by at most the count that it
// took over.
type heavy[K comparable] struct {
	counters []*counter[K] // a heap, the smallest first
	of       map[K]*counter[K]
	size     int
}

type counter[K comparable] struct {
	key   K
	count uint64
	over  uint64 // by how much the count may be too large
	at    int    // in the heap
}

func newHeavy[K comparable](size int) *heavy[K] {
	return &heavy[K]{of: make(map[K]*counter[K], size), size: size}
}

// add counts a key that has a counter. It is apart from insert so that a key need not be
// made for it.
func (h *heavy[K]) add(c *counter[K], n uint64) {
	c.count += n
	heap.Fix(h, c.at)
}

// insert counts a key that has no counter.
func (h *heavy[K]) insert(key K, n uint64) {
	if len(h.counters) < h.size {
		c := &counter[K]{key: key, count: n}
		h.of[key] = c
		heap.Push(h, c)
		return
	}
	c := h.counters[0]
	delete(h.of, c.key)
	c.key, c.over = key, c.count
	h.of[key] = c
	h.add(c, n)
}

// list returns at most n keys, the largest count first.
func (h *heavy[K]) list(n int) []counter[K] {
	list := make([]counter[K], 0, len(h.counters))
	for _, c := range h.counters {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b counter[K]) int { return cmp.Compare(b.count, a.count) })
	return list[:min(n, len(list))]
}

// Len implements [heap.Interface], as do the methods below.
func (h *heavy[K]) Len() int { return len(h.counters) }

// Less implements heap.Interface.
func (h *heavy[K]) Less(i, j int) bool { return h.counters[i].count < h.counters[j].count }

// Swap implements heap.Interface.
func (h *heavy[K]) Swap(i, j int) {
	h.counters[i], h.counters[j] = h.counters[j], h.counters[i]
	h.counters[i].at, h.counters[j].at = i, j
}

// Push implements heap.Interface.
func (h *heavy[K]) Push(x any) {
	c := x.(*counter[K])
	c.at = len(h.counters)
	h.counters = append(h.counters, c)
}

// Pop implements heap.Interface. Counters are never taken out.
func (h *heavy[K]) Pop() any {
	last := len(h.counters) - 1
	c := h.counters[last]
	h.counters = h.counters[:last]
	return c
}
