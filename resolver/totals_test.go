package resolver

import (
	"testing"
	"time"
)

func TestQuantilesOfTimes(t *testing.T) {
	// 90 queries below 4.096 µs, 9 between 8 and 16, 1 of more than 67 ms.
	times := Times{0: 90, 2: 9, timeBuckets - 1: 1}
	for _, c := range []struct {
		share float64
		want  time.Duration
	}{
		{0, 0},
		{0.45, 2048},
		{0.9, 4096},
		{0.99, 16384},
		{1, shortestTime << (timeBuckets - 2)},
	} {
		if got, ok := times.Quantile(c.share); !ok || got != c.want {
			t.Errorf("%v: got %v, %t, want %v, true", c.share, got, ok, c.want)
		}
	}
	if got, ok := (Times{}).Quantile(0.5); ok {
		t.Errorf("got the quantile %v of no queries, want none", got)
	}
	if got, want := times.Since(Times{0: 40, 2: 9}), (Times{0: 50, timeBuckets - 1: 1}); got != want {
		t.Errorf("got %v since earlier times, want %v", got, want)
	}
}

// A quantile is never outside the step of the query of that rank, so that what a page
// shows is right but for a factor of two.
func TestQuantilesAreWithinTheirStep(t *testing.T) {
	for _, d := range []time.Duration{time.Microsecond, 5 * time.Microsecond, 100 * time.Microsecond, 3 * time.Millisecond, 50 * time.Millisecond} {
		var counted durations
		counted.add(d, 1000)
		var times Times
		for i := range times {
			times[i] = counted.buckets[i].Load()
		}
		for _, share := range []float64{0.01, 0.5, 0.99} {
			got, ok := times.Quantile(share)
			if !ok || got > 2*d && got > shortestTime || got < d/2 && d > shortestTime {
				t.Errorf("%v: got %v for the share %v, want at most a factor of two away", d, got, share)
			}
		}
	}
}

// What is answered over UDP is timed for one batch in 64, and stands for all of them.
func TestTotalsWeighSampledTimes(t *testing.T) {
	s := &Server{counters: &counters{}, responder: &responder{}}
	w := s.counters.newWorker()
	w.times[UDP].add(time.Microsecond, 1)
	w.times[TCP].add(time.Millisecond, 3)
	w.add(TCP, 1, 3, "")
	got := s.Totals()
	if got.Times[0] != sampleEvery || got.Times[8] != 3 {
		t.Errorf("got the times %v, want %d in step 0 and 3 in step 8", got.Times, sampleEvery)
	}
	if len(got.Rcodes) != 1 || got.Rcodes["NXDOMAIN"] != 1 {
		t.Errorf("got the rcodes %v, want one NXDOMAIN", got.Rcodes)
	}
}
