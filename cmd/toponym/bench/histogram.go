//go:build bench && linux && (amd64 || arm64)

package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 3 % wide, 32 for each power of
// two. Adding a duration takes a few nanoseconds and allocates nothing.
type histogram struct {
	buckets [64 * subBuckets]uint64
	count   uint64
	sum     time.Duration
	max     time.Duration
}

const (
	subBits    = 5
	subBuckets = 1 << subBits
)

func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < subBuckets {
		return int(n)
	}
	shift := bits.Len64(n) - subBits - 1
	return shift<<subBits + int(n>>shift)
}

// top returns the largest duration of a bucket.
func top(bucket int) time.Duration {
	if bucket < 2*subBuckets {
		return time.Duration(bucket)
	}
	shift := bucket>>subBits - 1
	return time.Duration((uint64(bucket&(subBuckets-1)|subBuckets)+1)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
	h.sum += d
	h.max = max(h.max, d)
}

// percentile returns the duration that a fraction of all, from 0 to 1, does not
// exceed.
func (h *histogram) percentile(part float64) time.Duration {
	want := uint64(part * float64(h.count))
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; n > 0 && seen > want {
			return min(top(i), h.max)
		}
	}
	return h.max
}

// latency is the summary of a histogram, in microseconds.
type latency struct {
	Mean float64
	P50  float64 `json:",omitempty"`
	P90  float64 `json:",omitempty"`
	P99  float64 `json:",omitempty"`
	P999 float64 `json:",omitempty"`
	Max  float64
}

func (h *histogram) latency() latency {
	if h.count == 0 {
		return latency{}
	}
	return latency{
		Mean: micros(h.sum) / float64(h.count),
		P50:  micros(h.percentile(0.50)),
		P90:  micros(h.percentile(0.90)),
		P99:  micros(h.percentile(0.99)),
		P999: micros(h.percentile(0.999)),
		Max:  micros(h.max),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
