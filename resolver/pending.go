package resolver

import (
	"container/heap"
	"net/netip"
	"slices"
	"sync"

	"toponym/resolver/cache"
)

// pendingTable bounds the queries that wait for upstream servers, so that neither
// a client, nor the names of a domain whose servers do not respond, can block
// queries of other clients or domains.
//
// A new query is always admitted. When a bound is reached, the query that has waited
// longest is removed: most answers take milliseconds, so it is the one
// most likely to wait in vain. It is one of the client, or of the suffix, whose
// bound was reached; when the table is full, one of the client that has most.
type pendingTable struct {
	max, maxPerClient, maxPerSuffix int

	mu         sync.Mutex
	held       int // queries that wait
	unanswered int // those, and those that are being answered
	clients    map[netip.Addr]*holder
	suffixes   map[string]*holder
	busiest    clientHeap
}

// holder is a client or a suffix, with the queries that wait on its account.
type holder struct {
	client netip.Addr
	suffix string
	place  int // in the heap of clients

	count int             // of queries that are held
	queue []*pendingQuery // oldest first; those no longer held are removed later
}

// evictedQuery is a query that has to make room. It has been claimed.
type evictedQuery struct {
	query *pendingQuery
	key   cache.Key // that it waited for
}

func newPendingTable(o ForwardOptions) pendingTable {
	return pendingTable{
		max: o.MaxPending, maxPerClient: o.MaxPendingPerClient, maxPerSuffix: o.MaxPendingPerSuffix,
		clients: map[netip.Addr]*holder{}, suffixes: map[string]*holder{},
	}
}

// setBounds sets other bounds. Queries that are above them already go on waiting.
func (t *pendingTable) setBounds(o ForwardOptions) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.max, t.maxPerClient, t.maxPerSuffix = o.MaxPending, o.MaxPendingPerClient, o.MaxPendingPerSuffix
}

// add admits a query and returns those that were removed to make room for it.
func (t *pendingTable) add(l *pendingQuery) (evicted []evictedQuery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	suffix := suffixOf(l.key.Name())
	evict := func(h *holder) {
		oldest := h.oldest()
		t.release(oldest)
		evicted = append(evicted, evictedQuery{query: oldest, key: oldest.key})
	}
	if h := t.clients[l.addr]; h != nil && h.count >= t.maxPerClient {
		evict(h)
	}
	if h := t.suffixes[string(suffix)]; h != nil && h.count >= t.maxPerSuffix {
		evict(h)
	}
	if t.held >= t.max {
		evict(t.busiest[0])
	}

	c := t.clients[l.addr]
	if c == nil {
		c = &holder{client: l.addr}
		t.clients[l.addr] = c
		heap.Push(&t.busiest, c)
	}
	s := t.suffixes[string(suffix)]
	if s == nil {
		s = &holder{suffix: string(suffix)}
		t.suffixes[s.suffix] = s
	}
	l.held, l.holders = true, [...]*holder{c, s}
	c.push(l)
	s.push(l)
	heap.Fix(&t.busiest, c.place)
	t.held++
	t.unanswered++
	return evicted
}

// claim reports whether a query is still unanswered. If so, the caller must answer it.
func (t *pendingTable) claim(l *pendingQuery) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !l.held {
		return false
	}
	t.release(l)
	return true
}

// waitFor makes a query wait for another key. It reports false for a query that has
// been evicted.
func (t *pendingTable) waitFor(l *pendingQuery, k cache.Key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.held {
		l.key = k
	}
	return l.held
}

// done records that the responses to n queries that were claimed, or evicted, have been
// sent.
func (t *pendingTable) done(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unanswered -= n
}

// open returns the number of queries whose responses have not been sent.
func (t *pendingTable) open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unanswered
}

func (t *pendingTable) release(l *pendingQuery) {
	c, s := l.holders[0], l.holders[1]
	l.held, l.holders = false, [2]*holder{}
	t.held--
	c.count--
	s.count--
	c.tidy()
	s.tidy()
	if c.count == 0 {
		heap.Remove(&t.busiest, c.place)
		delete(t.clients, c.client)
	} else {
		heap.Fix(&t.busiest, c.place)
	}
	if s.count == 0 {
		delete(t.suffixes, s.suffix)
	}
}

func (h *holder) push(l *pendingQuery) {
	h.queue = append(h.queue, l)
	h.count++
}

// oldest returns the query that has waited longest. There must be one.
func (h *holder) oldest() *pendingQuery { return h.queue[0] }

// tidy keeps the oldest query at the front, and the length of the queue in proportion
// to the number of queries.
func (h *holder) tidy() {
	gone := func(l *pendingQuery) bool { return !l.held }
	if len(h.queue) > 2*h.count+16 {
		h.queue = slices.DeleteFunc(h.queue, gone)
	}
	for len(h.queue) > 0 && gone(h.queue[0]) {
		h.queue[0] = nil
		h.queue = h.queue[1:]
	}
}

// suffixOf returns the last two labels of a name, which stand for its domain.
func suffixOf(name []byte) []byte {
	last, before := 0, 0
	for i := 0; name[i] != 0; i += 1 + int(name[i]) {
		last, before = i, last
	}
	return name[before:]
}

// clientHeap is a heap with the client that has most queries on top.
type clientHeap []*holder

func (h clientHeap) Len() int           { return len(h) }
func (h clientHeap) Less(i, j int) bool { return h[i].count > h[j].count }

func (h clientHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *clientHeap) Push(x any) {
	c := x.(*holder)
	c.place = len(*h)
	*h = append(*h, c)
}

func (h *clientHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return c
}
