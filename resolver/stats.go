package resolver

import (
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// Stats are what a server has done since it was made. All numbers only grow.
type Stats struct {
	Queries []QueryCount
	Times   [2]Times // by transport
}

// QueryCount is how many queries of a kind were answered.
type QueryCount struct {
	Zone      string // the origin, such as "mesos."; "other" for names that are not ours
	Type      string // such as "A"; "none" without a question, "other" for rare ones
	Rcode     string // such as "NXDOMAIN"; "other" for rare ones
	Transport Transport
	Count     uint64
}

// Times are how long answering took, from when a query was read until its reply
// had been handed to the system. Some of the queries are timed, not all. Over
// UDP those that were read together were sent together, and took the same.
type Times struct {
	Bounds []time.Duration // the upper bounds of Counts, but for the last
	Counts []uint64        // of queries that took less than the bound, and not less than the one before
	Sum    time.Duration
}

const other = "other"

// Stats gives the numbers of now. It may be called from any goroutine, and
// disturbs nobody.
func (s *Server) Stats() Stats {
	workers := s.counters.workers()
	var st Stats
	sums := make([]uint64, (len(s.counters.zones)+1)*zoneCells)
	for t := range st.Times {
		st.Times[t] = newTimes()
	}
	for _, w := range workers {
		for i := range w.cells {
			sums[i] += w.cells[i].Load()
		}
		for t := range w.times {
			st.Times[t].add(&w.times[t])
		}
	}
	for i, n := range sums {
		if n > 0 {
			st.Queries = append(st.Queries, s.counters.describe(i, n))
		}
	}
	return st
}

// Answered is the number of all replies.
func (s *Server) Answered() (n uint64) {
	for _, w := range s.counters.workers() {
		for i := range w.cells {
			n += w.cells[i].Load()
		}
	}
	return n
}

// describe says what the cell of a number counts.
func (t *counters) describe(cell int, n uint64) QueryCount {
	q := QueryCount{Zone: other, Type: other, Rcode: other, Transport: Transport(cell & 1), Count: n}
	cell /= 2
	if c := cell % rcodeCells; c < len(countedRcodes) {
		q.Rcode = rcodeName(countedRcodes[c])
	}
	cell /= rcodeCells
	if c := cell % typeCells; c < len(countedTypes) {
		q.Type = typeName(countedTypes[c])
	}
	if z := cell / typeCells; z < len(t.names) {
		q.Zone = t.names[z]
	}
	return q
}

func rcodeName(rcode uint16) string {
	if name, ok := dns.RcodeToString[int(rcode)]; ok && rcode != dns.RcodeBadVers {
		return name
	}
	if rcode == dns.RcodeBadVers {
		return "BADVERS" // the library's name is that of a signature's fault
	}
	return strconv.Itoa(int(rcode))
}

func typeName(qtype uint16) string {
	if qtype == dns.TypeNone {
		return "none"
	}
	return dns.Type(qtype).String()
}

func newTimes() Times {
	t := Times{Counts: make([]uint64, timeBuckets)}
	for i := range timeBuckets - 1 {
		t.Bounds = append(t.Bounds, shortestTime<<i)
	}
	return t
}

func (t *Times) add(w *durations) {
	for i := range w.buckets {
		t.Counts[i] += w.buckets[i].Load()
	}
	t.Sum += time.Duration(w.sum.Load())
}
