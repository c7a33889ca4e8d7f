package resolver

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// durations counts how long queries took, in steps of twice the time.
type durations struct {
	buckets [timeBuckets]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// Bucket i is for what took less than 2^i times the shortest.
const (
	timeBuckets  = 16
	shortestTime = 4096 * time.Nanosecond // 2^12; the last bucket begins at 67 ms
)

// add counts n queries that took so long.
func (t *durations) add(d time.Duration, n int) {
	i := bits.Len64(uint64(max(d, 0)) / uint64(shortestTime))
	t.buckets[min(i, timeBuckets-1)].Add(uint64(n))
	t.sum.Add(int64(d) * int64(n))
}

// histogram adds up the times of a transport: how many queries took less than each
// bound, in seconds, how many there were, and their sum in seconds.
func (c *counters) histogram(t Transport) (below map[float64]uint64, count uint64, sum float64) {
	below = map[float64]uint64{}
	workers := c.workers()
	for i := range timeBuckets {
		for _, w := range workers {
			count += w.times[t].buckets[i].Load()
		}
		if i < timeBuckets-1 {
			below[(shortestTime << i).Seconds()] = count
		}
	}
	for _, w := range workers {
		sum += time.Duration(w.times[t].sum.Load()).Seconds()
	}
	return below, count, sum
}
