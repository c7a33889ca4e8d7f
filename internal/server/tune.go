package server

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// tuning is what the runtime is told, unless the operator has decided with
// GOGC and GOMAXPROCS.
type tuning struct {
	cores     int
	collector bool // ours to tune
	threads   bool
	given     sync.Once // what the first state left behind, back to the system
	following func() bool
}

// How much garbage there may be beside what is in use before the collector runs,
// in percent.
const (
	// gcPercent holds while a state is read. What that leaves behind is a fifth of
	// what is in use, and Go's default of 100 would let the process grow to twice
	// its need for the sake of it. The collector runs once or twice for each state
	// with 50.
	gcPercent = 50
	// gcPercentFollowing holds while changes come one by one, if much is in use.
	// What the collector costs for each change is the same for any size of the
	// cluster, and half of it with twice the room; but to look through a large
	// heap takes it long, which those who wait for an answer notice.
	gcPercentFollowing = 100
)

// largeHeap is how many bytes in use are much.
const largeHeap = 64 << 20

// spareThreads is how many threads may run Go code beside one for each core
// while a state is read.
//
// A query waits until the scheduler has a place for who answers it. The reader
// of a state and the collector take up the places of two cores; with two more
// there is always one to spare, and the system sees to it that the reader,
// which has the lower rank, makes room. It takes the p99.9 at 2,000 queries per
// second on two cores from 7.2 to 1.0 ms. At other times the spare threads
// would look for work in vain, which costs half as much again for each query.
const spareThreads = 2

// newTuning sets up the collector, where enabled is set. following tells whether
// changes come one by one.
func newTuning(enabled bool, following func() bool) *tuning {
	t := &tuning{
		cores:     runtime.GOMAXPROCS(0),
		collector: enabled && os.Getenv("GOGC") == "",
		threads:   enabled && os.Getenv("GOMAXPROCS") == "",
		following: following,
	}
	if t.collector {
		debug.SetGCPercent(gcPercent)
	}
	return t
}

// busy makes room for those that answer queries while a state is read, until
// done is called. It is for one caller at a time.
func (t *tuning) busy() (done func()) {
	if t.collector {
		debug.SetGCPercent(gcPercent)
	}
	if t.threads {
		runtime.GOMAXPROCS(t.cores + spareThreads)
	}
	return func() {
		if t.threads {
			runtime.GOMAXPROCS(t.cores)
		}
		if !t.collector {
			return
		}
		// The first state is read and made a zone of with nothing there before. The
		// room that took is not needed again while changes come one by one.
		t.given.Do(debug.FreeOSMemory)
		if t.following() && inUse() >= largeHeap {
			debug.SetGCPercent(gcPercentFollowing)
		}
	}
}

// inUse is how many bytes the collector found in use when it last ran.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
