//go:build bench && linux && (amd64 || arm64)

package main

import (
	"math"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{
		{[]float64{3}, 3}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5},
	} {
		if got := median(c.xs); got != c.want {
			t.Errorf("median of %v is %v", c.xs, got)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}

// costs are runs with these costs in rounds 1, 2, 3 and so on.
func costs(server string, cpu ...float64) (out []run) {
	for i, c := range cpu {
		out = append(out, run{Case: "a", Generator: genOwn, Server: server, Round: i + 1, CPU: c, Kept: true})
	}
	return out
}

func TestPaired(t *testing.T) {
	// The machine is twice as slow in round 2; 0 is a run too short to tell.
	ours, theirs := costs("x", 4, 8, 5, 7), costs("y", 5, 10, 5, 0)
	if got := paired(ours, theirs); got != (ratio{0.8, 0.8, 1}) {
		t.Errorf("%+v", got)
	}
	if got := paired(ours, nil); !math.IsNaN(got.median) || got.spread() != "–" {
		t.Errorf("%+v", got)
	}
}

func TestBest(t *testing.T) {
	b := best(costs("x", 4, 8, 0), costs("y", 5, 7, 6))
	if got := paired(costs("z", 4, 7, 6), b); got != (ratio{1, 1, 1}) {
		t.Errorf("%+v of %+v", got, b)
	}
}

func TestKept(t *testing.T) {
	runs := append(costs("x", 1, 2), costs("y", 3)...)
	runs[0].Kept = false
	if got := kept(runs, "a", genOwn, "x"); len(got) != 1 || got[0].CPU != 2 {
		t.Errorf("%+v", got)
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for part, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 0.999: 999 * time.Microsecond, 1: time.Millisecond} {
		if got := h.percentile(part); math.Abs(float64(got-want)) > 0.04*float64(want) {
			t.Errorf("percentile %v is %v, want %v", part, got, want)
		}
	}
	if l := h.latency(); l.Max != 1000 || l.Mean != 500.5 {
		t.Errorf("%+v", l)
	}
	if (&histogram{}).latency() != (latency{}) {
		t.Error("nothing has a latency")
	}
}

// TestBuckets: every duration is in a bucket that ends at it or at most 1/32
// above it, and buckets do not overlap.
func TestBuckets(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 1000, 1e6, 1e9, 1e12, math.MaxInt64} {
		b := bucketOf(d)
		if b < last || top(b) < d || float64(top(b)-d) > float64(d)/32+1 {
			t.Errorf("%d is in bucket %d, which ends at %d", d, b, top(b))
		}
		last = b
	}
	for b := range 1000 {
		if bucketOf(top(b)) != b || bucketOf(top(b)+1) != b+1 {
			t.Errorf("bucket %d ends at %d", b, top(b))
		}
	}
}
