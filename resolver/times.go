package resolver

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// sampleEvery is how many batches, or single queries, go by for each that is
// timed: to look at a clock twice takes nearly as long as to make an answer.
const sampleEvery = 64

// times counts how long queries took, in steps of twice the time.
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

// begin is the time now for one in sampleEvery calls, and no time for others.
// It is for one goroutine, which answers over UDP.
func (c *workerCounters) sampleStart() (start time.Time) {
	if c.turn++; c.turn%sampleEvery == 0 {
		start = time.Now()
	}
	return start
}

// end counts n queries that were answered since begin.
func (c *workerCounters) sampleEnd(start time.Time, n int) {
	if !start.IsZero() {
		c.times[UDP].add(time.Since(start), n)
	}
}
