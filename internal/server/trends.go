package server

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"toponym/api"
	"toponym/resolver"
)

// A sample is taken every trendInterval, and kept for trendTime.
const (
	trendInterval = 10 * time.Second
	trendTime     = time.Hour
	trendSamples  = int(trendTime/trendInterval) + 1 // what lies between two of them is a trend

	// latencyIntervals is over how many intervals percentiles are taken: in one alone,
	// a quiet server times no query.
	latencyIntervals = 6
)

// trends keeps counts of the last hour in a ring of fixed size. They are read from
// counters that there are anyway, so that they cost a query nothing.
type trends struct {
	count func() counts

	mu   sync.Mutex
	ring [trendSamples]counts
	next int // where the next sample goes
	held int
}

// counts are what a server has done since its start, at a time.
type counts struct {
	at      time.Time       // with a reading of the monotonic clock
	totals  resolver.Totals // zero where DNS is not served
	changed uint64          // names
	memory  uint64          // bytes; 0 if the system does not tell
}

func newTrends(count func() counts) *trends { return &trends{count: count} }

// run takes samples until ctx ends.
func (t *trends) run(ctx context.Context) {
	t.sample()
	every(ctx, trendInterval, t.sample)
}

func (t *trends) sample() {
	c := t.count()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring[t.next] = c
	t.next = (t.next + 1) % trendSamples
	t.held = min(t.held+1, trendSamples)
}

// list returns the samples, the oldest first.
func (t *trends) list() []counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]counts, 0, t.held)
	for i := range t.held {
		list = append(list, t.ring[(t.next-t.held+i+trendSamples)%trendSamples])
	}
	return list
}

// describe is what /v1/status/trends shows. Times are those that the wall clock would
// have had if it had always gone as it does now.
func (t *trends) describe() api.Trends {
	list, now := t.list(), time.Now()
	d := api.Trends{Interval: api.Seconds(trendInterval), Samples: make([]api.Trend, 0, len(list))}
	for i := 1; i < len(list); i++ {
		c, before, minute := &list[i], &list[i-1], &list[max(0, i-latencyIntervals)]
		elapsed := c.at.Sub(before.at)
		if elapsed <= 0 {
			continue
		}
		one := api.Trend{
			Time:    now.Add(-now.Sub(c.at)).Round(time.Millisecond),
			Queries: map[string]float64{},
			Changes: api.PerSecond(c.changed-before.changed, elapsed),
		}
		for code, n := range c.totals.Rcodes {
			if n -= before.totals.Rcodes[code]; n > 0 {
				one.Queries[code] = api.PerSecond(n, elapsed)
			}
		}
		times := c.totals.Times.Since(minute.totals.Times)
		if p50, ok := times.Quantile(0.5); ok {
			p90, _ := times.Quantile(0.9)
			p99, _ := times.Quantile(0.99)
			one.Latency = &api.TrendLatency{P50: p50.Seconds(), P90: p90.Seconds(), P99: p99.Seconds()}
		}
		hits := c.totals.Cache.Hits + c.totals.Cache.Stale - before.totals.Cache.Hits - before.totals.Cache.Stale
		if questions := hits + c.totals.Cache.Misses - before.totals.Cache.Misses; questions > 0 {
			share := math.Round(float64(hits)/float64(questions)*10000) / 10000
			one.CacheHits = &share
		}
		if c.memory > 0 {
			one.Memory = &c.memory
		}
		d.Samples = append(d.Samples, one)
	}
	return d
}

// counts are those of now.
func (s *Server) counts() counts {
	c := counts{at: time.Now(), changed: s.pipeline.changed.Load(), memory: residentMemory()}
	if s.dns != nil {
		c.totals = s.dns.Totals()
	}
	return c
}

// residentMemory is that of the process, in bytes; 0 if the system does not tell.
func residentMemory() uint64 {
	p, err := procfs.Self()
	if err != nil {
		return 0
	}
	s, err := p.Stat()
	if err != nil {
		return 0
	}
	return uint64(max(s.ResidentMemory(), 0))
}
