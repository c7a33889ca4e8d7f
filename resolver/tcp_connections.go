package resolver

import (
	"container/list"
	"net/netip"
	"sync"
)

// connectionTable bounds the connections that are open, in all and from one
// client, so that idle ones cannot keep other clients out. When a
// connection exceeds a bound, the one that has been idle longest is closed: one of
// the same client if its bound was reached, else any.
type connectionTable struct {
	max, maxPerClient int

	mu      sync.Mutex
	open    *list.List // of *connection; the one that has been idle for longest first
	clients map[netip.Prefix]*list.List

	displaced [len(connectionBounds)]uint64
}

// connectionBounds are the reasons for closing a connection, by their place in the
// counts.
var connectionBounds = [...]string{boundClient: "client", boundAll: "all", boundFiles: "files"}

const (
	boundClient = iota
	boundAll
	boundFiles // that the process may open
)

// connectionPlace is the place of a connection in the table.
type connectionPlace struct {
	table       *connectionTable
	client      netip.Prefix
	all, ofThem *list.Element // in the lists of all, and of the client
}

func newConnectionTable(max, maxPerClient int) *connectionTable {
	return &connectionTable{max: max, maxPerClient: maxPerClient, open: list.New(), clients: map[netip.Prefix]*list.List{}}
}

// clientIPv6 is the number of leading bits that all IPv6 addresses of a client share.
const clientIPv6 = 64

// clientPrefix returns the address of a client, or for IPv6 the network in which it can
// choose any address.
func clientPrefix(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = clientIPv6
	}
	p, _ := a.Prefix(bits)
	return p
}

// setBounds sets other bounds, and closes connections that are above them.
func (t *connectionTable) setBounds(max, maxPerClient int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.max, t.maxPerClient = max, maxPerClient
	for _, ofClient := range t.clients {
		for ofClient.Len() > maxPerClient {
			t.closeLongestIdle(ofClient, boundClient)
		}
	}
	for t.open.Len() > max {
		t.closeLongestIdle(t.open, boundAll)
	}
}

// add takes a new connection, and closes another if there are too many. It reports
// whether it has closed one.
func (t *connectionTable) add(c *connection) (full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	client := clientPrefix(c.addr)
	ofClient := t.clients[client]
	if ofClient != nil && ofClient.Len() >= t.maxPerClient {
		t.closeLongestIdle(ofClient, boundClient)
		full = true
	}
	if t.open.Len() >= t.max {
		t.closeLongestIdle(t.open, boundAll)
		full = true
	}
	if ofClient = t.clients[client]; ofClient == nil {
		ofClient = list.New()
		t.clients[client] = ofClient
	}
	c.place = connectionPlace{table: t, client: client, all: t.open.PushBack(c), ofThem: ofClient.PushBack(c)}
	return full
}

// closeOne closes a connection because the process cannot open more files.
func (t *connectionTable) closeOne() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closeLongestIdle(t.open, boundFiles)
}

// closeLongestIdle closes one connection of a list: the one that has been idle for
// longest, or if none is, the one whose last query came first.
func (t *connectionTable) closeLongestIdle(l *list.List, bound int) {
	chosen := l.Front()
	if chosen == nil {
		return
	}
	for e := chosen; e != nil; e = e.Next() {
		if !e.Value.(*connection).hasPending() {
			chosen = e
			break
		}
	}
	t.displaced[bound]++
	c := chosen.Value.(*connection)
	t.forget(c)
	c.cut()
}

// remove takes a connection that has ended out of the table.
func (t *connectionTable) remove(c *connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(c)
}

func (t *connectionTable) forget(c *connection) {
	p := &c.place
	if p.all == nil {
		return
	}
	t.open.Remove(p.all)
	ofClient := t.clients[p.client]
	ofClient.Remove(p.ofThem)
	if ofClient.Len() == 0 {
		delete(t.clients, p.client)
	}
	p.all, p.ofThem = nil, nil
}

// touch records that a query has come on a connection.
func (p *connectionPlace) touch() {
	t := p.table
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.all != nil {
		t.open.MoveToBack(p.all)
		t.clients[p.client].MoveToBack(p.ofThem)
	}
}

// counts returns the numbers of open connections by transport.
func (t *connectionTable) counts() (n [transports]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.open.Front(); e != nil; e = e.Next() {
		n[e.Value.(*connection).transport]++
	}
	return n
}

// displacedCounts returns the numbers of closed connections, by bound.
func (t *connectionTable) displacedCounts() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := map[string]uint64{}
	for i, n := range t.displaced {
		counts[connectionBounds[i]] = n
	}
	return counts
}
