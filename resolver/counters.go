package resolver

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/tap"
	"toponym/zone"
)

// Queries are counted by what they were and how they were answered. Each worker
// counts into a table of its own, as one that is shared would travel between the
// cores with each query. Counting is one addition in memory that no other core
// uses: 5 ns, and no allocation.

// workerCounters is the table of one worker.
type workerCounters struct {
	zones   []string // in wire form; a name in none of them counts as "other"
	cells   []atomic.Uint64
	times   [transports]durations
	samples uint32 // for the worker alone
}

// countedTypes have cells of their own. Anything else counts as "other".
var countedTypes = [...]uint16{
	dns.TypeNone, dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeSOA, dns.TypeNS, dns.TypeANY,
	dns.TypeTXT, dns.TypeMX, dns.TypeCNAME, dns.TypeSVCB, dns.TypeHTTPS, dns.TypeNAPTR, dns.TypeDS, dns.TypeDNSKEY,
	dns.TypeAXFR, dns.TypeIXFR,
}

// countedRcodes have cells of their own. Anything else counts as "other".
var countedRcodes = [...]uint16{
	dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNameError, dns.RcodeNotImplemented,
	dns.RcodeRefused, dns.RcodeNotAuth, dns.RcodeBadVers, dns.RcodeBadCookie,
}

const (
	typeCells  = len(countedTypes) + 1 // the last is for others
	rcodeCells = len(countedRcodes) + 1
	zoneCells  = typeCells * rcodeCells * transports
)

// cellOf finds the cell of a number that fits in a byte.
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

// add counts a response. The origin is that of the zone of the name, in wire form,
// and empty for a name outside our zones.
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
	c.cells[((at*typeCells+kind)*rcodeCells+code)*transports+int(t)].Add(1)
}

// sampleEvery is of how many batches, or single queries, one is timed: to read a
// clock twice takes nearly as long as to make an answer.
const sampleEvery = 64

// sampleStart is the time now for one in sampleEvery calls, and no time for
// others. It is for one goroutine, which answers over UDP.
func (c *workerCounters) sampleStart() (start time.Time) {
	if c.samples++; c.samples%sampleEvery == 0 {
		start = time.Now()
	}
	return start
}

// sampleEnd counts n queries that were answered since sampleStart.
func (c *workerCounters) sampleEnd(start time.Time, n int) {
	if !start.IsZero() {
		c.times[UDP].add(time.Since(start), n)
	}
}

// counters hands out tables and adds them up. It may be used by any goroutine.
type counters struct {
	zones []string // in wire form
	names []string // the same in presentation form

	mu   sync.Mutex
	all  []*workerCounters
	free []*workerCounters // of workers that have ended
}

// newCounters counts by the origins that a store's zone has now.
func newCounters(store *zone.Store) *counters {
	c := &counters{}
	for _, o := range store.Current().Origins() {
		c.zones = append(c.zones, string(o))
		c.names = append(c.names, o.String())
	}
	return c
}

// newWorker is the table for one more worker: that of one that has ended, if any, as
// addresses may come and go for years.
func (c *counters) newWorker() *workerCounters {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		w := c.free[n-1]
		c.free = c.free[:n-1]
		return w
	}
	w := newWorkerCounters(c.zones)
	c.all = append(c.all, w)
	return w
}

// release gives the table of a worker back that has ended. It still counts.
func (c *counters) release(w *workerCounters) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = append(c.free, w)
}

func (c *counters) workers() []*workerCounters {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[:len(c.all):len(c.all)]
}

// Answered is the number of all responses since the start.
func (s *Server) Answered() (n uint64) {
	for _, w := range s.counters.workers() {
		for i := range w.cells {
			n += w.cells[i].Load()
		}
	}
	return n
}

// queryCount is how many queries of a kind were answered.
type queryCount struct {
	zone      string // the origin, such as "mesos."; "other" for names outside our zones
	qtype     string // such as "A"; "none" without a question, "other" for rare ones
	rcode     string // such as "NXDOMAIN"; "other" for rare ones
	transport Transport
	count     uint64
}

const other = "other"

// queries are the counts of now, but for those that are zero.
func (c *counters) queries() (list []queryCount) {
	sums := make([]uint64, (len(c.zones)+1)*zoneCells)
	for _, w := range c.workers() {
		for i := range w.cells {
			sums[i] += w.cells[i].Load()
		}
	}
	for i, n := range sums {
		if n > 0 {
			list = append(list, c.describe(i, n))
		}
	}
	return list
}

// describe says what the cell of a number counts.
func (c *counters) describe(cell int, n uint64) queryCount {
	q := queryCount{zone: other, qtype: other, rcode: other, transport: Transport(cell % transports), count: n}
	cell /= transports
	if i := cell % rcodeCells; i < len(countedRcodes) {
		q.rcode = tap.RcodeName(countedRcodes[i])
	}
	cell /= rcodeCells
	if i := cell % typeCells; i < len(countedTypes) {
		q.qtype = typeName(countedTypes[i])
	}
	if i := cell / typeCells; i < len(c.names) {
		q.zone = c.names[i]
	}
	return q
}

func typeName(qtype uint16) string {
	if qtype == dns.TypeNone {
		return "none"
	}
	return dns.Type(qtype).String()
}
