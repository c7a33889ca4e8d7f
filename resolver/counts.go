package resolver

import (
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"toponym/zone"
)

// Queries are counted by what they were and what became of them. Each worker
// counts into a table of its own, as one that is shared would travel between
// the cores with each query. Counting is one addition in memory that no other
// core touches: 5 ns, and it allocates nothing.

// counts is the table of one worker.
type workerCounters struct {
	zones []string // in wire form; what is in none of them counts as another
	cells []atomic.Uint64
	times [2]durations // by transport
	turn  uint32       // of sampling; for the worker alone
}

// countedTypes have cells of their own. Anything else counts as other.
var countedTypes = [...]uint16{
	dns.TypeNone, dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeSOA, dns.TypeNS, dns.TypeANY,
	dns.TypeTXT, dns.TypeMX, dns.TypeCNAME, dns.TypeSVCB, dns.TypeHTTPS, dns.TypeNAPTR, dns.TypeDS, dns.TypeDNSKEY,
	dns.TypeAXFR, dns.TypeIXFR,
}

// countedRcodes likewise.
var countedRcodes = [...]uint16{
	dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNameError, dns.RcodeNotImplemented,
	dns.RcodeRefused, dns.RcodeBadVers, dns.RcodeBadCookie,
}

const (
	typeCells  = len(countedTypes) + 1 // the last is for others
	rcodeCells = len(countedRcodes) + 1
	zoneCells  = typeCells * rcodeCells * 2
)

// cellOf finds the cell of a number that fits in an octet.
type cellOf [256]uint8

func newCellOf(counted []uint16) (c cellOf) {
	for i := range c {
		c[i] = uint8(len(counted))
	}
	for i, n := range counted {
		c[n] = uint8(i)
	}
	return c
}

var (
	typeCell  = newCellOf(countedTypes[:])
	rcodeCell = newCellOf(countedRcodes[:])
)

func newWorkerCounters(zones []string) *workerCounters {
	return &workerCounters{zones: zones, cells: make([]atomic.Uint64, (len(zones)+1)*zoneCells)}
}

// add counts a reply. The origin is that of the zone which the name is in, in
// wire form, and empty where it is in none.
func (c *workerCounters) add(t Transport, qtype, rcode uint16, origin string) {
	at := 0
	for at < len(c.zones) && c.zones[at] != origin {
		at++
	}
	kind, code := typeCells-1, rcodeCells-1
	if qtype < 256 {
		kind = int(typeCell[qtype])
	}
	if rcode < 256 {
		code = int(rcodeCell[rcode])
	}
	c.cells[((at*typeCells+kind)*rcodeCells+code)*2+int(t&1)].Add(1)
}

// tally hands out tables and adds them up.
type counters struct {
	zones []string // in wire form
	names []string // the same as people read them

	mu  sync.Mutex
	all []*workerCounters
}

// newTally counts by the origins that a store's zone has now.
func newCounters(store *zone.Store) *counters {
	t := &counters{}
	for _, o := range store.Current().Origins() {
		t.zones = append(t.zones, string(o))
		t.names = append(t.names, o.String())
	}
	return t
}

// worker is the table for one more worker.
func (t *counters) newWorker() *workerCounters {
	c := newWorkerCounters(t.zones)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, c)
	return c
}

func (t *counters) workers() []*workerCounters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[:len(t.all):len(t.all)]
}
