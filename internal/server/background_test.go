package server

import (
	"testing"
	"testing/synctest"
	"time"
)

// Work that other programs keep from the processors at low priority is done at normal
// priority for a while, and low priority is tried again then.
func TestStarvedWorkBecomesUrgent(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		what        string
		took        time.Duration
		ran, waited time.Duration
		ok          bool
		urgent      time.Duration // for how long; 0: not at all
	}{
		{"idle machine", 500 * ms, 500 * ms, 0, true, 0},
		{"beside one other thread on the core", 5500 * ms, 500 * ms, 5000 * ms, true, 0},
		{"short waits", 60 * ms, ms, 59 * ms, true, 0},
		{"a client that is waited for", time.Minute, 20 * ms, 100 * ms, true, 0},
		{"a busy machine", 300 * ms, 10 * ms, 290 * ms, true, 5 * time.Second},
		{"a busy machine, long work", 20 * time.Second, 500 * ms, 19500 * ms, true, 200 * time.Second},
		{"a busy machine, very long work", 10 * time.Minute, time.Second, 10 * time.Minute, true, 15 * time.Minute},
		{"nobody counts", 300 * ms, 10 * ms, 290 * ms, false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			low, done := 0, 0
			b := &background{starts: func(f func()) (time.Duration, time.Duration, bool) {
				low++
				f()
				return tt.ran, tt.waited, tt.ok
			}}
			check := func(when string, want int) {
				t.Helper()
				before := low
				b.run(func() { done++ })
				if low-before != want {
					t.Errorf("%s, %s: got low priority %d times, want %d", tt.what, when, low-before, want)
				}
			}
			b.run(func() { time.Sleep(tt.took); done++ })
			if tt.urgent == 0 {
				check("at once", 1)
			} else {
				check("at once", 0)
				time.Sleep(tt.urgent - ms)
				check("before the end", 0)
				time.Sleep(2 * ms)
				check("after the end", 1)
				check("again", 0)
			}
			if want := map[bool]int{false: 2, true: 5}[tt.urgent > 0]; done != want {
				t.Errorf("%s: the work was done %d times, want %d", tt.what, done, want)
			}
		})
	}
}
