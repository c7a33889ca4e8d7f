package tap

import (
	"sync/atomic"
	"time"
)

// Limiter lets a number of events pass each second. It may be used by many goroutines.
// The zero value lets all pass.
type Limiter struct {
	perWindow int64
	window    time.Duration
	epoch     time.Time // the windows are numbered from here

	current atomic.Int64 // the number of the window
	used    atomic.Int64 // of what may pass in it
}

// NewLimiter returns a limiter for a rate in events per second; 0 is no limit.
func NewLimiter(rate int) *Limiter {
	if rate >= 1000 {
		return &Limiter{perWindow: int64(rate) / 10, window: time.Second / 10, epoch: time.Now()}
	}
	return &Limiter{perWindow: int64(rate), window: time.Second, epoch: time.Now()}
}

// Take returns how many of n events may pass now.
func (l *Limiter) Take(now time.Time, n int) int {
	if l.perWindow == 0 {
		return n
	}
	window := int64(now.Sub(l.epoch) / l.window)
	if last := l.current.Load(); last != window && l.current.CompareAndSwap(last, window) {
		l.used.Store(0)
	}
	before := l.used.Add(int64(n)) - int64(n)
	return int(min(max(l.perWindow-before, 0), int64(n)))
}
