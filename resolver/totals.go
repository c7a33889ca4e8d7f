package resolver

import (
	"time"

	"toponym/resolver/cache"
)

// Totals are what a server has answered since its start.
type Totals struct {
	Rcodes map[string]uint64 // responses by rcode, such as "NXDOMAIN"; those with at least one
	Times  Times             // from reading a query to sending its response, forwarded queries aside
	Cache  cache.Stats       // of forwarded names; zero if nothing is forwarded
}

// Totals returns the totals of now. It may be called from any goroutine, and disturbs
// no query.
func (s *Server) Totals() Totals {
	t := Totals{Rcodes: map[string]uint64{}}
	for _, q := range s.counters.queries() {
		t.Rcodes[q.rcode] += q.count
	}
	for transport := range Transport(transports) {
		weight := uint64(1)
		if transport == UDP {
			weight = sampleEvery
		}
		for _, w := range s.counters.workers() {
			for i := range t.Times {
				t.Times[i] += w.times[transport].buckets[i].Load() * weight
			}
		}
	}
	if f := s.responder.forward; f != nil {
		t.Cache = f.cache.Stats()
	}
	return t
}

// Times counts queries by how long they took. Each step is for twice the time of the
// one before. Those over UDP are known from one batch in 64, and count 64 times.
type Times [timeBuckets]uint64

// Since returns the queries that came after earlier times of the same server.
func (t Times) Since(earlier Times) Times {
	for i := range t {
		t[i] -= min(t[i], earlier[i])
	}
	return t
}

// Quantile returns the time that a share of the queries, from 0 to 1, did not exceed.
// It is taken as evenly spread within a step, as Prometheus does, and so is wrong by
// less than a factor of two; in the last step, which has no end, it is the beginning.
// ok is false if there are no queries.
func (t Times) Quantile(share float64) (d time.Duration, ok bool) {
	var all uint64
	for _, n := range t {
		all += n
	}
	if all == 0 {
		return 0, false
	}
	rank, below := share*float64(all), 0.0
	for i, n := range t {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		end := shortestTime << i
		begin := end / 2
		if i == 0 {
			begin = 0
		}
		if i == timeBuckets-1 {
			return begin, true
		}
		return begin + time.Duration(float64(end-begin)*(rank-below)/float64(n)), true
	}
	return shortestTime << (timeBuckets - 2), true // rounding
}
