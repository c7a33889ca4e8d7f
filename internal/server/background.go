package server

import (
	"sync/atomic"
	"time"
)

// background runs long work of one kind at a lower priority, unless other programs have
// kept the last work of this kind from the processors: on a busy machine the system may
// give a thread of low priority a hundredth of a core, and what clients wait for would
// never end. The zero value is ready for use.
type background struct {
	urgentUntil atomic.Pointer[time.Time] // low priority is not tried before; nil: now
	starts      starter                   // nil for startInBackground, but for tests
}

// starter runs f on a thread of its own that has a lower priority, and returns when f has
// ended: how long the thread has run and how long it was ready and waited for a
// processor meanwhile. It is not ok where the system does not tell.
type starter func(f func()) (ran, waited time.Duration, ok bool)

const (
	// Work has starved if it has waited for a processor for at least starvedWait, and
	// starvedFactor times as long as it has run. Beside one thread of normal priority that
	// always runs, low priority leaves a tenth of a core: that alone is not starving.
	starvedWait   = 100 * time.Millisecond
	starvedFactor = 20

	// Work that has starved is urgent for urgentFactor times as long as it took, within
	// these bounds. Then low priority is tried again.
	urgentFactor = 10
	minUrgent    = 5 * time.Second
	maxUrgent    = 15 * time.Minute
)

// run runs f and returns when it has ended.
//
// f must not hold a lock that a change or a query waits for, and must not be what
// a single change needs: that is short and urgent.
func (b *background) run(f func()) {
	begin := time.Now()
	if until := b.urgentUntil.Load(); until != nil && begin.Before(*until) {
		f()
		return
	}
	start := b.starts
	if start == nil {
		start = startInBackground
	}
	ran, waited, ok := start(f)
	if ok && waited >= starvedWait && waited >= starvedFactor*ran {
		end := time.Now()
		until := end.Add(min(max(urgentFactor*end.Sub(begin), minUrgent), maxUrgent))
		b.urgentUntil.Store(&until)
	}
}
