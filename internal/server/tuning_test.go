package server

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// Long HTTP answers once delayed queries by up to a tenth of a second on one core:
// the scheduler had no thread for the goroutine that answers them.
func TestSpareThreadsWhileAnswersAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tuned := newTuning(true, func() bool { return false })
		tuned.collector, tuned.threads = false, true
		stop := running(t, tuned.run)
		synctest.Wait()
		tuned.answer(func() {
			synctest.Wait()
			if got, want := runtime.GOMAXPROCS(0), tuned.cores+spareThreads; got != want {
				t.Errorf("while an answer is made: got %d threads, want %d", got, want)
			}
		})
		time.Sleep(3 * spareTime)
		synctest.Wait()
		if got := runtime.GOMAXPROCS(0); got != tuned.cores {
			t.Errorf("afterwards: got %d threads, want %d", got, tuned.cores)
		}
		stop()
	})
}

// Several at a time have more threads, or they would keep all of them.
func TestMoreSpareThreadsWhileSeveralAnswersAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tuned := newTuning(true, func() bool { return false })
		tuned.collector, tuned.threads = false, true
		stop := running(t, tuned.run)
		synctest.Wait()
		check := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := runtime.GOMAXPROCS(0); got != want {
				t.Errorf("%s: got %d threads, want %d", what, got, want)
			}
		}
		tuned.answer(func() {
			check("one answer", tuned.cores+spareThreads)
			tuned.answer(func() {
				check("two answers", tuned.cores+spareThreads+crowdThreads)
				time.Sleep(3 * spareTime)
				check("two answers after some time", tuned.cores+spareThreads+crowdThreads)
			})
			time.Sleep(3 * spareTime)
			check("one answer again", tuned.cores+spareThreads)
		})
		time.Sleep(3 * spareTime)
		check("afterwards", tuned.cores)
		stop()
	})
}

// The memory that many HTTP answers took is given back, and that of a few is not
// worth a collection.
func TestMemoryIsGivenBackAfterManyAnswers(t *testing.T) {
	for _, tc := range []struct{ answers, want int }{{burstAnswers - 1, 0}, {burstAnswers, 1}} {
		synctest.Test(t, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
			tuned := newTuning(true, func() bool { return false })
			tuned.collector, tuned.threads = true, false
			var got atomic.Int64
			tuned.giveBack = func() { got.Add(1) }
			stop := running(t, tuned.run)
			for range tc.answers {
				tuned.answer(func() {})
			}
			time.Sleep(burstRest + 3*spareTime)
			if got := int(got.Load()); got != tc.want {
				t.Errorf("after %d answers: memory was given back %d times, want %d", tc.answers, got, tc.want)
			}
			stop()
		})
	}
}

// So is the memory of many queries that waited for upstream servers, once they no longer
// do.
func TestMemoryIsGivenBackAfterManyQueriesWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
		tuned := newTuning(true, func() bool { return false })
		tuned.collector, tuned.threads = true, false
		var got, waiting atomic.Int64
		waiting.Store(burstQueries)
		tuned.giveBack, tuned.waiting = func() { got.Add(1) }, func() int { return int(waiting.Load()) }
		stop := running(t, tuned.run)
		time.Sleep(time.Minute)
		if n := got.Load(); n != 0 {
			t.Errorf("while queries wait: memory was given back %d times, want 0", n)
		}
		waiting.Store(burstQueries - 1)
		time.Sleep(time.Minute)
		if n := got.Load(); n != 1 {
			t.Errorf("afterwards: memory was given back %d times, want 1", n)
		}
		stop()
	})
}
