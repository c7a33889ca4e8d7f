package server

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toponym/resolver"
	"toponym/resolver/cache"
)

func TestTrendsAreRatesOfTheLastHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[counts]
		now.Store(&counts{})
		trends := newTrends(func() counts {
			c := *now.Load()
			c.at = time.Now()
			return c
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go trends.run(ctx)
		synctest.Wait()
		if got := trends.describe(); len(got.Samples) != 0 || time.Duration(got.Interval) != trendInterval {
			t.Errorf("got %+v at the start, want no samples, and the interval", got)
		}
		step := func(c counts) {
			now.Store(&c)
			time.Sleep(trendInterval)
			synctest.Wait()
		}
		var times resolver.Times
		times[0] = 64
		step(counts{
			totals:  resolver.Totals{Rcodes: map[string]uint64{"NOERROR": 50, "NXDOMAIN": 5}, Times: times, Cache: cache.Stats{Hits: 8, Stale: 1, Misses: 3}},
			changed: 20, memory: 1 << 20,
		})
		step(*now.Load())
		samples := trends.describe().Samples
		if len(samples) != 2 {
			t.Fatalf("got %d samples, want 2", len(samples))
		}
		first, second := samples[0], samples[1]
		if first.Queries["NOERROR"] != 5 || first.Queries["NXDOMAIN"] != 0.5 || first.Changes != 2 || first.CacheHits == nil || *first.CacheHits != 0.75 || first.Memory == nil || *first.Memory != 1<<20 {
			t.Errorf("got %+v, want 5 and 0.5 queries and 2 changed names per second, 0.75 cache hits and 1 MiB", first)
		}
		if first.Latency == nil || first.Latency.P50 <= 0 || first.Latency.P99 < first.Latency.P50 {
			t.Errorf("got the latency %+v, want percentiles", first.Latency)
		}
		if len(second.Queries) != 0 || second.Changes != 0 || second.CacheHits != nil {
			t.Errorf("got %+v without queries and changes, want nothing", second)
		}
		if second.Latency == nil || *second.Latency != *first.Latency {
			t.Errorf("got the latency %+v within the minute, want %+v", second.Latency, first.Latency)
		}
		if got := second.Time.Sub(first.Time); got != trendInterval {
			t.Errorf("got samples %v apart, want %v", got, trendInterval)
		}
		for range latencyIntervals {
			step(*now.Load())
		}
		samples = trends.describe().Samples
		if last := samples[len(samples)-1]; last.Latency != nil {
			t.Errorf("got the latency %+v a minute after the last query, want none", last.Latency)
		}

		time.Sleep(3 * time.Hour)
		synctest.Wait()
		samples = trends.describe().Samples
		if got := samples[len(samples)-1].Time.Sub(samples[0].Time) + trendInterval; got != trendTime {
			t.Errorf("got samples of %v, want the last %v alone", got, trendTime)
		}
	})
}

// A server that does not serve DNS still has trends of its memory and changes.
func TestTrendsOfTheProcess(t *testing.T) {
	if got := residentMemory(); got < 1<<20 {
		t.Errorf("got %d bytes of resident memory, want at least 1 MiB", got)
	}
}
