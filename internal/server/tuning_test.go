package server

import (
	"runtime"
	"runtime/debug"
	"testing"

	"toponym/internal/testutil"
)

// A process that polls needs no more room than for the next state. One that
// follows events has it where the collector's work is dear.
func TestRoomForTheCollector(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	following := false
	tuned := newTuning(true, func() bool { return following })
	check := func(what string, reading bool, want int) {
		t.Helper()
		if got := tuned.percent(reading); got != want {
			t.Errorf("%s: got %d %%, want %d %%", what, got, want)
		}
	}
	large := make([]byte, 2*largeHeap)
	runtime.GC()
	check("polling, a state is read", true, gcPercent)
	check("polling", false, gcPercent)
	following = true
	check("following, a state is read", true, gcPercent)
	check("following", false, gcPercentFollowing)
	runtime.KeepAlive(large)
	large = nil
	runtime.GC()
	check("following, little in use", false, gcPercent)
}

// The number of threads follows whether a state is read, and is as before at
// the end.
func TestSpareThreadsWhileAStateIsRead(t *testing.T) {
	tuned := newTuning(true, func() bool { return false })
	tuned.collector, tuned.threads = false, true
	defer running(t, tuned.run)()
	threads := func() int { return runtime.GOMAXPROCS(0) }
	done := tuned.busy()
	testutil.EventuallyEqual(t, tuned.cores+spareThreads, threads, "threads while a state is read")
	done()
	testutil.EventuallyEqual(t, tuned.cores, threads, "threads afterwards")
}

// Setting up the runtime waits for a running collection, and must not hold up
// the changes that follow a full state.
func TestTheEndOfAStateWaitsForNothing(t *testing.T) {
	tuned := newTuning(true, func() bool { t.Error("got a tuning in the goroutine that reads, want none"); return false })
	for range 3 { // nobody runs it
		tuned.busy()()
	}
}
