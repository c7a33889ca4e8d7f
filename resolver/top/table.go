package top

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/tap"
)

// Bounds of a table.
const (
	// counters is how many names, and how many clients, have one. Whoever asks for
	// more than 1 in 1000 is found.
	counters = 1000

	// In each period, about perPeriod queries are counted, in the first one, which
	// finds out the weight, up to five times as many. That takes 1 % of a
	// processor.
	period    = 100 * time.Millisecond
	perPeriod = 2000

	maxWeight = 1 << 16
)

// Table counts names and clients. It is a [tap.Observer], and may be used by any
// goroutine.
type Table struct {
	weight atomic.Uint32 // one query in so many is counted, at random; a power of two
	start  time.Time
	begun  atomic.Int64 // when the period began, since start

	mu      sync.Mutex
	names   *heavy[string] // in lower case and wire form
	clients *heavy[netip.Addr]
	seen    uint64 // queries, estimated
	counted int    // in the period that has begun
}

// NewTable returns a table that has counted nothing.
func NewTable() *Table {
	t := &Table{start: time.Now(), names: newHeavy[string](counters), clients: newHeavy[netip.Addr](counters)}
	t.weight.Store(1)
	return t
}

// Observe implements [tap.Observer]. It counts the queries of clients, those that are
// dropped included.
func (t *Table) Observe(events []tap.Event) {
	weight := t.weight.Load()
	locked := false
	for i := range events {
		e := &events[i]
		if e.Upstream || e.Stage == tap.Completed || weight > 1 && rand.Uint32()&(weight-1) != 0 {
			continue
		}
		if !locked {
			t.mu.Lock()
			locked = true
		}
		t.count(e, uint64(weight))
	}
	now := events[0].Asked.Sub(t.start)
	if !locked {
		if weight == 1 || now-time.Duration(t.begun.Load()) < period {
			return
		}
		t.mu.Lock()
	}
	t.adjust(now)
	t.mu.Unlock()
}

// count counts a query that stands for some. The caller holds mu.
func (t *Table) count(e *tap.Event, weight uint64) {
	t.counted++
	t.seen += weight
	addr := e.Client.Addr().WithZone("").Unmap()
	if c := t.clients.of[addr]; c != nil {
		t.clients.add(c, weight)
	} else {
		t.clients.insert(addr, weight)
	}
	var space [dnswire.MaxName]byte
	name := nameOf(space[:0], e.Query)
	if name == nil {
		return
	}
	if c := t.names.of[string(name)]; c != nil {
		t.names.add(c, weight)
	} else {
		t.names.insert(string(name), weight)
	}
}

// adjust doubles the weight as soon as more queries are counted in a period than there
// may be, and halves it after one with few. The caller holds mu.
func (t *Table) adjust(now time.Duration) {
	weight := t.weight.Load()
	switch {
	case now-time.Duration(t.begun.Load()) >= period:
		if t.counted < perPeriod/4 && weight > 1 {
			t.weight.Store(weight / 2)
		}
		t.begun.Store(int64(now))
		t.counted = 0
	case t.counted > perPeriod && weight < maxWeight:
		t.weight.Store(weight * 2)
		t.counted = 0
	}
}

// nameOf appends the name of a question to b, in wire form and lower case; nil if the
// packet has none.
func nameOf(b, packet []byte) []byte {
	name := dnswire.QuestionName(packet)
	if name == nil {
		return nil
	}
	b = append(b, name...)
	dnswire.ToLower(b)
	return b
}

// Count is how often a name was asked, or a client has asked: between AtLeast and AtMost
// times. Where only some queries were counted, both are estimates.
type Count struct{ AtLeast, AtMost uint64 }

// NameCount is the count of a name, in presentation form.
type NameCount struct {
	Name string
	Count
}

// ClientCount is the count of a client.
type ClientCount struct {
	Client netip.Addr
	Count
}

// Result is what was counted, the most frequent first.
type Result struct {
	Queries uint64 // of all names and clients, estimated
	Weight  uint32 // one query in so many is counted now
	Names   []NameCount
	Clients []ClientCount
}

// Result returns at most n names and n clients.
func (t *Table) Result(n int) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Result{Queries: t.seen, Weight: t.weight.Load()}
	for _, c := range t.names.list(n) {
		name, _, err := dns.UnpackDomainName([]byte(c.key), 0)
		if err != nil {
			continue // not reached: the name was checked when it was counted
		}
		r.Names = append(r.Names, NameCount{name, c.bounds()})
	}
	for _, c := range t.clients.list(n) {
		r.Clients = append(r.Clients, ClientCount{c.key, c.bounds()})
	}
	slices.SortStableFunc(r.Names, func(a, b NameCount) int { return cmp.Or(cmp.Compare(b.AtMost, a.AtMost), cmp.Compare(a.Name, b.Name)) })
	slices.SortStableFunc(r.Clients, func(a, b ClientCount) int { return cmp.Or(cmp.Compare(b.AtMost, a.AtMost), a.Client.Compare(b.Client)) })
	return r
}

func (c counter[K]) bounds() Count { return Count{c.count - c.over, c.count} }
